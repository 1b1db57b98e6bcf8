import { Button, Checkbox } from "@mantine/core";

import type { Alert } from "../../model/alerts";
import { formatMinutesLeft } from "../../model/deadline";
import { ALERT_LOOKS, isAlertSeverity } from "../../model/severity";
import { formatValue } from "../../model/units";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";
import { Ago } from "../../ui/Time";
import { Handling } from "./Handling";

interface Props {
  alert: Alert;
  nowMs: number;
  isSelected: boolean;
  onSelect: () => void;
  onAcknowledge: () => void;
}

/** Labels that stand elsewhere on the card. */
const SAID = ["alertname", "severity"];

/** One alert in the list: what it says, since when, who has it. */
export function AlertCard({ alert, nowMs, isSelected, onSelect, onAcknowledge }: Props) {
  const color = isAlertSeverity(alert.severity) ? ALERT_LOOKS[alert.severity].color : "var(--as-line)";
  const labels = Object.entries(alert.labels).filter(([name]) => !SAID.includes(name));
  const title = alert.title || alert.name;
  return (
    <li className="as-card as-alert" data-state={alert.state} data-selected={isSelected} style={{ borderLeftColor: color }} data-testid="alert">
      <div className="as-alert-head">
        <Checkbox size="xs" checked={isSelected} onChange={onSelect} aria-label={`Select ${title}`} />
        <AlertMark severity={alert.severity} />
        <span className="as-alert-title">
          <Link className="as-alert-link" href={href(`alerts/${alert.id}`)} data-alert={alert.id}>
            {title}
          </Link>
          {title !== alert.name && <span className="as-dim as-small">{alert.name}</span>}
        </span>
        <span className="as-alert-side">
          <span className="as-mono">{formatValue(alert.value)}</span>
          <span className="as-dim as-small as-alert-age">
            <Ago at={alert.state === "resolved" && alert.ends_at ? alert.ends_at : alert.starts_at} nowMs={nowMs} />
          </span>
        </span>
      </div>
      <div className="as-alert-foot">
        <div className="as-row as-alert-labels">
          <Handling alert={alert} nowMs={nowMs} left={formatMinutesLeft} />
          {labels.map(([name, value]) => (
            <span key={name} className="as-chip as-alert-label">
              <b>{name}</b> <span className="as-clip">{value}</span>
            </span>
          ))}
        </div>
        {alert.state === "firing" && !alert.acknowledgement && (
          <Button size="compact-xs" variant="light" onClick={onAcknowledge} aria-label={`Acknowledge ${title}`}>
            Acknowledge
          </Button>
        )}
      </div>
    </li>
  );
}
