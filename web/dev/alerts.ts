import type { Alert, Notification } from "../src/model/alerts.ts";
import type { Health } from "../src/model/health.ts";
import type { RuleGroup } from "../src/model/prometheus.ts";

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export function sampleHealth(): Health {
  const parts = [
    ["storage", "store", "healthy", "chDB answers in 2 ms", ""],
    ["otlp_grpc", "receiver", "degraded", "port 4317 is taken", "stop the other program or set receive.otlp_grpc"],
    ["host", "collector", "healthy", "9 collectors, every 15 s", ""],
    ["rules", "rules", "healthy", "12 rules, 3 ms", ""],
    ["courier", "notify", "healthy", "nothing waits", ""],
  ] as const;
  return {
    status: "degraded",
    components: parts.map(([component, kind, status, message, advice]) => ({ component, kind, status, message, advice, since: ago(42) })),
  };
}

export function sampleAlerts(): Alert[] {
  const make = (id: number, name: string, severity: Alert["severity"], state: Alert["state"], title: string): Alert => ({
    id: `fp${id}`,
    name,
    state,
    severity,
    category: "availability",
    source: "custody",
    title,
    labels: { alertname: name, instance: "vault-1:9100", job: "node", severity },
    annotations: { summary: title, description: "The signer did not answer for 60 s.", runbook_url: "https://example.org/runbook" },
    value: 1.5 * id,
    starts_at: ago(id * 9),
    ends_at: state === "resolved" ? ago(1) : null,
    correlation_id: `cid-${id}`,
    generator_url: "/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    receivers: ["team"],
    silenced_by: [],
    inhibited_by: [],
    muted_by: [],
    policy: severity === "critical" ? "critical" : "default",
    acknowledgement: null,
    assigned_to: null,
    snoozed_until: null,
    deadline_at: null,
    is_deadline_missed: false,
    escalation: null,
    is_flapping: false,
  });
  const climb = { level: 0, levels: 2, next_at: ago(-4.2), is_stopped: false };
  return [
    { ...make(1, "SignerDown", "critical", "firing", "The signer hsm-1 does not answer"), deadline_at: ago(9), is_deadline_missed: true, escalation: climb },
    {
      ...make(2, "DiskFills", "high", "firing", "/var fills within 4 h"),
      category: "capacity", source: "node", deadline_at: ago(-3.1), is_flapping: true, assigned_to: "ben", receivers: ["team", "storage"],
      acknowledgement: { by: "ada", at: ago(4), until: ago(-56), note: "cleaning up old snapshots" },
    },
    make(3, "FeeAbovePolicy", "medium", "pending", "Fees are above the policy"),
    make(4, "CertificateExpires", "low", "resolved", "The certificate of the API expires in 13 d"),
  ];
}

export function notifications(): Notification[] {
  const plain = { told_in: null, merged: 0, stands_in_for: null, copies: [], replays: [], policy: null, level: null };
  return [
    {
      ...plain, policy: "critical", level: 0, id: "n1", at: ago(9), receiver: "team", channel: "slack", status: "sent", group_key: "{}:{alertname=\"SignerDown\"}", reason: "firing",
      alerts: [{ id: "fp1", name: "SignerDown", state: "firing", severity: "critical" }],
      attempts: [{ at: ago(9), outcome: "retry", detail: "503 Service Unavailable" }, { at: ago(8.9), outcome: "ok", detail: "200 OK" }],
    },
    {
      ...plain, replays: [{ at: ago(5), by: "ada" }], id: "n2", at: ago(18), receiver: "team", channel: "email", status: "failed", group_key: "{}:{alertname=\"DiskFills\"}", reason: "firing",
      alerts: [{ id: "fp2", name: "DiskFills", state: "firing", severity: "high" }],
      attempts: [{ at: ago(18), outcome: "failed", detail: "550 no such user" }],
    },
  ];
}

export function sampleRules(): RuleGroup[] {
  return [
    {
      name: "custody", file: "rules/custody.yml", interval: 15,
      rules: [
        { name: "SignerDown", query: "up{job=\"signer\"} == 0", type: "alerting", health: "ok", state: "firing", duration: 60, labels: { severity: "critical" }, annotations: {}, evaluationTime: 0.0021, lastEvaluation: ago(0.1), alerts: [] },
        { name: "job:errors:rate5m", query: "sum by (job) (rate(errors_total[5m]))", type: "recording", health: "err", lastError: "vector contains duplicate labels", evaluationTime: 0.001, lastEvaluation: ago(0.1) },
      ],
    },
  ];
}
