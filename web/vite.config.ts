import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

import { mockServer } from "./dev/mock.ts";

const NONCE_PLACE = "__ANYASCOPE_NONCE__";
const BASE_PLACE = "__ANYASCOPE_BASE__";

/** What the server does to index.html on every request, done once for `npm run dev`. */
function places(): Plugin {
  return {
    name: "anyascope-places",
    apply: "serve",
    transformIndexHtml: (html) => html.replaceAll(BASE_PLACE, "/ui/").replaceAll(NONCE_PLACE, "dev"),
  };
}

export default defineConfig(({ command, mode }) => ({
  // Relative addresses: the server says with <base> under which path it is reached.
  base: command === "build" ? "./" : "/ui/",
  html: { cspNonce: NONCE_PLACE },
  plugins: [react(), places(), ...(mode === "development" ? [mockServer()] : [])],
  build: {
    outDir: fileURLToPath(new URL("../src/anyascope/webui/dist", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  // A case has a minute: a shared machine may take seconds to draw what is drawn at once elsewhere.
  test: { environment: "node", include: ["tests/**/*.test.{ts,tsx}"], testTimeout: 60_000, hookTimeout: 60_000 },
}));
