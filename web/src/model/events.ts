/** Events that a graph may show: blocks, reorgs, own transactions, spends and what HSMs tell. They are log records with an event name. */

import { withFilter, type LogRow } from "./logs";
import { parseNanos } from "./time";

export const EVENT_KINDS = ["blocks", "reorgs", "transactions", "spends", "hsm"] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export const EVENT_WORDS: Record<EventKind, string> = {
  blocks: "Blocks",
  reorgs: "Reorgs",
  transactions: "Own transactions",
  spends: "Spends",
  hsm: "HSM",
};

/** The event name of each kind; a `*` at the end stands for anything. */
const NAMES: Record<EventKind, string> = {
  blocks: "bitcoin.block.connected",
  reorgs: "bitcoin.reorg",
  transactions: "bitcoin.transaction.*",
  spends: "custody.spend.*",
  hsm: "hsm.*",
};

const ERROR_FROM = 17; // OpenTelemetry's severity number
const AROUND_MS = 60_000; // a search shows an event among its neighbours
const ASIDE_MS = 1_000; // several events are searched with both ends in it

/** One event on the time line; records of the same block from several nodes are one. */
export interface TimedEvent {
  readonly key: string;
  readonly kind: EventKind;
  readonly name: string;
  readonly atMs: number;
  readonly text: string;
  readonly isBad: boolean;
  /** Empty where the event belongs to no operation, transaction or block. */
  readonly correlationId: string;
}

/** Kinds named in the address (`blocks,hsm`), in their own order; none means that nothing is drawn. */
export function readKinds(text: string | null): readonly EventKind[] {
  const given = new Set((text ?? "").split(",").map((name) => name.trim()));
  return EVENT_KINDS.filter((kind) => given.has(kind));
}

/** The address's text after a kind was pressed; null where nothing is left. */
export function toggledKinds(kinds: readonly EventKind[], kind: EventKind): string | null {
  return EVENT_KINDS.filter((other) => (other === kind) !== kinds.includes(other)).join(",") || null;
}

/** The log search that finds the events of these kinds, of which there is at least one. */
export function eventsQuery(kinds: readonly EventKind[]): string {
  const names = kinds.map((kind) => NAMES[kind]);
  return names.length === 1 ? `event_name:${names[0] ?? ""}` : `event_name:(${names.join(" OR ")})`;
}

/** The kind of an event name; null for one that no graph shows. */
export function kindOf(name: string): EventKind | null {
  const fits = (pattern: string) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
  return EVENT_KINDS.find((kind) => fits(NAMES[kind])) ?? null;
}

function textOf(row: LogRow, name: string): string {
  const value = row.attributes[name];
  return typeof value === "string" ? value : "";
}

/** What makes two records tell the same: the block, or the sentence in the same moment. */
function subjectOf(row: LogRow, kind: EventKind): string {
  const block = kind === "blocks" ? textOf(row, "bitcoin.block.hash") : "";
  return block ? `${row.event_name} ${block}` : `${row.event_name} ${row.time} ${row.body}`;
}

interface Gathered {
  readonly first: LogRow;
  readonly kind: EventKind;
  readonly nodes: Set<string>;
}

function eventOf({ first, kind, nodes }: Gathered, index: number): TimedEvent {
  const more = nodes.size - 1;
  return {
    key: `${first.time}~${index}`,
    kind,
    name: first.event_name,
    atMs: Number(parseNanos(first.time) / 1_000n) / 1000,
    text: more > 0 ? `${first.body} (and ${more} more ${more === 1 ? "node" : "nodes"})` : first.body,
    isBad: first.severity_number >= ERROR_FROM,
    correlationId: first.correlation_id,
  };
}

/** The events of log records (newest first, as a search gives them), the oldest first; a node that tells of a block again, after a reorg, tells something new. */
export function toEvents(rows: readonly LogRow[]): readonly TimedEvent[] {
  const latest = new Map<string, Gathered>();
  const all: Gathered[] = [];
  for (const row of [...rows].reverse()) {
    const kind = kindOf(row.event_name);
    if (!kind) continue;
    const subject = subjectOf(row, kind);
    const node = textOf(row, "bitcoin.node");
    const known = latest.get(subject);
    if (known && (kind !== "blocks" || !known.nodes.has(node))) {
      known.nodes.add(node);
      continue;
    }
    const made = { first: row, kind, nodes: new Set([node]) };
    latest.set(subject, made);
    all.push(made);
  }
  return all.map(eventOf);
}

/** How many events of each kind there are. */
export function countKinds(events: readonly TimedEvent[]): ReadonlyMap<EventKind, number> {
  const counts = new Map<EventKind, number>();
  for (const event of events) counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1);
  return counts;
}

/** The events at most `reachMs` from a moment, the nearest first. */
export function eventsNear(events: readonly TimedEvent[], atMs: number, reachMs: number): readonly TimedEvent[] {
  const away = (event: TimedEvent) => Math.abs(event.atMs - atMs);
  return events.filter((event) => away(event) <= reachMs).sort((a, b) => away(a) - away(b));
}

export interface Destination {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/** Where events lead: to what shares their correlation id, else to the search that finds them. At least one event. */
export function destinationOf(events: readonly TimedEvent[]): Destination {
  const id = events[0]?.correlationId ?? "";
  if (id && events.every((event) => event.correlationId === id)) return { path: `correlation/${encodeURIComponent(id)}`, query: {} };
  const times = events.map((event) => event.atMs);
  const aside = events.length === 1 ? AROUND_MS : ASIDE_MS;
  const iso = (ms: number) => new Date(ms).toISOString();
  const kinds = EVENT_KINDS.filter((kind) => events.some((event) => event.kind === kind));
  const q = events.length === 1 ? withFilter("", "event_name", events[0]?.name ?? "", "include") : eventsQuery(kinds);
  return { path: "logs", query: { q, from: iso(Math.min(...times) - aside), to: iso(Math.max(...times) + aside) } };
}
