import { expressionOf, type Alert } from "../../model/alerts";
import { ALERT_LOOKS, isAlertSeverity } from "../../model/severity";
import { formatValue } from "../../model/units";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { CopyButton } from "../../ui/CopyButton";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Ago, Time, ZoneLabel } from "../../ui/Time";

interface Props {
  alert: Alert;
  nowMs: number;
  isOpen: boolean;
  onToggle: () => void;
}

/** Links in annotations are followed where they are plain web addresses, and nothing else. */
function Annotation({ text }: { text: string }) {
  if (!/^https?:\/\/\S+$/.test(text)) return <>{text}</>;
  return (
    <a className="as-link" href={text} target="_blank" rel="noreferrer noopener">
      {text}
    </a>
  );
}

function Muted({ alert }: { alert: Alert }) {
  return (
    <>
      {alert.silenced_by.length > 0 && <span className="as-chip">silenced</span>}
      {alert.inhibited_by.length > 0 && <span className="as-chip">inhibited</span>}
      {(alert.muted_by?.length ?? 0) > 0 && <span className="as-chip">muted by time</span>}
    </>
  );
}

function Links({ alert }: { alert: Alert }) {
  const expression = expressionOf(alert.generator_url);
  return (
    <div className="as-row">
      {expression && (
        <Link className="as-link as-small" href={href("metrics", { q: expression, from: "-3h" })}>
          Open the query
        </Link>
      )}
      {alert.correlation_id && (
        <Link className="as-link as-small" href={href("logs", { q: `correlation_id:"${alert.correlation_id}"`, from: "-24h" })}>
          Logs of this correlation id
        </Link>
      )}
      <Link className="as-link as-small" href={href("alerts", { tab: "history" })}>
        Who was told
      </Link>
      <CopyButton label="Copy link" text={() => new URL(href("alerts", { id: alert.id }), window.location.href).toString()} />
    </div>
  );
}

function More({ alert }: { alert: Alert }) {
  const startMs = Date.parse(alert.starts_at);
  const facts: [string, string][] = [
    ["category", alert.category],
    ["source", alert.source],
    ["receivers", alert.receivers.join(", ")],
    ["correlation id", alert.correlation_id],
    ["id", alert.id],
  ];
  return (
    <div className="as-alert-more">
      <Links alert={alert} />
      <table className="as-pairs">
        <tbody>
          <tr>
            <th scope="row">since</th>
            <td>
              <Time at={alert.starts_at} /> <ZoneLabel atMs={startMs} />
            </td>
          </tr>
          {alert.ends_at && (
            <tr>
              <th scope="row">resolved</th>
              <td>
                <Time at={alert.ends_at} /> <ZoneLabel atMs={startMs} />
              </td>
            </tr>
          )}
          {facts
            .filter(([, value]) => value !== "")
            .map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="as-break">{value}</td>
              </tr>
            ))}
          {Object.entries(alert.annotations).map(([name, value]) => (
            <tr key={`annotation ${name}`}>
              <th scope="row">{name}</th>
              <td className="as-break">
                <Annotation text={value} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One alert: what it says in a line, open with everything it carries. */
export function AlertCard({ alert, nowMs, isOpen, onToggle }: Props) {
  const looks = isAlertSeverity(alert.severity) ? ALERT_LOOKS[alert.severity] : null;
  const labels = Object.entries(alert.labels).filter(([name]) => !["alertname", "severity"].includes(name));
  return (
    <li className="as-card as-alert" data-state={alert.state} style={{ borderLeftColor: looks?.color ?? "var(--as-line)" }} data-testid="alert">
      <button type="button" className="as-plain as-alert-head" aria-expanded={isOpen} onClick={onToggle}>
        <AlertMark severity={alert.severity} />
        <span className="as-alert-title">
          <strong>{alert.title || alert.name}</strong>
          {alert.title && alert.title !== alert.name && <span className="as-dim as-small">{alert.name}</span>}
        </span>
        <span className="as-alert-side">
          <Muted alert={alert} />
          <span className="as-mono">{formatValue(alert.value)}</span>
          <span className="as-dim as-small as-alert-age">
            <Ago at={alert.state === "resolved" && alert.ends_at ? alert.ends_at : alert.starts_at} nowMs={nowMs} />
          </span>
          <span className="as-caret" data-open={isOpen}>
            <Icon name="chevron" size={14} />
          </span>
        </span>
      </button>
      <div className="as-row as-alert-labels">
        {labels.map(([name, value]) => (
          <span key={name} className="as-chip">
            <b>{name}</b> {value}
          </span>
        ))}
      </div>
      {isOpen && <More alert={alert} />}
    </li>
  );
}
