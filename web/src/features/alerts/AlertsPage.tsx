import "./alerts.css";

import { Tabs } from "@mantine/core";

import { useQueryState } from "../../state/location";
import { useNow } from "../../state/now";
import { Page } from "../../ui/Page";
import { ZoneLabel } from "../../ui/Time";
import { AlertList } from "./AlertList";
import { NotificationList } from "./NotificationList";
import { RuleList } from "./RuleList";

const CLOCK_MS = 5_000;

/** What fires and waits, what was told to whom, and the rules behind it. */
export default function AlertsPage() {
  const [query, change] = useQueryState();
  const now = useNow(CLOCK_MS);
  const tab = query.get("tab") ?? "alerts";
  return (
    <Page title="Alerts" controls={<ZoneLabel atMs={now} />}>
      <Tabs value={tab} onChange={(value) => change({ tab: value === "alerts" ? null : value })} keepMounted={false}>
        <Tabs.List aria-label="Alerts">
          <Tabs.Tab value="alerts">Alerts</Tabs.Tab>
          <Tabs.Tab value="history">Notifications</Tabs.Tab>
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="alerts">
          <AlertList nowMs={now} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <NotificationList nowMs={now} />
        </Tabs.Panel>
        <Tabs.Panel value="rules">
          <RuleList nowMs={now} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
