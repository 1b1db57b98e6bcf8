/** Made-up answers about responses, silences, routes and channels. */

import type { Alert } from "../src/model/alerts.ts";
import type { Channel } from "../src/model/channels.ts";
import type { Policies, Routing } from "../src/model/routing.ts";
import type { Matcher, Silence, SilencePreview } from "../src/model/silences.ts";
import type { AlertEvent } from "../src/model/timeline.ts";
import { sampleAlerts } from "./alerts.ts";

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export function sampleTimeline(): AlertEvent[] {
  return [
    { at: ago(9), kind: "fired", by: "", text: "The signer hsm-1 does not answer", details: { value: 1.5 } },
    { at: ago(9), kind: "notified", by: "", text: "slack of team answered 200 OK", details: { receiver: "team", channel: "slack", level: 0, notification: "n1" } },
    { at: ago(8.9), kind: "notification_failed", by: "", text: "e-mail: 451 try later", details: { receiver: "team", channel: "email", attempts: 2 } },
    { at: ago(7), kind: "commented", by: "ada", text: "The HSM's network card reports errors.\nSwapping it.", details: {} },
    { at: ago(5), kind: "deadline_missed", by: "", text: "nobody acknowledged", details: { deadline_at: ago(5) } },
    { at: ago(4), kind: "escalated", by: "", text: "level 2: phone", details: { level: 1, channels: ["phone"] } },
  ];
}

export function sampleSilences(): Silence[] {
  const base = { next_change_at: null, starts_at: ago(60), updated_at: ago(60), created_by: "ada", recurrence: null, history: [{ at: ago(60), by: "ada", change: "created" }], warnings: [] };
  return [
    {
      ...base, id: "4f6cb0f4-9a3b-4f7e-8a7c-1f0a3f6f0001", state: "active", ends_at: ago(-42), comment: "Moving the vault to the new rack", matches_now: 2,
      matchers: [{ name: "alertname", op: "=", value: "DiskFills" }, { name: "instance", op: "=~", value: "vault-.*" }],
      warnings: ["it mutes a critical alert: SignerDown"],
    },
    {
      ...base, id: "4f6cb0f4-9a3b-4f7e-8a7c-1f0a3f6f0002", state: "pending", next_change_at: ago(-600), starts_at: ago(-600), ends_at: ago(-720), comment: "Weekly restart of the nodes", matches_now: 0,
      matchers: [{ name: "job", op: "=", value: "bitcoind" }], warnings: ["it matches no alert now"],
    },
    {
      ...base, id: "4f6cb0f4-9a3b-4f7e-8a7c-1f0a3f6f0003", state: "expired", ends_at: ago(20), comment: "Test of the alarm chain", created_by: "ben", matches_now: 0,
      matchers: [{ name: "severity", op: "!=", value: "critical" }],
      history: [{ at: ago(60), by: "ben", change: "created" }, { at: ago(20), by: "ada", change: "expired" }],
    },
  ];
}

function hits(alert: Alert, matcher: Matcher): boolean {
  const value = alert.labels[matcher.name] ?? "";
  const isSame = matcher.op.endsWith("~") ? new RegExp(`^(?:${matcher.value})$`).test(value) : value === matcher.value;
  return matcher.op.startsWith("!") ? !isSame : isSame;
}

export function samplePreview(matchers: readonly Matcher[]): SilencePreview {
  const matching = sampleAlerts().filter((alert) => alert.state === "firing" && matchers.every((matcher) => hits(alert, matcher)));
  const critical = matching.filter((alert) => alert.severity === "critical").map((alert) => `it mutes a critical alert: ${alert.name}`);
  return {
    matching_now: matching,
    would_match: [{ name: "SignerDown", group: "custody", severity: "critical", is_certain: true }, { name: "DiskFills", group: "host", severity: "high", is_certain: false }].filter((rule) =>
      matchers.every((matcher) => matcher.name !== "alertname" || matcher.value === rule.name),
    ) as SilencePreview["would_match"],
    warnings: matching.length === 0 ? ["it matches no alert now"] : critical,
  };
}

export function sampleRouting(): Routing {
  const base = {
    group_by: ["alertname"], group_by_all: false, group_wait_s: 30, group_interval_s: 300, repeat_interval_s: 14_400,
    continue: false, mute_time_intervals: [], active_time_intervals: [], policy: null, routes: [],
  };
  return {
    route: {
      ...base, id: "0", receiver: "team", matchers: [],
      routes: [
        {
          ...base, id: "0/0", receiver: "signers", matchers: ['component=~"hsm|signer"'], continue: true, group_wait_s: 0,
          routes: [{ ...base, id: "0/0/0", receiver: "on-call", matchers: ['severity="critical"'], group_by: [], group_by_all: true }],
        },
        { ...base, id: "0/1", receiver: "storage", matchers: ['category="capacity"'], mute_time_intervals: ["nights"], active_time_intervals: [] },
      ],
    },
    receivers: [
      { name: "team", integrations: [{ kind: "slack", key: "team/slack/0", send_resolved: true }, { kind: "email", key: "team/email/0", send_resolved: false }] },
      { name: "signers", integrations: [{ kind: "webhook", key: "signers/webhook/0", send_resolved: true }] },
      { name: "on-call", integrations: [{ kind: "phone", key: "on-call/phone/0", send_resolved: false }] },
      { name: "storage", integrations: [] },
    ],
  };
}

export function samplePolicies(): Policies {
  return {
    policies: [
      {
        name: "critical", is_default: true, severities: ["critical"], acknowledgement_timeout_s: 1_800,
        levels: [{ delay_s: 0, channels: ["slack", "email"], repeat_s: 300 }, { delay_s: 900, channels: ["phone"], repeat_s: 600 }],
      },
      { name: "default", is_default: true, severities: ["high", "medium", "low"], acknowledgement_timeout_s: null, levels: [{ delay_s: 0, channels: ["slack"], repeat_s: null }] },
    ],
    deadlines: { critical: 0, high: 900, medium: 3_600, low: 86_400 },
  };
}

export function sampleChannels(): Channel[] {
  return [
    { key: "team/slack/0", kind: "slack", receiver: "team", state: "healthy", waiting: 0, dead: 0, since: ago(600), last_error: null },
    { key: "team/email/0", kind: "email", receiver: "team", state: "open", waiting: 3, dead: 1, since: ago(12), last_error: "550 no such user" },
    { key: "signers/webhook/0", kind: "webhook", receiver: "signers", state: "degraded", waiting: 1, dead: 0, since: ago(2), last_error: "503 Service Unavailable" },
  ];
}
