import type { ReactNode } from "react";

import { placesOf, type Alert } from "../../model/alerts";
import { runbookName } from "../../model/runbooks";
import { ALERT_LOOKS, isAlertSeverity } from "../../model/severity";
import { formatDuration, formatValue } from "../../model/units";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Time } from "../../ui/Time";
import { Handling } from "./Handling";

const STATE_COLORS: Record<Alert["state"], string> = { firing: "var(--as-error)", pending: "var(--as-warn)", resolved: "var(--as-ok)" };

/** How long it lasts, or lasted. */
function lasted(alert: Alert, nowMs: number): string {
  const end = alert.state === "resolved" && alert.ends_at ? Date.parse(alert.ends_at) : nowMs;
  return formatDuration(Math.max(Math.floor((end - Date.parse(alert.starts_at)) / 1000), 0));
}

/** What it is about, where the page shows that. */
function Places({ alert }: { alert: Alert }) {
  const places = placesOf(alert);
  if (places.length === 0) return null;
  return (
    <nav className="as-row as-small" aria-label="What it is about">
      <span className="as-dim">Look at</span>
      {places.map((place) => (
        <Link key={place.name} className="as-link as-break" href={href(place.path, { at: place.at })}>
          {place.name}
        </Link>
      ))}
    </nav>
  );
}

/** What fires, since when and how badly; who has it; and, as children, what can be done. */
export function AlertHead({ alert, nowMs, children }: { alert: Alert; nowMs: number; children: ReactNode }) {
  const color = isAlertSeverity(alert.severity) ? ALERT_LOOKS[alert.severity].color : "var(--as-line)";
  const runbook = alert.annotations["runbook_url"];
  const own = runbookName(runbook ?? "", new URL("..", document.baseURI).href);
  const description = alert.annotations["description"] ?? alert.annotations["message"];
  return (
    <section className="as-card as-alert-hero" style={{ borderLeftColor: color }} aria-label="The alert">
      <div className="as-row">
        <AlertMark severity={alert.severity} />
        <strong style={{ color: STATE_COLORS[alert.state] }} data-testid="state">
          {alert.state}
        </strong>
        <span>
          {alert.state === "resolved" && alert.ends_at ? (
            <>
              at <Time at={alert.ends_at} />, after {lasted(alert, nowMs)}
            </>
          ) : (
            <>
              since <Time at={alert.starts_at} /> ({lasted(alert, nowMs)})
            </>
          )}
        </span>
        {alert.value !== null && (
          <span>
            value <b className="as-mono">{formatValue(alert.value)}</b>
          </span>
        )}
        <span className="as-dim as-small">{alert.name}</span>
      </div>
      {description && <p className="as-alert-description">{description}</p>}
      <Places alert={alert} />
      <div className="as-row">
        <Handling alert={alert} nowMs={nowMs} />
      </div>
      <div className="as-row">
        {children}
        {runbook && own !== null && (
          <Link className="as-link as-row as-small as-end" href={href(`runbooks/${encodeURIComponent(own)}`)}>
            <Icon name="runbooks" size={14} /> Runbook
          </Link>
        )}
        {runbook && own === null && /^https?:\/\/\S+$/.test(runbook) && (
          <a className="as-link as-row as-small as-end" href={runbook} target="_blank" rel="noreferrer noopener">
            <Icon name="out" size={14} /> Runbook
          </a>
        )}
      </div>
    </section>
  );
}
