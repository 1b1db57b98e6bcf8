/** Time that is left: until somebody must have acted, until the next level is told. */

import type { Alert } from "./alerts";
import { formatAgo } from "./time";
import { formatDuration } from "./units";

export interface Countdown {
  readonly text: string;
  readonly level: "calm" | "soon" | "late";
}

const SOON_S = 300; // a person needs some minutes to get to a keyboard

/** `4:09` below an hour, `2 h 5 min` above; seconds are rounded up, so that `0:00` is really over. */
export function formatLeft(ms: number): string {
  const seconds = Math.max(Math.ceil(ms / 1000), 0);
  if (seconds >= 3_600) return formatDuration(seconds);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Whole minutes, at least one: for lists, which do not move every second. */
export function formatMinutesLeft(ms: number): string {
  return formatDuration(Math.max(Math.ceil(ms / 60_000), 1) * 60);
}

/** Until when somebody must act on an alert; null where nobody must any more. */
export function deadlineOf(alert: Alert, nowMs: number, left: (ms: number) => string = formatLeft): Countdown | null {
  if (!alert.deadline_at || alert.state !== "firing") return null;
  const leftMs = Date.parse(alert.deadline_at) - nowMs;
  if (alert.is_deadline_missed) return { text: `deadline missed ${formatAgo(nowMs + leftMs, nowMs)}`, level: "late" };
  if (alert.acknowledgement) return null;
  if (leftMs <= 0) return { text: "act now", level: "late" };
  return { text: `act within ${left(leftMs)}`, level: leftMs <= SOON_S * 1000 ? "soon" : "calm" };
}

/** How far the policy has climbed and what comes next: `level 1 of 2, next in 4:09`; null where there is no policy. */
export function climbOf(alert: Alert, nowMs: number, left: (ms: number) => string = formatLeft): string | null {
  const climb = alert.escalation;
  if (!climb || alert.state !== "firing") return null;
  const place = climb.level < 0 ? "nobody told yet" : `level ${climb.level + 1} of ${climb.levels}`;
  if (climb.is_stopped) return `${place}, stopped`;
  if (!climb.next_at) return place;
  return `${place}, next in ${left(Date.parse(climb.next_at) - nowMs)}`;
}
