/** HSMs as their metrics tell them: one row an HSM. */

import type { Component, HealthStatus } from "./health";
import type { InstantSeries } from "./prometheus";

/** What is asked for in one query; `hsm` is the label that tells them apart. */
export const HSM_QUERY =
  '{__name__=~"anya_hsm_(up|canary_success|canary_last_success_timestamp_seconds|pin_state|so_pin_state|login_held|sessions|sessions_max|sessions_exhausted_in_seconds|session_leak_suspect|mechanisms_lost|keys|key_present|key_replaced|certificate_expiry_timestamp_seconds|token_info)"}';

export interface Hsm {
  readonly name: string;
  readonly provider: string;
  readonly status: HealthStatus;
  readonly message: string;
  readonly advice: string;
  readonly isUp: boolean | null;
  readonly token: string;
  /** By kind of operation, such as `canary_sign`. */
  readonly canaries: readonly { readonly operation: string; readonly isWell: boolean; readonly lastS: number | null }[];
  readonly pin: string | null;
  /** The security officer's. */
  readonly soPin: string | null;
  readonly isLoginHeld: boolean;
  readonly sessions: number | null;
  readonly sessionsMax: number | null;
  readonly exhaustedInS: number | null;
  readonly suspects: readonly string[];
  readonly mechanismsLost: number;
  /** Keys by class, and how many in all. */
  readonly keys: readonly { readonly kind: string; readonly count: number }[];
  readonly missingKeys: readonly string[];
  /** Labels whose key is not the accepted one; empty for a key without a watched label. */
  readonly replacedKeys: readonly string[];
  readonly nextExpiryS: number | null;
}

/** An HSM against what it was accepted as. */
export interface HsmState {
  readonly name: string;
  /** Null until its token was seen. */
  readonly accepted_at: string | null;
  /** What is another since, a sentence each. */
  readonly changes: readonly string[];
}

export interface HsmStateList {
  readonly hsms: readonly HsmState[];
}

const short = (name: string) => name.replace(/^anya_hsm_/, "");

/** All HSMs that have metrics or a component of health, by name. */
export function hsmsOf(series: readonly InstantSeries[], components: readonly Component[]): readonly Hsm[] {
  const told = components.filter((part) => part.component.startsWith("collect.hsm."));
  const names = new Set([...series.map((one) => one.metric["hsm"] ?? ""), ...told.map((part) => part.component.slice("collect.hsm.".length))]);
  names.delete("");
  return [...names].sort().map((name) =>
    hsmOf(
      name,
      series.filter((one) => one.metric["hsm"] === name),
      told.find((part) => part.component === `collect.hsm.${name}`),
    ),
  );
}

function hsmOf(name: string, series: readonly InstantSeries[], health: Component | undefined): Hsm {
  const of = (metric: string) => series.filter((one) => short(one.metric["__name__"] ?? "") === metric);
  const value = (one: InstantSeries | undefined) => (one?.value ? Number(one.value[1]) : null);
  const first = (metric: string, kind?: string) => value(of(metric).find((one) => kind === undefined || one.metric["kind"] === kind));
  const last = of("canary_last_success_timestamp_seconds");
  const keys = new Map<string, number>();
  for (const one of of("keys")) keys.set(one.metric["class"] ?? "", (keys.get(one.metric["class"] ?? "") ?? 0) + (value(one) ?? 0));
  const up = first("up");
  const expiries = of("certificate_expiry_timestamp_seconds").map(value).filter((at) => at !== null);
  return {
    name,
    provider: series[0]?.metric["provider"] ?? "",
    status: health?.status ?? (up === null ? "unknown" : up === 1 ? "healthy" : "unhealthy"),
    message: health?.message ?? "",
    advice: health?.advice ?? "",
    isUp: up === null ? null : up === 1,
    token: of("token_info")[0]?.metric["token"] ?? "",
    canaries: of("canary_success").map((one) => {
      const operation = one.metric["operation_type"] ?? "";
      return { operation, isWell: value(one) === 1, lastS: value(last.find((other) => other.metric["operation_type"] === operation)) };
    }),
    pin: of("pin_state").find((one) => value(one) === 1)?.metric["state"] ?? null,
    soPin: of("so_pin_state").find((one) => value(one) === 1)?.metric["state"] ?? null,
    isLoginHeld: first("login_held") === 1,
    sessions: first("sessions", "all") ?? first("sessions"),
    sessionsMax: first("sessions_max", "all") ?? first("sessions_max"),
    exhaustedInS: first("sessions_exhausted_in_seconds"),
    suspects: of("session_leak_suspect").map((one) => [one.metric["command"], one.metric["pid"]].filter(Boolean).join(" ")),
    mechanismsLost: first("mechanisms_lost") ?? 0,
    keys: [...keys].map(([kind, count]) => ({ kind, count })),
    missingKeys: of("key_present").filter((one) => value(one) === 0).map((one) => one.metric["label"] ?? ""),
    replacedKeys: of("key_replaced").filter((one) => (value(one) ?? 0) > 0).map((one) => one.metric["label"] ?? ""),
    nextExpiryS: expiries.length > 0 ? Math.min(...expiries) : null,
  };
}
