/** Silences: what they match, how long, and the form that makes one. */

import type { Alert } from "./alerts";
import type { AlertSeverity } from "./severity";

export const OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Matcher {
  readonly name: string;
  readonly op: Operator;
  readonly value: string;
}

export const SILENCE_STATES = ["active", "pending", "expired"] as const;
export type SilenceState = (typeof SILENCE_STATES)[number];

export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** Windows of local time in which a silence holds; one that ends before it starts goes past midnight. No weekday is every day. */
export interface Recurrence {
  readonly start_time: string;
  readonly end_time: string;
  readonly weekdays: readonly string[];
  readonly location: string;
}

export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly starts_at: string;
  readonly ends_at: string;
  readonly created_by: string;
  readonly comment: string;
  readonly state: SilenceState;
  readonly updated_at: string;
  /** When it begins or ends to hold next; null where it is over. */
  readonly next_change_at: string | null;
  readonly matches_now: number;
  readonly recurrence: Recurrence | null;
  readonly history: readonly { readonly at: string; readonly by: string; readonly change: string }[];
  readonly warnings: readonly string[];
}

export interface SilencePage {
  readonly silences: readonly Silence[];
  readonly cursor: string | null;
}

/** A rule whose alerts a silence would hit; certain where the rule's own labels say so, whatever those of the data are. */
export interface RuleHit {
  readonly name: string;
  readonly group: string;
  readonly severity: AlertSeverity;
  readonly is_certain: boolean;
}

export interface SilencePreview {
  readonly matching_now: readonly Alert[];
  readonly would_match: readonly RuleHit[];
  readonly warnings: readonly string[];
}

/** What the form asks the server for; `for_s` counts from `starts_at`, or from now. */
export interface SilenceRequest {
  readonly matchers: readonly Matcher[];
  readonly starts_at?: string;
  readonly for_s: number;
  readonly created_by: string;
  readonly comment: string;
  readonly recurrence?: Recurrence;
}

export const DURATIONS: readonly { readonly label: string; readonly seconds: number }[] = [
  { label: "15 min", seconds: 900 },
  { label: "1 h", seconds: 3_600 },
  { label: "4 h", seconds: 14_400 },
  { label: "8 h", seconds: 28_800 },
  { label: "1 day", seconds: 86_400 },
  { label: "1 week", seconds: 604_800 },
];

/** `alertname="SignerDown"`, as Alertmanager writes it. */
export function writeMatcher(matcher: Matcher): string {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(matcher.name) ? matcher.name : JSON.stringify(matcher.name);
  return `${name}${matcher.op}${JSON.stringify(matcher.value)}`;
}

function unquoted(text: string): string {
  if (!/^"(?:[^"\\]|\\.)*"$/.test(text)) return text;
  return text.slice(1, -1).replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
}

/** A matcher as people type it, with or without quotes; null where there is no operator or no name. */
export function parseMatcher(text: string): Matcher | null {
  const found = /^\s*("(?:[^"\\]|\\.)*"|[^=!~"\s]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text);
  const name = unquoted(found?.[1] ?? "");
  if (!found || name === "") return null;
  return { name, op: found[2] as Operator, value: unquoted(found[3] ?? "") };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

const ALTERNATIVES_MAX = 20; // a longer list of values is no description any more

/**
 * Matchers that hit all of these alerts: each label that every one of them has.
 *
 * A label whose value differs becomes a choice of the values, or is left out where they are too many.
 */
export function matchersFor(alerts: readonly Alert[]): readonly Matcher[] {
  const [first, ...others] = alerts;
  if (!first) return [];
  return Object.keys(first.labels).flatMap((name): Matcher[] => {
    if (others.some((alert) => alert.labels[name] === undefined)) return [];
    const values = [...new Set(alerts.map((alert) => alert.labels[name] ?? ""))];
    if (values.length === 1) return [{ name, op: "=", value: values[0] ?? "" }];
    return values.length <= ALTERNATIVES_MAX ? [{ name, op: "=~", value: values.map(escaped).join("|") }] : [];
  });
}

/** What keeps a matcher from being sent, in words for its row; null where nothing does. */
export function matcherProblem(matcher: Matcher): string | null {
  if (matcher.name.trim() === "") return "a name is missing";
  if (matcher.op === "=" || matcher.op === "!=") return null;
  try {
    new RegExp(matcher.value, "u");
    return null;
  } catch {
    // Go's syntax and the browser's differ in corners: the server has the last word.
    return "this may be no regular expression";
  }
}

/** Matchers worth asking for: with a name, each once. */
export function usable(matchers: readonly Matcher[]): readonly Matcher[] {
  const named = matchers.filter((matcher) => matcher.name.trim() !== "");
  return [...new Map(named.map((matcher) => [writeMatcher(matcher), matcher])).values()];
}

/** Silences whose matchers, author, comment or id hold every word. */
export function filterSilences(silences: readonly Silence[], text: string): readonly Silence[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return silences.filter((silence) => {
    const said = [...silence.matchers.map(writeMatcher), silence.created_by, silence.comment, silence.id].join(" ").toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** `22:00–06:00 Europe/Vienna, monday, friday`. */
export function describeRecurrence(recurrence: Recurrence): string {
  const days = recurrence.weekdays.length > 0 ? recurrence.weekdays.join(", ") : "every day";
  return `${recurrence.start_time}–${recurrence.end_time} ${recurrence.location}, ${days}`;
}
