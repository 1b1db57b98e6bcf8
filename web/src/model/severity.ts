/** Severities of logs and alerts: their order, their marks and the colours that stand for them. */

export const LOG_LEVELS = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const ALERT_SEVERITIES = ["critical", "high", "medium", "low"] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** Marks and colours that the alerts themselves carry in every channel. */
export const ALERT_LOOKS: Record<AlertSeverity, { mark: string; color: string; deadline: string }> = {
  critical: { mark: "🚨", color: "#FF0000", deadline: "act at once" },
  high: { mark: "⚠️", color: "#FF8C00", deadline: "act within 15 minutes" },
  medium: { mark: "⚡", color: "#FFD700", deadline: "act within 1 hour" },
  low: { mark: "ℹ️", color: "#00FF00", deadline: "act within 24 hours" },
};

/** Names of the style sheet's colours for the levels of logs. */
export const LEVEL_COLORS: Record<LogLevel | "NONE", string> = {
  FATAL: "var(--as-fatal)",
  ERROR: "var(--as-error)",
  WARN: "var(--as-warn)",
  INFO: "var(--as-info)",
  DEBUG: "var(--as-debug)",
  TRACE: "var(--as-trace)",
  NONE: "var(--as-trace)",
};

/** The level of OpenTelemetry's severity number (1–24, four numbers a level); `NONE` for 0 and anything else. */
export function levelOf(severityNumber: number): LogLevel | "NONE" {
  if (severityNumber < 1 || severityNumber > 24) return "NONE";
  const rising: LogLevel[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
  return rising[Math.floor((severityNumber - 1) / 4)] ?? "NONE";
}

/** The level of a name such as `INFO2` or `warning`. */
export function levelOfName(name: string): LogLevel | "NONE" {
  const upper = name.toUpperCase().replace(/[0-9]+$/, "");
  if (upper === "WARNING") return "WARN";
  if (upper === "CRITICAL") return "FATAL";
  return LOG_LEVELS.find((level) => level === upper) ?? "NONE";
}

export function isAlertSeverity(name: string): name is AlertSeverity {
  return (ALERT_SEVERITIES as readonly string[]).includes(name);
}
