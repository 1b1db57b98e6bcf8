import { ALERT_LOOKS, isAlertSeverity, type AlertSeverity } from "../model/severity";

/** The marks drawn, because not every machine has a font with them: siren, triangle, bolt, i. */
const DRAWN: Record<AlertSeverity, string> = {
  critical: "M5 20h14M7 17v-4a5 5 0 0 1 10 0v4zM12 2.500V5M3.500 7l2 1.500M20.500 7l-2 1.500",
  high: "M12 4 21.500 20h-19zM12 10v5M12 17.300v.2",
  medium: "M13.500 2.500 5 13.500h6l-1 8 8.500-11h-6z",
  low: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v6M12 7.300v.2",
};

/** The severity as mark, word and colour: never colour alone. */
export function AlertMark({ severity }: { severity: string }) {
  const looks = isAlertSeverity(severity) ? ALERT_LOOKS[severity] : null;
  return (
    <span
      className="as-severity"
      title={looks ? `${looks.mark} ${severity}: ${looks.deadline}` : severity}
      style={{ borderColor: looks?.color ?? "var(--as-line)" }}
    >
      {isAlertSeverity(severity) && (
        <svg width="14" height="14" viewBox="0 0 24 24" fill={`${ALERT_LOOKS[severity].color}55`} stroke="currentColor" strokeWidth="2" strokeLinejoin="round" strokeLinecap="round" aria-hidden="true">
          <path d={DRAWN[severity]} />
        </svg>
      )}
      {severity || "none"}
    </span>
  );
}
