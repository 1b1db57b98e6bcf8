/** The alert list as people narrow it: facets with their counts, and groups. */

import type { Alert } from "./alerts";
import { ALERT_SEVERITIES } from "./severity";

export const FACET_NAMES = ["state", "severity", "handling", "category", "component", "receiver"] as const;
export type FacetName = (typeof FACET_NAMES)[number];

/** The chosen values of each facet; none means all. */
export type Chosen = Readonly<Record<FacetName, readonly string[]>>;

const HANDLING = ["open", "acknowledged", "assigned", "snoozed", "silenced", "inhibited", "muted by time", "flapping", "deadline missed"] as const;

/** Values whose order says something; those of other facets stand by count. */
const ORDERS: Partial<Record<FacetName, readonly string[]>> = {
  state: ["firing", "pending", "resolved"],
  severity: ALERT_SEVERITIES,
  handling: HANDLING,
};

/** What is being done about an alert; `open` where it fires and nothing keeps it from being told. */
export function handlingOf(alert: Alert): readonly string[] {
  const found: Record<(typeof HANDLING)[number], boolean> = {
    open: false,
    acknowledged: alert.acknowledgement !== null,
    assigned: alert.assigned_to !== null,
    snoozed: alert.snoozed_until !== null,
    silenced: alert.silenced_by.length > 0,
    inhibited: alert.inhibited_by.length > 0,
    "muted by time": alert.muted_by.length > 0,
    flapping: alert.is_flapping,
    "deadline missed": alert.is_deadline_missed,
  };
  const isHeld = found.acknowledged || found.snoozed || found.silenced || found.inhibited || found["muted by time"];
  found.open = alert.state === "firing" && !isHeld;
  return HANDLING.filter((name) => found[name]);
}

function valuesOf(alert: Alert, facet: FacetName): readonly string[] {
  switch (facet) {
    case "state":
      return [alert.state];
    case "severity":
      return [alert.severity];
    case "handling":
      return handlingOf(alert);
    case "category":
      return alert.category ? [alert.category] : [];
    case "component":
      return alert.source ? [alert.source] : [];
    case "receiver":
      return alert.receivers;
  }
}

/** The chosen values in an address: `severity=high&severity=low`. */
export function readChosen(query: URLSearchParams): Chosen {
  return Object.fromEntries(FACET_NAMES.map((name) => [name, query.getAll(name)])) as unknown as Chosen;
}

export function isChosen(chosen: Chosen): boolean {
  return FACET_NAMES.some((name) => chosen[name].length > 0);
}

/** Alerts with one of the chosen values in every facet; `except` leaves one facet out. */
export function narrow(alerts: readonly Alert[], chosen: Chosen, except?: FacetName): readonly Alert[] {
  const asked = FACET_NAMES.filter((name) => name !== except && chosen[name].length > 0);
  if (asked.length === 0) return alerts;
  return alerts.filter((alert) => asked.every((name) => valuesOf(alert, name).some((value) => chosen[name].includes(value))));
}

export interface FacetCount {
  readonly value: string;
  readonly count: number;
}

/** How many alerts each value of a facet would show beside the choices of the other facets; chosen values stay at 0. */
export function countFacet(alerts: readonly Alert[], chosen: Chosen, facet: FacetName): readonly FacetCount[] {
  const counts = new Map<string, number>(chosen[facet].map((value) => [value, 0]));
  for (const alert of narrow(alerts, chosen, facet)) {
    for (const value of valuesOf(alert, facet)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const order = ORDERS[facet];
  const rank = (value: string) => (order ? order.indexOf(value) : 0);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => rank(a.value) - rank(b.value) || b.count - a.count || a.value.localeCompare(b.value));
}

export const GROUPINGS = ["state", "name", "component", "receiver"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface AlertGroup {
  readonly key: string;
  readonly alerts: readonly Alert[];
}

function keysOf(alert: Alert, by: Grouping): readonly string[] {
  const keys = by === "name" ? [alert.name] : valuesOf(alert, by);
  return keys.length > 0 ? keys : [`no ${by}`];
}

/** Alerts in groups, an alert of several receivers in each of theirs; the group with the first alert of the list leads. */
export function groupAlerts(alerts: readonly Alert[], by: Grouping): readonly AlertGroup[] {
  const groups = new Map<string, Alert[]>();
  if (by === "state") for (const state of ORDERS.state ?? []) groups.set(state, []);
  for (const alert of alerts) {
    for (const key of keysOf(alert, by)) {
      const members = groups.get(key);
      if (members) members.push(alert);
      else groups.set(key, [alert]);
    }
  }
  return [...groups].filter(([, members]) => members.length > 0).map(([key, members]) => ({ key, alerts: members }));
}
