/** The routing tree and the escalation policies, as they are drawn. */

import type { AlertSeverity } from "./severity";
import type { Labels } from "./prometheus";
import { parseMatcher } from "./silences";

export interface RouteNode {
  readonly id: string;
  readonly receiver: string;
  readonly matchers: readonly string[];
  readonly group_by: readonly string[];
  readonly group_by_all: boolean;
  readonly group_wait_s: number;
  readonly group_interval_s: number;
  readonly repeat_interval_s: number;
  readonly continue: boolean;
  readonly mute_time_intervals: readonly string[];
  readonly active_time_intervals: readonly string[];
  readonly policy: string | null;
  readonly routes: readonly RouteNode[];
}

export interface Receiver {
  readonly name: string;
  readonly integrations: readonly { readonly kind: string; readonly key: string; readonly send_resolved: boolean }[];
}

export interface Routing {
  readonly route: RouteNode;
  readonly receivers: readonly Receiver[];
}

export interface TestedRoute {
  readonly id: string;
  readonly receiver: string;
  readonly group_labels: Labels;
  /** The escalation policy that would act, and whom it would tell when. */
  readonly policy: string | null;
  readonly levels: readonly PolicyLevel[];
}

export interface RouteTest {
  readonly routes: readonly TestedRoute[];
}

export interface PolicyLevel {
  readonly delay_s: number;
  readonly channels: readonly string[];
  readonly repeat_s: number | null;
}

export interface Policy {
  readonly name: string;
  /** Whether it acts on alerts of its severities that name no policy. */
  readonly is_default: boolean;
  readonly severities: readonly string[];
  readonly levels: readonly PolicyLevel[];
  readonly acknowledgement_timeout_s: number | null;
}

export interface Policies {
  readonly policies: readonly Policy[];
  readonly deadlines: Readonly<Record<AlertSeverity, number>>;
}

/** Every route below and with this one, parents first. */
export function routesOf(route: RouteNode): readonly RouteNode[] {
  return [route, ...route.routes.flatMap(routesOf)];
}

/** Ids of the routes that an alert walks through on its way: those that take it, and all above them. */
export function pathTo(route: RouteNode, taken: ReadonlySet<string>): ReadonlySet<string> {
  const below = route.routes.map((child) => pathTo(child, taken));
  const path = new Set(below.flatMap((ids) => [...ids]));
  if (path.size > 0 || taken.has(route.id)) path.add(route.id);
  return path;
}

/** Labels as people type them, `severity=critical component="hot wallet"`; the words that are none are told. */
export function readLabels(text: string): { labels: Labels; wrong: readonly string[] } {
  const labels: Record<string, string> = {};
  const wrong: string[] = [];
  for (const [word] of text.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^\s,"])+/g)) {
    const matcher = parseMatcher(word);
    if (matcher?.op === "=") labels[matcher.name] = matcher.value;
    else wrong.push(word);
  }
  return { labels, wrong };
}

/** Labels in the form in which `readLabels` reads them. */
export function writeLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${/^[^\s,"\\]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join(" ");
}

/** A level on a policy's time line. Shares are of the whole line, from 0 to 1. */
export interface Lane {
  readonly level: PolicyLevel;
  readonly start: number;
  /** Moments at which somebody is told. */
  readonly told: readonly number[];
}

export interface PolicyPicture {
  readonly lanes: readonly Lane[];
  readonly lengthS: number;
  /** Marks of the scale below, in seconds. */
  readonly marksS: readonly number[];
}

const TOLD_MAX = 40; // dots that still stand apart
const LENGTH_MIN_S = 900;
const SCALE_S = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];
const MARKS_MAX = 6;

/** A policy over time: long enough to show the last level and two of its repeats. */
export function pictureOf(levels: readonly PolicyLevel[]): PolicyPicture {
  const ends = levels.map((level) => level.delay_s + 2.5 * (level.repeat_s ?? 0));
  const wanted = Math.max(LENGTH_MIN_S, ...ends, ...levels.map((level) => level.delay_s * 1.25));
  const scale = SCALE_S.find((step) => wanted / step <= MARKS_MAX) ?? wanted / MARKS_MAX;
  const lengthS = Math.ceil(wanted / scale) * scale;
  const lanes = levels.map((level) => {
    const told = [level.delay_s / lengthS];
    const step = level.repeat_s ?? 0;
    while (step > 0 && told.length < TOLD_MAX && level.delay_s + step * told.length <= lengthS) {
      told.push((level.delay_s + step * told.length) / lengthS);
    }
    return { level, start: level.delay_s / lengthS, told };
  });
  return { lanes, lengthS, marksS: Array.from({ length: Math.round(lengthS / scale) + 1 }, (_, index) => index * scale) };
}
