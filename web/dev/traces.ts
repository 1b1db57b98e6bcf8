import type { ServiceOperations, Trace, TraceSpan, TraceSummary } from "../src/model/traces.ts";

export function services(): ServiceOperations[] {
  return [
    { name: "gateway", operations: [{ name: "POST /withdrawals", kind: "server" }] },
    { name: "custody", operations: [{ name: "approve", kind: "server" }, { name: "policy.check", kind: "internal" }] },
    { name: "signer", operations: [{ name: "hsm.sign", kind: "client" }] },
  ];
}

export function searchTraces(params: URLSearchParams): TraceSummary[] {
  if (params.get("service") === "nobody") return [];
  return Array.from({ length: Number(params.get("limit") ?? 20) }, (_, index) => ({
    trace_id: `5b8aa5a2d2c872e8321cf37308d6${(index + 4096).toString(16)}`,
    root_service: "gateway",
    root_name: index % 3 ? "POST /withdrawals" : "GET /balances",
    start: new Date(Date.now() - index * 61_000).toISOString(),
    duration_ns: Math.round(2e7 + ((index * 7919) % 100) * 4e6),
    spans: 6 + (index % 9),
    errors: index % 6 === 2 ? 1 : 0,
    services: [{ name: "gateway", spans: 2 }, { name: "custody", spans: 3 }, { name: "signer", spans: 2 }],
  }));
}

/** A trace of many spans where its id ends in `ffff`, else of 40. */
export function makeTrace(id: string): Trace {
  const count = id.endsWith("ffff") ? 10_000 : 40;
  const start = Date.now() - 60_000;
  const spans = Array.from({ length: count }, (_, index): TraceSpan => {
    const parent = index === 0 ? "" : String(Math.floor((index - 1) / 3)).padStart(16, "0");
    const offsetMs = index === 0 ? 0 : (index / count) * 380;
    const failed = index === 17;
    return {
      span_id: String(index).padStart(16, "0"),
      parent_id: parent,
      name: ["POST /withdrawals", "policy.check", "hsm.sign", "db.insert"][index % 4] ?? "",
      service: ["gateway", "custody", "signer"][index % 3] ?? "",
      kind: index === 0 ? "server" : "internal",
      start: new Date(start + offsetMs).toISOString(),
      duration_ns: index === 0 ? 4.2e8 : Math.round(((index * 31) % 80) * 1e6 + 2e6),
      status: failed ? "error" : "unset",
      status_message: failed ? "CKR_DEVICE_ERROR" : "",
      attributes: { "anya.wallet": "cold-1", "db.system": "postgresql", attempt: index % 3 },
      events: failed ? [{ time: new Date(start + offsetMs + 3).toISOString(), name: "exception", attributes: { "exception.type": "Pkcs11Error" } }] : [],
      links: [],
      resource: { "service.name": "gateway", "host.name": "vault-1" },
      scope: { name: "opentelemetry", version: "1.38" },
      correlation_id: "cid-7",
      warnings: [],
    };
  });
  return { trace_id: id, start: new Date(start).toISOString(), duration_ns: 4.2e8, spans };
}
