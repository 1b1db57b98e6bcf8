import type { Alert } from "../../model/alerts";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";
import { Empty } from "../../ui/States";
import { Ago } from "../../ui/Time";

const ROWS_MAX = 8; // the page Alerts has all of them

/** What fires, the most severe first. */
export function FiringAlerts({ alerts, nowMs }: { alerts: readonly Alert[]; nowMs: number }) {
  const firing = alerts.filter((alert) => alert.state === "firing");
  const pending = alerts.filter((alert) => alert.state === "pending").length;
  if (firing.length === 0) {
    return (
      <Empty title="Nothing fires">
        {pending > 0 ? `${pending} ${pending === 1 ? "alert waits" : "alerts wait"} for its time to pass. ` : ""}
        <Link className="as-link" href={href("alerts", { tab: "rules" })}>
          See the rules that watch
        </Link>
      </Empty>
    );
  }
  return (
    <ul className="as-health">
      {firing.slice(0, ROWS_MAX).map((alert) => (
        <li key={alert.id} className="as-health-row">
          <AlertMark severity={alert.severity} />
          <div className="as-health-text">
            <Link className="as-link" href={href(`alerts/${alert.id}`)}>
              {alert.title || alert.name}
            </Link>
            <div className="as-small as-dim as-clip">{[alert.source, alert.category].filter(Boolean).join(" · ")}</div>
          </div>
          <div className="as-health-side as-small as-dim">
            <Ago at={alert.starts_at} nowMs={nowMs} />
          </div>
        </li>
      ))}
      {firing.length > ROWS_MAX && (
        <li>
          <Link className="as-link as-small" href={href("alerts")}>
            and {firing.length - ROWS_MAX} more
          </Link>
        </li>
      )}
    </ul>
  );
}
