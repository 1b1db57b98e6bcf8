/** Log rows as the server gives them, and the search text that the page's buttons write. */

import { LOG_LEVELS, levelOf, levelOfName, type LogLevel } from "./severity";
import { parseNanos } from "./time";

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

export interface LogRow {
  readonly time: string;
  readonly observed_time: string;
  readonly severity: string;
  readonly severity_number: number;
  readonly body: string;
  readonly service: string;
  readonly host: string;
  readonly stream: string;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly resource: Readonly<Record<string, Value>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly trace_id: string;
  readonly span_id: string;
  readonly correlation_id: string;
  readonly event_name: string;
}

export interface LogPage {
  readonly rows: readonly LogRow[];
  readonly cursor: string | null;
}

export interface LogBucket {
  readonly start: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly total: number;
}

export interface LogHistogram {
  readonly bucket_s: number;
  readonly buckets: readonly LogBucket[];
}

export interface FieldCount {
  readonly name: string;
  readonly count: number;
}

export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

/** A value as one line of text. */
export function valueText(value: Value): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

/** The level of a row, from its number, or from its name where the number is missing. */
export function rowLevel(row: LogRow): LogLevel | "NONE" {
  const level = levelOf(row.severity_number);
  return level === "NONE" ? levelOfName(row.severity) : level;
}

/** Every field of a row by its searchable name, those without a value left out. */
export function rowFields(row: LogRow): readonly (readonly [string, string])[] {
  const own: [string, string][] = [
    ["severity", row.severity],
    ["service", row.service],
    ["host", row.host],
    ["stream", row.stream],
    ["event_name", row.event_name],
    ["trace_id", row.trace_id],
    ["span_id", row.span_id],
    ["correlation_id", row.correlation_id],
    ["scope.name", row.scope.name],
    ["scope.version", row.scope.version],
  ];
  const attributes = Object.entries(row.attributes).map(([name, value]) => [`attributes.${name}`, valueText(value)] as const);
  const resource = Object.entries(row.resource).map(([name, value]) => [`resource.${name}`, valueText(value)] as const);
  return [...own.filter(([, value]) => value !== ""), ...attributes, ...resource];
}

/** A stable name of a row within a result: its time and a digest of what it says. */
export function rowKey(row: LogRow): string {
  let hash = 0;
  const text = `${row.body}\u0000${row.service}\u0000${row.span_id}\u0000${valueText(row.attributes)}`;
  for (let index = 0; index < text.length; index += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return `${row.time}~${(hash >>> 0).toString(36)}`;
}

function quoted(value: string): string {
  return /^[A-Za-z0-9_./@-]+$/.test(value) && !/^(AND|OR|NOT)$/.test(value) ? value : `"${value.replace(/(["\\])/g, "\\$1")}"`;
}

export type FilterMode = "include" | "exclude";

/** Narrows a search to, or away from, a field's value. */
export type Filter = (field: string, value: string, mode: FilterMode) => void;

/** A search text with a field's value added, or kept out. */
export function withFilter(query: string, field: string, value: string, mode: FilterMode): string {
  const term = `${field}:${quoted(value)}`;
  const clean = query.trim();
  const rest = removeTerm(removeTerm(clean, `-${term}`), term);
  const added = mode === "include" ? term : `-${term}`;
  return rest ? `${rest} ${added}` : added;
}

function removeTerm(query: string, term: string): string {
  const place = ` ${query} `.indexOf(` ${term} `);
  if (place < 0) return query;
  return `${query.slice(0, place)}${query.slice(place + term.length)}`.replace(/\s+/g, " ").trim();
}

/** Levels named in the address (`ERROR,WARN`), in their own order; none means all. */
export function readLevels(text: string | null): readonly LogLevel[] {
  const given = new Set((text ?? "").split(",").map((name) => name.trim().toUpperCase()));
  return LOG_LEVELS.filter((level) => given.has(level));
}

/** The search text that the server is asked: what was typed, and the chosen levels. */
export function effectiveQuery(query: string, levels: readonly LogLevel[]): string {
  const clean = query.trim();
  if (levels.length === 0 || levels.length === LOG_LEVELS.length) return clean;
  const chosen = levels.map((level) => `severity:${level}`).join(" OR ");
  const wrapped = levels.length > 1 ? `(${chosen})` : chosen;
  if (!clean) return wrapped;
  return `${/\bOR\b/.test(clean) ? `(${clean})` : clean} ${wrapped}`;
}

/** A histogram as columns for a chart: bucket starts in Unix seconds, and counts a level, lowest level first. */
export function toBars(histogram: LogHistogram): { times: number[]; levels: (LogLevel | "NONE")[]; counts: number[][] } {
  const times = histogram.buckets.map((bucket) => Number(parseNanos(bucket.start) / 1_000_000n) / 1000);
  const order: (LogLevel | "NONE")[] = ["NONE", ...[...LOG_LEVELS].reverse()];
  const all = order.map((level) =>
    histogram.buckets.map((bucket) =>
      Object.entries(bucket.counts).reduce((sum, [name, count]) => (levelOfName(name) === level ? sum + count : sum), 0),
    ),
  );
  const kept = order.map((_, index) => index).filter((index) => all[index]?.some((count) => count > 0));
  return { times, levels: kept.map((index) => order[index] ?? "NONE"), counts: kept.map((index) => all[index] ?? []) };
}

/** Newest rows first, at most `limit` of them: what a tail keeps on the screen. */
export function tailed(rows: readonly LogRow[], arrived: readonly LogRow[], limit: number): readonly LogRow[] {
  return [...[...arrived].reverse(), ...rows].slice(0, limit);
}
