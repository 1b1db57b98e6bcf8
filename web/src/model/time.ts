/** Times and ranges: how they stand in the address, what they mean now, and how they are written with their zone. */

/** A range as the address holds it: relative (`-1h`, `now`) or absolute (RFC 3339). */
export interface Range {
  readonly from: string;
  readonly to: string;
}

/** A range as instants, in Unix milliseconds; `endMs` is later than `startMs`. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

export type Zone = "local" | "utc";

export const DEFAULT_RANGE: Range = { from: "-1h", to: "now" };

export const QUICK_RANGES: readonly { readonly label: string; readonly from: string }[] = [
  { label: "Last 5 minutes", from: "-5m" },
  { label: "Last 15 minutes", from: "-15m" },
  { label: "Last 30 minutes", from: "-30m" },
  { label: "Last hour", from: "-1h" },
  { label: "Last 3 hours", from: "-3h" },
  { label: "Last 6 hours", from: "-6h" },
  { label: "Last 12 hours", from: "-12h" },
  { label: "Last 24 hours", from: "-24h" },
  { label: "Last 7 days", from: "-7d" },
  { label: "Last 30 days", from: "-30d" },
];

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Milliseconds of a Prometheus duration such as `1h30m`; null where it is none. */
export function parseDuration(text: string): number | null {
  const clean = text.trim();
  if (!/^(\d+(ms|[smhdwy]))+$/.test(clean)) return null;
  let total = 0;
  for (const [, amount, unit] of clean.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  }
  return total;
}

/** The shortest Prometheus duration of so many milliseconds: `90m` stays `1h30m`. */
export function writeDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return "0s";
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = UNIT_MS[unit] ?? 1;
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text;
}

/** One end of a range in Unix milliseconds; null where it cannot be read. */
export function resolveTime(text: string, nowMs: number): number | null {
  const clean = text.trim();
  if (clean === "now" || clean === "") return nowMs;
  const relative = /^(?:now)?-(.+)$/.exec(clean);
  if (relative?.[1] && /[a-z]$/.test(clean)) {
    const ago = parseDuration(relative[1]);
    if (ago !== null) return nowMs - ago;
  }
  if (/^\d{9,11}(\.\d+)?$/.test(clean)) return Number(clean) * 1000;
  if (/^\d{12,14}$/.test(clean)) return Number(clean);
  if (!/^\d{4}-\d{2}-\d{2}/.test(clean)) return null;
  const parsed = Date.parse(clean);
  return Number.isNaN(parsed) ? null : parsed;
}

/** A time as people type it, in the zone unless it names one: `2026-11-23 14:00`; Unix milliseconds, null where it is none. */
export function readTime(text: string, zone: Zone): number | null {
  const clean = text.trim();
  if (!/^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?/.test(clean)) return null;
  const iso = clean.length === 10 ? `${clean}T00:00:00` : clean.replace(" ", "T");
  const hasZone = /(Z|[+-]\d{2}:?\d{2})$/.test(iso.slice(10));
  const ms = Date.parse(hasZone || zone === "local" ? iso : `${iso}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** The range as instants; the default range where it cannot be read or ends before it starts. */
export function resolveRange(range: Range, nowMs: number): Span {
  const startMs = resolveTime(range.from, nowMs);
  const endMs = resolveTime(range.to, nowMs);
  if (startMs === null || endMs === null || startMs >= endMs) {
    return { startMs: nowMs - (UNIT_MS["h"] ?? 0), endMs: nowMs };
  }
  return { startMs, endMs };
}

/** Why a range cannot be used, in words for its form; null where it can. */
export function rangeProblem(range: Range, nowMs: number): string | null {
  const startMs = resolveTime(range.from, nowMs);
  const endMs = resolveTime(range.to, nowMs);
  if (startMs === null) return `“${range.from}” is not a time: write -1h, now or 2026-11-23 14:00`;
  if (endMs === null) return `“${range.to}” is not a time: write -1h, now or 2026-11-23 14:00`;
  return startMs < endMs ? null : "The range ends before it starts";
}

/** Whether its end moves with the clock, so that refreshing shows something new. */
export function isMoving(range: Range): boolean {
  return range.to === "now" || range.to === "" || range.to.startsWith("-");
}

export function absoluteRange(span: Span): Range {
  return { from: new Date(span.startMs).toISOString(), to: new Date(span.endMs).toISOString() };
}

/** What the range picker says: `Last hour`, or both ends. */
export function describeRange(range: Range, zone: Zone, nowMs: number): string {
  const quick = QUICK_RANGES.find((known) => known.from === range.from && range.to === "now");
  if (quick) return quick.label;
  if (range.to === "now" && range.from.startsWith("-")) return `Last ${range.from.slice(1)}`;
  const span = resolveRange(range, nowMs);
  const start = formatTime(span.startMs, zone);
  const end = formatTime(span.endMs, zone);
  return start.slice(0, 10) === end.slice(0, 10) ? `${start} – ${end.slice(11)}` : `${start} – ${end}`;
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400];

/** As many points as a chart shows well. */
export const CHART_POINTS = 250;

/** Step in seconds of a range query that gives about `CHART_POINTS` points. */
export function stepFor(span: Span, points: number = CHART_POINTS): number {
  const wanted = (span.endMs - span.startMs) / 1000 / points;
  return STEPS_S.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400) * 86_400;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function shifted(ms: number, zone: Zone): Date {
  return zone === "utc" ? new Date(ms) : new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
}

/** `2026-11-23 14:03:59` in the zone; with `parts` as `time` only the clock, with `ms` milliseconds too. */
export function formatTime(ms: number, zone: Zone, parts: "full" | "time" | "ms" | "time-ms" = "full"): string {
  const at = shifted(ms, zone);
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const fraction = `.${String(at.getUTCMilliseconds()).padStart(3, "0")}`;
  if (parts === "time") return clock;
  if (parts === "time-ms") return clock + fraction;
  return parts === "ms" ? `${day} ${clock}${fraction}` : `${day} ${clock}`;
}

/** The zone beside a time: `UTC`, or `UTC+02:00`. */
export function zoneName(zone: Zone, atMs: number): string {
  const minutes = zone === "utc" ? 0 : -new Date(atMs).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `12 s ago`, `3 min ago`, `2 h ago`, `4 d ago`; `just now` below two seconds, `in …` for the future. */
export function formatAgo(ms: number, nowMs: number): string {
  const seconds = (nowMs - ms) / 1000;
  const size = Math.abs(seconds);
  if (size < 2) return "just now";
  const [amount, unit] =
    size < 60 ? [size, "s"] : size < 3_600 ? [size / 60, "min"] : size < 86_400 ? [size / 3_600, "h"] : [size / 86_400, "d"];
  const text = `${Math.floor(amount)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** Unix nanoseconds of an RFC 3339 time, exact to the nanosecond; 0n where it is none. */
export function parseNanos(text: string): bigint {
  const found = /^(.*?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (!found) return 0n;
  const seconds = Date.parse(`${found[1] ?? ""}${found[3] ?? ""}`);
  if (Number.isNaN(seconds)) return 0n;
  return BigInt(seconds) * 1_000_000n + BigInt((found[2] ?? "").padEnd(9, "0"));
}
