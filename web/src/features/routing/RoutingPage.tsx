import "./routing.css";

import { SegmentedControl } from "@mantine/core";

import { useQueryState } from "../../state/location";
import { useNow } from "../../state/now";
import { AlertNav } from "../../ui/AlertNav";
import { Page } from "../../ui/Page";
import { ZoneLabel } from "../../ui/Time";
import { Channels } from "./Channels";
import { Policies } from "./Policies";
import { Routes } from "./Routes";

const CLOCK_MS = 5_000;
const VIEWS = [
  { value: "routes", label: "Routes" },
  { value: "policies", label: "Escalation" },
  { value: "channels", label: "Channels" },
];

/** Who is told of what: the routing tree, the escalation policies, and how the channels do. */
export default function RoutingPage() {
  const [query, change] = useQueryState();
  const now = useNow(CLOCK_MS);
  const view = VIEWS.find((one) => one.value === query.get("view"))?.value ?? "routes";
  return (
    <Page title="Routing" controls={<ZoneLabel atMs={now} />}>
      <AlertNav />
      <div className="as-routing">
        <SegmentedControl size="xs" aria-label="What to see" data={VIEWS} value={view} onChange={(value) => change({ view: value === "routes" ? null : value })} />
        {view === "policies" ? <Policies /> : view === "channels" ? <Channels nowMs={now} /> : <Routes />}
      </div>
    </Page>
  );
}
