/** Everything that carries one correlation id, as one time line; and how far the operation came. */

import type { Alert } from "./alerts";
import type { Spend } from "./custody";
import { rowLevel, valueText, type LogRow, type Value } from "./logs";
import { parseNanos } from "./time";
import type { TraceSpan } from "./traces";

/** A measurement that names the operation: an exemplar, and the series that it stands in. */
export interface Exemplar {
  readonly metric: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atMs: number;
}

/** A span with the trace that it is of. */
export interface PlacedSpan {
  readonly traceId: string;
  readonly span: TraceSpan;
}

/** What was found. `ids` are the correlation ids and transactions that belong together, the one asked for first. */
export interface Correlated {
  readonly ids: readonly string[];
  readonly spans: readonly PlacedSpan[];
  readonly rows: readonly LogRow[];
  readonly alerts: readonly Alert[];
  readonly spends: readonly Spend[];
  readonly exemplars: readonly Exemplar[];
  /** Whether there is more than is shown. */
  readonly isCut: boolean;
  /** What could not be asked, in words. */
  readonly faults: readonly string[];
}

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
  readonly key: string;
  readonly kind: Kind;
  readonly atMs: number;
  readonly title: string;
  readonly detail: string;
  readonly source: string;
  readonly isBad: boolean;
  /** Of a span. */
  readonly durationS: number | null;
  /** Where it leads, as a path of the page and a query. */
  readonly to: { readonly path: string; readonly query: Readonly<Record<string, string>> };
}

/** Unix milliseconds with their fraction. */
export function exactMs(time: string): number {
  return Number(parseNanos(time)) / 1e6;
}

/** Whether a text is a transaction's or a block's id rather than an operation's. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

const TXID_FIELDS = ["transaction_id", "bitcoin.transaction.id", "custody.transaction.id", "txid"];

/** The transactions that records and spans name. */
export function txidsIn(holders: readonly { readonly attributes: Readonly<Record<string, Value>> }[]): readonly string[] {
  const found = new Set<string>();
  for (const { attributes } of holders) {
    for (const field of TXID_FIELDS) {
      const value = attributes[field];
      if (typeof value === "string" && isHash(value)) found.add(value);
    }
  }
  return [...found];
}

/** Times as few ranges with a margin around each; those that touch are one. The first `most` of them. */
export function clusters(timesMs: readonly number[], marginMs: number, most: number): readonly { readonly startMs: number; readonly endMs: number }[] {
  const found: { startMs: number; endMs: number }[] = [];
  for (const at of [...timesMs].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last && at - marginMs <= last.endMs) last.endMs = at + marginMs;
    else found.push({ startMs: at - marginMs, endMs: at + marginMs });
  }
  return found.slice(0, most);
}

function kindOf(row: LogRow): Kind {
  if (row.event_name.startsWith("audit.")) return "audit";
  if (row.stream === "bitcoin") return "chain";
  if (row.stream === "custody" || row.event_name.startsWith("custody.")) return "custody";
  return "log";
}

const SAID_ELSEWHERE = /^(anya\.correlation_id|audit\.correlation_id|event\.name|audit\.(action|phase)|code\.)/;

function told(attributes: Readonly<Record<string, Value>>): string {
  return Object.entries(attributes)
    .filter(([name, value]) => !SAID_ELSEWHERE.test(name) && value !== "" && value !== null)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(" ");
}

function ofRow(row: LogRow, index: number): Entry {
  const level = rowLevel(row);
  return {
    key: `row/${index}`,
    kind: kindOf(row),
    atMs: exactMs(row.time),
    title: row.body || row.event_name,
    detail: told(row.attributes),
    source: row.service,
    isBad: level === "ERROR" || level === "FATAL",
    durationS: null,
    to: { path: "logs", query: { q: `correlation_id:"${row.correlation_id}"`, from: new Date(exactMs(row.time) - 60_000).toISOString(), to: new Date(exactMs(row.time) + 60_000).toISOString() } },
  };
}

function ofSpan({ traceId, span }: PlacedSpan): Entry {
  return {
    key: `span/${traceId}/${span.span_id}`,
    kind: "span",
    atMs: exactMs(span.start),
    title: span.name,
    detail: span.status_message,
    source: span.service,
    isBad: span.status === "error",
    durationS: span.duration_ns / 1e9,
    to: { path: `traces/${traceId}`, query: { span: span.span_id } },
  };
}

function ofAlert(alert: Alert): Entry {
  return {
    key: `alert/${alert.id}`,
    kind: "alert",
    atMs: exactMs(alert.starts_at),
    title: alert.title || alert.name,
    detail: alert.state,
    source: alert.source,
    isBad: alert.state === "firing",
    durationS: null,
    to: { path: `alerts/${alert.id}`, query: {} },
  };
}

function ofExemplar(exemplar: Exemplar, index: number): Entry {
  const { __name__: name = "", job = "", ...labels } = exemplar.metric;
  return {
    key: `metric/${index}`,
    kind: "metric",
    atMs: exemplar.atMs,
    title: `${name.replace(/_bucket$/, "")} = ${Number(exemplar.value.toPrecision(4))}`,
    detail: Object.entries(labels)
      .filter(([label]) => label !== "instance" && label !== "le")
      .map(([label, value]) => `${label}=${value}`)
      .join(" "),
    source: job,
    isBad: false,
    durationS: null,
    to: { path: "metrics", query: { q: name.endsWith("_bucket") ? `rate(${name.replace(/_bucket$/, "_count")}[5m])` : `rate(${name}[5m])`, from: "-1h" } },
  };
}

/** Everything in the order in which it happened. */
export function timeLine(found: Correlated): readonly Entry[] {
  const entries = [...found.spans.map(ofSpan), ...found.rows.map(ofRow), ...found.alerts.map(ofAlert), ...found.exemplars.map(ofExemplar)];
  return entries.sort((a, b) => a.atMs - b.atMs || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
}

// --- stages ------------------------------------------------------------------------------------------------------------

export const STAGES = ["request", "approval", "signing", "broadcast", "confirmation"] as const;
export type StageName = (typeof STAGES)[number];

export interface Stage {
  readonly name: StageName;
  /** `open` has begun, `missing` was passed over by a later one, `waiting` may still come. */
  readonly state: "done" | "failed" | "open" | "missing" | "waiting";
  readonly atMs: number | null;
  /** From the end of the stage before, so that what a person took to approve counts. */
  readonly tookS: number | null;
  readonly detail: string;
}

interface Fact {
  readonly stage: StageName;
  readonly atMs: number;
  readonly endMs: number;
  readonly isBad: boolean;
  readonly detail: string;
}

const NAMED: Readonly<Record<string, StageName>> = { policy: "approval", approval: "approval", signing: "signing", broadcast: "broadcast", confirmation: "confirmation" };

// Of services that do not use our SDK's stages: what a span's name says.
const BY_NAME: readonly (readonly [RegExp, StageName])[] = [
  [/approv/i, "approval"],
  [/broadcast|sendrawtransaction/i, "broadcast"],
  [/(^|[._ ])sign(ing)?$/i, "signing"],
  [/confirm/i, "confirmation"],
];

function text(value: Value | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function ofStageSpan(span: TraceSpan): Fact | null {
  const said = text(span.attributes["custody.stage"]);
  const stage = NAMED[said] ?? (span.name === "custody.confirmation" ? "confirmation" : undefined);
  if (!stage) return null;
  const atMs = exactMs(span.start);
  const block = text(span.attributes["custody.block_height"]);
  const detail = said === "policy" ? "by policy" : block ? `block ${Number(block).toLocaleString("en")}` : text(span.attributes["audit.actor"]);
  return { stage, atMs, endMs: atMs + span.duration_ns / 1e6, isBad: span.status === "error", detail };
}

function ofStageRow(row: LogRow): Fact | null {
  const atMs = exactMs(row.time);
  const fact = (stage: StageName, detail: string, isBad = false): Fact => ({ stage, atMs, endMs: atMs, isBad, detail });
  if (row.event_name === "bitcoin.transaction.seen") return fact("broadcast", `seen by ${text(row.attributes["bitcoin.node"])}`);
  if (row.event_name === "bitcoin.transaction.confirmed") {
    return fact("confirmation", `block ${Number(row.attributes["bitcoin.block.height"]).toLocaleString("en")}`);
  }
  if (!row.event_name.startsWith("audit.")) return null;
  const actor = text(row.attributes["audit.actor"]);
  if (row.attributes["audit.phase"] === "intent" && !row.event_name.startsWith("audit.hsm_operation")) return fact("request", actor && `by ${actor}`);
  const said = text(row.attributes["custody.stage"]) || (/^audit\.[^.]+\.(\w+)\.event$/.exec(row.event_name)?.[1] ?? "");
  const stage = NAMED[said];
  if (!stage) return null;
  return fact(stage, actor ? `by ${actor}` : said === "policy" ? "by policy" : "", row.attributes["audit.outcome"] === "error");
}

function factsOf(found: Correlated): readonly Fact[] {
  const spans = found.spans.map((placed) => placed.span);
  const facts = [...spans.map(ofStageSpan), ...found.rows.map(ofStageRow)].filter((fact) => fact !== null);
  if (!facts.some((fact) => fact.stage !== "request")) {
    for (const span of spans) {
      const stage = BY_NAME.find(([pattern]) => pattern.test(span.name))?.[1];
      const atMs = exactMs(span.start);
      if (stage) facts.push({ stage, atMs, endMs: atMs + span.duration_ns / 1e6, isBad: span.status === "error", detail: span.service });
    }
  }
  const first = spans.toSorted((a, b) => exactMs(a.start) - exactMs(b.start))[0];
  if (!facts.some((fact) => fact.stage === "request") && first && facts.length > 0) {
    facts.push({ stage: "request", atMs: exactMs(first.start), endMs: exactMs(first.start), isBad: false, detail: first.name });
  }
  return facts;
}

/** How many confirmations there are, and how many were wanted; 0 where it is not said. */
function confirmations(found: Correlated): { has: number; wanted: number } {
  let has = 0;
  let wanted = 0;
  for (const attributes of [...found.spans.map((placed) => placed.span.attributes), ...found.rows.map((row) => row.attributes)]) {
    has = Math.max(has, Number(attributes["custody.confirmations"] ?? attributes["confirmations"] ?? 0) || 0);
    wanted = Math.max(wanted, Number(attributes["custody.confirmations_wanted"] ?? 0) || 0);
  }
  return { has, wanted };
}

/** The five stages of a withdrawal: which were passed, when, how long each took, and which is missing. Empty where it is none. */
export function stagesOf(found: Correlated): readonly Stage[] {
  const facts = factsOf(found);
  if (facts.length === 0) return [];
  const lastSeen = Math.max(...facts.map((fact) => STAGES.indexOf(fact.stage)));
  const counted = confirmations(found);
  let endMs: number | null = null;
  return STAGES.map((name, index) => {
    const own = facts.filter((fact) => fact.stage === name);
    if (own.length === 0) return { name, state: index < lastSeen ? "missing" : "waiting", atMs: null, tookS: null, detail: "" };
    const atMs = Math.min(...own.map((fact) => fact.atMs));
    const latest = own.reduce((last, fact) => (fact.endMs >= last.endMs ? fact : last));
    const tookS = endMs === null ? null : Math.max(0, (latest.endMs - endMs) / 1000);
    endMs = latest.endMs;
    const isShort = name === "confirmation" && counted.wanted > 0 && counted.has < counted.wanted;
    const details = own.map((fact) => fact.detail).filter(Boolean);
    const number = name === "confirmation" && counted.has > 0 ? `${counted.has}${counted.wanted ? ` of ${counted.wanted}` : ""}, ` : "";
    // A person's approval is more than the policy's.
    const detail = details.findLast((one) => one !== "by policy") ?? details[0] ?? "";
    const hasFailed = own.filter((fact) => fact.endMs === latest.endMs).some((fact) => fact.isBad);
    return { name, state: hasFailed ? "failed" : isShort ? "open" : "done", atMs, tookS, detail: (number + detail).replace(/, $/, "") };
  });
}
