import { describe, expect, it } from "vitest";

import { clusters, stagesOf, timeLine, txidsIn, type Correlated } from "../../src/model/correlation";
import type { LogRow } from "../../src/model/logs";
import type { TraceSpan } from "../../src/model/traces";

const TXID = "ab".repeat(32);
const at = (seconds: number) => new Date(Date.UTC(2026, 11, 1, 12, 0, 0, seconds * 1000)).toISOString();

function span(name: string, seconds: number, attributes: TraceSpan["attributes"] = {}, changes: Partial<TraceSpan> = {}) {
  return {
    traceId: "t",
    span: { span_id: name, name, service: "custody", start: at(seconds), duration_ns: 1e9, status: "ok", status_message: "", attributes, ...changes } as TraceSpan,
  };
}

function row(event_name: string, seconds: number, attributes: LogRow["attributes"] = {}, changes: Partial<LogRow> = {}): LogRow {
  return { time: at(seconds), body: "", severity: "INFO", severity_number: 9, service: "custody", stream: "otlp", correlation_id: "c", event_name, attributes, ...changes } as LogRow;
}

const stage = (name: string) => ({ "custody.stage": name });

function found(changes: Partial<Correlated>): Correlated {
  return { ids: ["c"], spans: [], rows: [], alerts: [], spends: [], exemplars: [], isCut: false, faults: [], ...changes };
}

const WITHDRAWAL = found({
  spans: [
    span("POST /withdrawals", 0),
    span("custody.policy", 1, stage("policy")),
    span("custody.approval", 61, stage("approval")),
    span("custody.signing", 63, stage("signing")),
    span("custody.broadcast", 65, { ...stage("broadcast"), transaction_id: TXID }),
    span("custody.confirmation", 600, { "custody.confirmations": 1, "custody.confirmations_wanted": 3, "custody.block_height": 925_000 }),
  ],
  rows: [
    row("audit.withdrawal.intent", 0, { "audit.phase": "intent", "audit.actor": "customer" }),
    row("audit.withdrawal.approval.event", 62, { "audit.actor": "ada", "audit.outcome": "success" }),
  ],
});

describe("the stages of a withdrawal", () => {
  it("are passed one after another; what a person took to approve counts", () => {
    expect(stagesOf(WITHDRAWAL).map((one) => [one.name, one.state, one.tookS, one.detail])).toEqual([
      ["request", "done", null, "by customer"],
      ["approval", "done", 62, "by ada"],
      ["signing", "done", 2, ""],
      ["broadcast", "done", 2, ""],
      ["confirmation", "open", 535, "1 of 3, block 925,000"],
    ]);
  });

  it("shows what was passed over as missing, and what may still come as waiting", () => {
    const rows = [row("bitcoin.transaction.seen", 5, { "bitcoin.node": "core-1" }, { stream: "bitcoin" })];
    expect(stagesOf(found({ rows })).map((one) => one.state)).toEqual(["missing", "missing", "missing", "done", "waiting"]);
  });

  it("says which stage failed, and forgets it where it worked the next time", () => {
    const fails = span("custody.signing", 2, stage("signing"), { status: "error" });
    const state = (spans: Correlated["spans"]) => stagesOf(found({ spans })).find((one) => one.name === "signing")?.state;
    expect(state([fails])).toBe("failed");
    expect(state([fails, span("again", 9, stage("signing"))])).toBe("done");
  });

  it("are read from the names of spans where a service has no stages", () => {
    const spans = [span("POST /withdrawals", 0), span("withdrawal.approve", 1), span("withdrawal.sign", 2), span("sendrawtransaction", 3)];
    expect(stagesOf(found({ spans })).map((one) => one.state)).toEqual(["done", "done", "done", "done", "waiting"]);
  });

  it("are none where nothing is an operation", () => {
    expect(stagesOf(found({ rows: [row("", 0)] }))).toEqual([]);
  });
});

describe("the time line", () => {
  it("has everything in its order, each with its kind and where it leads", () => {
    const line = timeLine(
      found({
        spans: [span("custody.signing", 2, {}, { status: "error" })],
        rows: [
          row("audit.withdrawal.intent", 1),
          row("custody.spend.unmatched", 4, {}, { stream: "custody" }),
          row("bitcoin.transaction.seen", 3, {}, { stream: "bitcoin" }),
        ],
        exemplars: [{ metric: { __name__: "anya_hsm_operation_duration_seconds_bucket", le: "1", operation_type: "sign", job: "custody" }, labels: {}, value: 0.25, atMs: Date.parse(at(2.5)) }],
      }),
    );
    expect(line.map((one) => [one.kind, one.title, one.isBad])).toEqual([
      ["audit", "audit.withdrawal.intent", false],
      ["span", "custody.signing", true],
      ["metric", "anya_hsm_operation_duration_seconds = 0.25", false],
      ["chain", "bitcoin.transaction.seen", false],
      ["custody", "custody.spend.unmatched", false],
    ]);
    expect(line[1]?.to).toEqual({ path: "traces/t", query: { span: "custody.signing" } });
    expect(line[2]?.detail).toBe("operation_type=sign");
  });
});

describe("times", () => {
  it("that lie close are one range", () => {
    expect(clusters([100, 0, 15, 103], 5, 9)).toEqual([
      { startMs: -5, endMs: 5 },
      { startMs: 10, endMs: 20 },
      { startMs: 95, endMs: 108 },
    ]);
    expect(clusters([0, 10, 100], 5, 1)).toEqual([{ startMs: -5, endMs: 15 }]);
    expect(clusters([], 5, 9)).toEqual([]);
  });
});

describe("transactions", () => {
  it("are found under every name that they have, each once", () => {
    expect(txidsIn([{ attributes: { txid: TXID } }, { attributes: { "bitcoin.transaction.id": TXID } }, { attributes: { txid: "9720fb5e-251a" } }])).toEqual([TXID]);
  });
});
