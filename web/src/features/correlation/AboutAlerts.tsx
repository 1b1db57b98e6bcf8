import type { Alert } from "../../model/alerts";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";
import { Time } from "../../ui/Time";

/** Alerts that name the operation or one of its transactions. */
export function AboutAlerts({ alerts }: { alerts: readonly Alert[] }) {
  if (alerts.length === 0) return null;
  return (
    <ul className="as-setbacks" aria-label="Alerts about it">
      {alerts.map((alert) => (
        <li key={alert.id} className="as-setback" data-over={alert.state === "resolved"} data-testid="about-alert">
          <AlertMark severity={alert.severity} />
          <Link className="as-link as-break" href={href(`alerts/${alert.id}`)}>
            {alert.title || alert.name}
          </Link>
          <span className="as-end as-small">
            {alert.state} since <Time at={alert.starts_at} parts="time" />
          </span>
        </li>
      ))}
    </ul>
  );
}
