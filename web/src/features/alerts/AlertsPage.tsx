import "./alerts.css";

import { useEffect } from "react";

import { href, navigate, useQueryState } from "../../state/location";
import { useNow } from "../../state/now";
import { AlertNav } from "../../ui/AlertNav";
import { Page } from "../../ui/Page";
import { ZoneLabel } from "../../ui/Time";
import { AlertList } from "./AlertList";
import { AlertScreen } from "./AlertScreen";
import { NotificationList } from "./NotificationList";
import { RuleList } from "./RuleList";

const CLOCK_MS = 5_000;

/** What fires and waits, what was told to whom, and the rules behind it; or one alert. */
export default function AlertsPage({ rest }: { rest: string }) {
  const [query] = useQueryState();
  const now = useNow(CLOCK_MS);
  const named = query.get("id");
  useEffect(() => {
    if (named && rest === "") navigate(href(`alerts/${named}`), { replace: true }); // a link of before there was a page for each
  }, [named, rest]);
  if (rest !== "") return <AlertScreen key={rest} id={rest} />;
  const tab = query.get("tab");
  return (
    <Page title="Alerts" controls={<ZoneLabel atMs={now} />}>
      <AlertNav />
      {tab === "history" ? <NotificationList nowMs={now} /> : tab === "rules" ? <RuleList nowMs={now} /> : <AlertList nowMs={now} />}
    </Page>
  );
}
