/** One operation across signals, as the server joins it (`GET /correlations/{id}`). */

import type { Alert } from "./alerts";
import type { Spend } from "./custody";
import type { Labels } from "./prometheus";
import { parseNanos } from "./time";
import type { TraceSummary } from "./traces";

export const KINDS = ["span", "log", "audit", "custody", "chain", "metric", "alert"] as const;
export type Kind = (typeof KINDS)[number];

export const KIND_WORDS: Record<Kind, string> = {
  span: "Spans",
  log: "Logs",
  audit: "Audit",
  custody: "Custody",
  chain: "Blockchain",
  metric: "Metrics",
  alert: "Alerts",
};

export interface Entry {
  readonly at: string;
  readonly kind: Kind;
  readonly source: string;
  readonly title: string;
  readonly detail: string;
  readonly is_bad: boolean;
  readonly duration_ns: number | null;
  readonly correlation_id: string;
  readonly metric: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly alert_id: string;
}

export interface Stage {
  readonly name: "request" | "approval" | "signing" | "broadcast" | "confirmation";
  /** `open` has begun, `missing` was passed over by a later one, `waiting` may still come. */
  readonly state: "done" | "failed" | "open" | "missing" | "waiting";
  readonly at: string | null;
  /** From the end of the stage before. */
  readonly took_ns: number | null;
  readonly detail: string;
}

export interface Setback {
  readonly kind: "failed" | "stuck" | "reorged" | "replaced" | "conflicted" | "abandoned";
  readonly at: string;
  readonly txid: string;
  readonly detail: string;
  /** Whether it was made good. */
  readonly is_over: boolean;
}

export interface AnswerPart {
  readonly name: "logs" | "traces" | "spends" | "metrics";
  readonly state: "whole" | "cut" | "late" | "failed";
  readonly detail: string;
}

export interface Figure {
  readonly labels: Labels;
  readonly at: string;
  readonly value: number;
}

export interface Correlation {
  /** Correlation ids and transactions that belong together, the one asked for first. */
  readonly ids: readonly string[];
  readonly outcome: string;
  readonly is_under_way: boolean;
  readonly stages: readonly Stage[];
  readonly setbacks: readonly Setback[];
  readonly entries: readonly Entry[];
  readonly traces: readonly TraceSummary[];
  readonly alerts: readonly Alert[];
  readonly spends: readonly Spend[];
  readonly figures: readonly Figure[];
  readonly parts: readonly AnswerPart[];
}

/** Unix milliseconds with their fraction. */
export function exactMs(time: string): number {
  return Number(parseNanos(time)) / 1e6;
}

const AROUND_MS = 60_000;

/** Where an entry leads, as a path of the page and a query. */
export function targetOf(entry: Entry): { readonly path: string; readonly query: Readonly<Record<string, string>> } {
  if (entry.kind === "alert") return { path: `alerts/${entry.alert_id}`, query: {} };
  if (entry.kind === "span") return { path: `traces/${entry.trace_id}`, query: { span: entry.span_id } };
  if (entry.kind === "metric") {
    const counted = entry.metric.endsWith("_bucket") ? entry.metric.replace(/_bucket$/, "_count") : entry.metric;
    return { path: "metrics", query: { q: `rate(${counted}[5m])`, from: "-1h" } };
  }
  const atMs = exactMs(entry.at);
  const quoted = entry.correlation_id.replace(/(["\\])/g, "\\$1");
  const query = {
    q: `correlation_id:"${quoted}"`,
    from: new Date(atMs - AROUND_MS).toISOString(),
    to: new Date(atMs + AROUND_MS).toISOString(),
  };
  return { path: "logs", query };
}

/** Keys of entries that stay the same when others come between them. */
export function keyed(entries: readonly Entry[]): readonly (readonly [string, Entry])[] {
  const seen = new Map<string, number>();
  return entries.map((entry) => {
    const key = [entry.kind, entry.at, entry.span_id, entry.alert_id, entry.title].join("/");
    const number = seen.get(key) ?? 0;
    seen.set(key, number + 1);
    return [`${key}/${number}`, entry];
  });
}

/** In one sentence how far it came: what a screen reader is told when that changes. */
export function progressText({ stages, outcome, is_under_way: isUnderWay }: Pick<Correlation, "stages" | "outcome" | "is_under_way">): string {
  const reached = stages.findLast((stage) => stage.state !== "waiting" && stage.state !== "missing");
  if (!reached) return "";
  const words = `${reached.name} ${STATE_WORDS[reached.state]}${reached.detail ? ` (${reached.detail})` : ""}`;
  const end = outcome ? `ended: ${outcome}` : isUnderWay ? "under way" : "";
  return end ? `${words}, ${end}` : words;
}

export const STATE_WORDS: Record<Stage["state"], string> = {
  done: "done",
  failed: "failed",
  open: "under way",
  missing: "missing",
  waiting: "not yet",
};

export const SETBACK_WORDS: Record<Setback["kind"], string> = {
  failed: "Failed",
  stuck: "Stuck below the market",
  reorged: "Thrown out by a reorg",
  replaced: "Replaced",
  conflicted: "Double-spent",
  abandoned: "Abandoned",
};
