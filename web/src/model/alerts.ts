import { shortHash } from "./bitcoin";
import type { Labels } from "./prometheus";
import type { AlertSeverity } from "./severity";
import { placeOfHsm, placeOfNode, placeOfWallet } from "./verdict";

/** Somebody who has taken an alert on; `until` is when that ends by itself. */
export interface Acknowledgement {
  readonly by: string;
  readonly at: string;
  readonly until: string | null;
  readonly note: string;
}

/** How far an alert's policy has climbed; `level` is the last one that was told, from 0. */
export interface Climb {
  readonly level: number;
  readonly levels: number;
  readonly next_at: string | null;
  readonly is_stopped: boolean;
}

export interface Alert {
  readonly id: string;
  readonly name: string;
  readonly state: "pending" | "firing" | "resolved";
  readonly severity: AlertSeverity;
  readonly category: string;
  readonly source: string;
  readonly title: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: number | null;
  readonly starts_at: string;
  readonly ends_at: string | null;
  readonly correlation_id: string;
  readonly generator_url: string;
  readonly receivers: readonly string[];
  readonly silenced_by: readonly string[];
  readonly inhibited_by: readonly string[];
  /** Names of the time intervals that keep it from being told now. */
  readonly muted_by: readonly string[];
  /** Name of its escalation policy. */
  readonly policy: string | null;
  readonly acknowledgement: Acknowledgement | null;
  readonly assigned_to: string | null;
  readonly snoozed_until: string | null;
  readonly deadline_at: string | null;
  readonly is_deadline_missed: boolean;
  readonly escalation: Climb | null;
  readonly is_flapping: boolean;
}

export interface AlertList {
  readonly alerts: readonly Alert[];
}

export interface Attempt {
  readonly at: string;
  readonly outcome: "ok" | "retry" | "failed";
  readonly detail: string;
}

export interface Notification {
  readonly id: string;
  readonly at: string;
  readonly receiver: string;
  readonly channel: string;
  readonly status: "queued" | "sent" | "failed";
  readonly group_key: string;
  readonly reason: string;
  readonly alerts: readonly { readonly id: string; readonly name: string; readonly state: string; readonly severity: AlertSeverity }[];
  readonly attempts: readonly Attempt[];
  /** The summary that told it in a storm. */
  readonly told_in: string | null;
  /** Of a summary, how many notifications it tells. */
  readonly merged: number;
  /** Of a fallback, the channel that was down. */
  readonly stands_in_for: string | null;
  /** Fallbacks that told it while its own channel was down. */
  readonly copies: readonly string[];
  readonly replays: readonly { readonly at: string; readonly by: string }[];
  /** The escalation policy that called, and its level from 0; null where the route told. */
  readonly policy: string | null;
  readonly level: number | null;
}

export interface NotificationPage {
  readonly notifications: readonly Notification[];
  readonly cursor: string | null;
}

/** How many alerts stand in each state. */
export function countStates(alerts: readonly Alert[]): Record<Alert["state"], number> {
  const counts = { pending: 0, firing: 0, resolved: 0 };
  for (const alert of alerts) counts[alert.state] += 1;
  return counts;
}

/** Alerts whose name, title, labels or source hold every word of the text. */
export function filterAlerts(alerts: readonly Alert[], text: string): readonly Alert[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return alerts;
  return alerts.filter((alert) => {
    const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
    const said = [alert.name, alert.title, alert.source, alert.category, alert.severity, ...labels].join(" ").toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** The expression behind a link of a rule (`…/graph?g0.expr=…`); null where it is another kind of link. */
export function expressionOf(generatorUrl: string): string | null {
  const query = generatorUrl.split("?")[1];
  return query ? new URLSearchParams(query).get("g0.expr") : null;
}

const TXID = /(?<![\w-])[0-9a-f]{64}(?![\w-])/g;

/** The operations that an alert is about: its correlation id or the transaction of its labels, else each transaction that its text names. */
export function subjectsOf(alert: Pick<Alert, "correlation_id" | "labels" | "annotations">): readonly string[] {
  const own = [alert.correlation_id, alert.labels["correlation_id"], alert.labels["txid"]].filter((id) => id !== undefined && id !== "");
  if (own.length > 0) return [...new Set(own as string[])];
  return [...new Set(Object.values(alert.annotations).flatMap((text) => text.match(TXID) ?? []))];
}

/** Where the page shows what an alert is about: `Node core-1`, and the place of that on the page of custody. */
export interface AlertPlace {
  readonly name: string;
  readonly path: string;
  /** Part of that page; empty for all of it. */
  readonly at: string;
}

/** The node, wallet, HSM and transaction that an alert's labels name. */
export function placesOf({ labels }: Pick<Alert, "labels">): readonly AlertPlace[] {
  const { node, wallet, hsm, txid, chain, job } = labels;
  const isBitcoin = chain !== undefined || job === "bitcoin"; // others have nodes, too
  return [
    ...(txid ? [{ name: `Transaction ${shortHash(txid)}`, path: `correlation/${encodeURIComponent(txid)}`, at: "" }] : []),
    ...(isBitcoin && wallet ? [{ name: `Wallet ${wallet}`, path: "custody", at: placeOfWallet(wallet) }] : []),
    ...(isBitcoin && node ? [{ name: `Node ${node}`, path: "custody", at: placeOfNode(node) }] : []),
    ...(hsm ? [{ name: `HSM ${hsm}`, path: "custody", at: placeOfHsm(hsm) }] : []),
  ];
}
