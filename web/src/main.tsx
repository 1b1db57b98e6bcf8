import "./ui/mantine";
import "./ui/base.css";
import "./ui/range.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./features/shell/App";
import { followFragment } from "./state/location";
import { guardMarkup } from "./ui/trusted";

guardMarkup();
followFragment();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
