import type { Alert } from "../../model/alerts";
import { climbOf, deadlineOf } from "../../model/deadline";
import { Icon } from "../../ui/icons";
import { Time } from "../../ui/Time";

interface Props {
  alert: Alert;
  nowMs: number;
  /** Writes how much time is left. */
  left?: (ms: number) => string;
}

/** What is being done about an alert, and what keeps it from being told. */
export function Handling({ alert, nowMs, left }: Props) {
  const deadline = deadlineOf(alert, nowMs, left);
  const climb = climbOf(alert, nowMs, left);
  return (
    <>
      {deadline && (
        <span className="as-chip as-deadline" data-level={deadline.level}>
          <Icon name="clock" size={12} /> {deadline.text}
        </span>
      )}
      {alert.is_flapping && (
        <span className="as-chip as-chip-warn" title="It changes its state so often that its changes are told together">
          flapping
        </span>
      )}
      {alert.acknowledgement && (
        <span className="as-chip as-chip-good" title={alert.acknowledgement.note}>
          <Icon name="check" size={12} /> {alert.acknowledgement.by}
          {alert.acknowledgement.until && (
            <span className="as-dim">
              until <Time at={alert.acknowledgement.until} parts="time" />
            </span>
          )}
        </span>
      )}
      {alert.assigned_to && (
        <span className="as-chip">
          <b>assigned to</b> {alert.assigned_to}
        </span>
      )}
      {climb && (
        <span className="as-chip" title={alert.policy ? `escalation policy ${alert.policy}` : undefined}>
          <b>escalation</b> {climb}
        </span>
      )}
      {alert.snoozed_until && (
        <span className="as-chip">
          snoozed until <Time at={alert.snoozed_until} parts="time" />
        </span>
      )}
      {alert.silenced_by.length > 0 && <span className="as-chip">silenced</span>}
      {alert.inhibited_by.length > 0 && <span className="as-chip">inhibited</span>}
      {alert.muted_by.length > 0 && <span className="as-chip">muted by time: {alert.muted_by.join(", ")}</span>}
    </>
  );
}
