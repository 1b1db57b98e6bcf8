import { ALERT_LOOKS, isAlertSeverity } from "../model/severity";

/** The severity as mark, word and colour: never colour alone. */
export function AlertMark({ severity }: { severity: string }) {
  const looks = isAlertSeverity(severity) ? ALERT_LOOKS[severity] : null;
  return (
    <span className="as-severity" title={looks?.deadline} style={{ borderColor: looks?.color ?? "var(--as-line)" }}>
      <span aria-hidden="true">{looks?.mark ?? "•"}</span> {severity || "none"}
    </span>
  );
}
