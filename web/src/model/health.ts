export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "unknown";

export interface Component {
  readonly component: string;
  readonly kind: string;
  readonly status: HealthStatus;
  readonly message: string;
  readonly advice: string;
  readonly since: string | null;
}

export interface Health {
  readonly status: HealthStatus;
  readonly components: readonly Component[];
}

export interface Face {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly note: string;
}

export interface Status {
  readonly version: string;
  readonly started_at: string;
  readonly uptime_s: number;
  readonly data_directory: string;
  readonly faces: readonly Face[];
  readonly memory_bytes: number;
  readonly cpu_seconds: number;
  readonly disk_free_bytes: number;
  readonly storage: Readonly<Record<string, { readonly rows?: number; readonly disk_bytes?: number; readonly oldest?: string | null }>>;
  readonly series: number;
  readonly collectors: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
  readonly problems: readonly { readonly what: string; readonly advice: string }[];
}

/** Colour, mark and word of a status: never colour alone. */
export const HEALTH_LOOKS: Record<HealthStatus, { color: string; word: string }> = {
  healthy: { color: "var(--as-ok)", word: "Healthy" },
  degraded: { color: "var(--as-warn)", word: "Degraded" },
  unhealthy: { color: "var(--as-error)", word: "Unhealthy" },
  unknown: { color: "var(--as-trace)", word: "Unknown" },
};

/** The whole at a glance: what fires urgently leaves nothing healthy. */
export function overallStatus(health: Health, urgent: number): HealthStatus {
  return urgent > 0 && health.status === "healthy" ? "degraded" : health.status;
}

/** The headline of the whole, in a sentence. */
export function headline(health: Health, firing: number): string {
  const ill = health.components.filter((part) => part.status === "unhealthy" || part.status === "degraded").length;
  if (ill > 0) return `${ill} of ${health.components.length} components ${ill === 1 ? "needs" : "need"} attention`;
  if (firing > 0) return `${firing} ${firing === 1 ? "alert is" : "alerts are"} firing`;
  if (health.components.length === 0 || health.status === "unknown") return "Nothing has reported yet";
  return "Everything works";
}
