import "./now.css";

import { useQuery } from "@tanstack/react-query";

import { ALERTS_KEY, HEALTH_KEY } from "../../api/events";
import { fetchAlerts, fetchHealth } from "../../api/own";
import { countStates } from "../../model/alerts";
import { useNow } from "../../state/now";
import { Page } from "../../ui/Page";
import { Failure, Loading } from "../../ui/States";
import { ZoneLabel } from "../../ui/Time";
import { FiringAlerts } from "./FiringAlerts";
import { Golden } from "./Golden";
import { HealthList } from "./HealthList";
import { Overall } from "./Overall";

const HEALTH_EVERY_MS = 15_000; // the live stream tells sooner; this is for where it is cut
const CLOCK_MS = 5_000;
const URGENT: ReadonlySet<string> = new Set(["critical", "high"]);

/** How everything is at this moment: the whole, what fires, this machine's golden signals, each component. */
export default function NowPage() {
  const now = useNow(CLOCK_MS);
  const health = useQuery({ queryKey: HEALTH_KEY, queryFn: ({ signal }) => fetchHealth(signal), refetchInterval: HEALTH_EVERY_MS });
  const alerts = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const firing = countStates(alerts.data?.alerts ?? []).firing;
  const urgent = (alerts.data?.alerts ?? []).filter((one) => one.state === "firing" && URGENT.has(one.severity)).length;
  return (
    <Page title="Now" controls={<ZoneLabel atMs={now} />}>
      {health.data && <Overall health={health.data} firing={firing} urgent={urgent} />}
      <div className="as-now-columns">
        <Golden />
        <div className="as-now-side">
        <section className="as-card" aria-label="Firing alerts">
          <h2 className="as-card-title">Alerts</h2>
          {alerts.data ? (
            <FiringAlerts alerts={alerts.data.alerts} nowMs={now} />
          ) : alerts.error ? (
            <Failure problem={alerts.error} what="Alerts" onRetry={() => void alerts.refetch()} />
          ) : (
            <Loading what="alerts" />
          )}
        </section>
        <section className="as-card" aria-label="Components">
          <h2 className="as-card-title">Components</h2>
          {health.data ? (
            <HealthList components={health.data.components} nowMs={now} />
          ) : health.error ? (
            <Failure problem={health.error} what="Health" onRetry={() => void health.refetch()} />
          ) : (
            <Loading what="components" />
          )}
        </section>
        </div>
      </div>
    </Page>
  );
}
