/** What happened to an alert, as the server tells it. */

import type { Alert } from "./alerts";

export const EVENT_KINDS = [
  "fired",
  "refired",
  "resolved",
  "notified",
  "notification_failed",
  "acknowledged",
  "acknowledgement_expired",
  "unacknowledged",
  "assigned",
  "commented",
  "snoozed",
  "snooze_ended",
  "resolved_by_hand",
  "escalated",
  "deadline_missed",
  "silenced",
  "unsilenced",
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface AlertEvent {
  readonly at: string;
  readonly kind: EventKind;
  readonly by: string;
  readonly text: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** An alert with everything that happened to it, the oldest first. */
export interface AlertStory {
  readonly alert: Alert;
  readonly timeline: readonly AlertEvent[];
}

/** The answer to somebody who acted; `notice` tells of who was first. */
export interface Response extends AlertStory {
  readonly notice: string | null;
}

export const ALERT_ACTIONS = ["acknowledge", "unacknowledge", "assign", "comment", "snooze", "resolve", "escalate"] as const;
export type AlertAction = (typeof ALERT_ACTIONS)[number];

export type EventTone = "bad" | "warn" | "good" | "calm";

/** The word, the mark and the weight of an event; the mark is drawn, the tone its colour. */
export const EVENT_LOOKS: Readonly<Record<EventKind, { readonly word: string; readonly tone: EventTone; readonly theme: EventTheme }>> = {
  fired: { word: "fired", tone: "bad", theme: "alert" },
  refired: { word: "fired again", tone: "bad", theme: "alert" },
  resolved: { word: "resolved", tone: "good", theme: "alert" },
  notified: { word: "told", tone: "calm", theme: "notification" },
  notification_failed: { word: "could not be told", tone: "bad", theme: "notification" },
  acknowledged: { word: "acknowledged", tone: "good", theme: "response" },
  acknowledgement_expired: { word: "acknowledgement ran out", tone: "warn", theme: "response" },
  unacknowledged: { word: "acknowledgement taken back", tone: "warn", theme: "response" },
  assigned: { word: "assigned", tone: "calm", theme: "response" },
  commented: { word: "comment", tone: "calm", theme: "response" },
  snoozed: { word: "snoozed", tone: "calm", theme: "response" },
  snooze_ended: { word: "snooze ended", tone: "warn", theme: "response" },
  resolved_by_hand: { word: "resolved by hand", tone: "good", theme: "response" },
  escalated: { word: "escalated", tone: "warn", theme: "notification" },
  deadline_missed: { word: "deadline missed", tone: "bad", theme: "alert" },
  silenced: { word: "silenced", tone: "calm", theme: "response" },
  unsilenced: { word: "no longer silenced", tone: "warn", theme: "response" },
};

export const EVENT_THEMES = ["alert", "notification", "response"] as const;
export type EventTheme = (typeof EVENT_THEMES)[number];

/** Events of the chosen themes; none means all. Kinds that this page does not know yet are kept. */
export function eventsOf(timeline: readonly AlertEvent[], themes: readonly string[]): readonly AlertEvent[] {
  if (themes.length === 0) return timeline;
  return timeline.filter((event) => themes.includes(looksOf(event.kind).theme));
}

/** Kinds after which a policy begins from its first level. */
const BEGINNINGS: readonly string[] = ["fired", "refired", "unacknowledged", "acknowledgement_expired", "snooze_ended", "unsilenced"];

/** When the policy began to climb, in Unix milliseconds; null where nothing says so. */
export function climbBegan(timeline: readonly AlertEvent[]): number | null {
  const last = timeline.findLast((event) => BEGINNINGS.includes(event.kind));
  return last ? Date.parse(last.at) : null;
}

/** Whether a message is still on its way. */
export function isUnderway(event: AlertEvent): boolean {
  return event.kind === "notified" && event.details["status"] === "queued";
}

export function looksOf(kind: string): { readonly word: string; readonly tone: EventTone; readonly theme: EventTheme } {
  return EVENT_LOOKS[kind as EventKind] ?? { word: kind.replaceAll("_", " "), tone: "calm", theme: "alert" };
}

/** What an event carries, a line each; nothing that is empty or said already. */
export function detailsOf(event: AlertEvent): readonly (readonly [string, string])[] {
  return Object.entries(event.details)
    .map(([name, value]) => [name.replaceAll("_", " "), textOf(value)] as const)
    .filter(([, text]) => text !== "" && text !== event.text);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ");
  return JSON.stringify(value);
}
