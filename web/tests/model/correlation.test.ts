import { describe, expect, it } from "vitest";

import { keyed, progressText, targetOf, type Entry, type Stage } from "../../src/model/correlation";

const entry = (changes: Partial<Entry>): Entry => ({
  ...{ at: "2026-12-01T12:00:00.000000000Z", kind: "log", source: "custody", title: "x", detail: "", is_bad: false, duration_ns: null },
  ...{ correlation_id: "c", metric: "", trace_id: "", span_id: "", alert_id: "" },
  ...changes,
});

describe("an entry", () => {
  it("leads to where it comes from", () => {
    expect(targetOf(entry({ kind: "span", trace_id: "ab", span_id: "01" }))).toEqual({ path: "traces/ab", query: { span: "01" } });
    expect(targetOf(entry({ kind: "alert", alert_id: "a1" })).path).toBe("alerts/a1");
    expect(targetOf(entry({ kind: "metric", metric: "x_seconds_bucket" })).query["q"]).toBe("rate(x_seconds_count[5m])");
    expect(targetOf(entry({ correlation_id: 'a"b' }))).toEqual({
      path: "logs",
      query: { q: 'correlation_id:"a\\"b"', from: "2026-12-01T11:59:00.000Z", to: "2026-12-01T12:01:00.000Z" },
    });
  });

  it("keeps its key when another comes before it, and equal ones have their own", () => {
    const [first, second] = [entry({ title: "a" }), entry({ title: "b" })];
    const keyOf = (entries: readonly Entry[], one: Entry) => keyed(entries).find(([, each]) => each === one)?.[0];
    expect(keyOf([second], second)).toBe(keyOf([first, second], second));
    expect(new Set(keyed([first, { ...first }]).map(([key]) => key)).size).toBe(2);
  });
});

describe("how far it came", () => {
  const stage = (name: Stage["name"], state: Stage["state"], detail = ""): Stage => ({ name, state, at: null, took_ns: null, detail });

  it("is said by the last stage that was reached", () => {
    const stages = [stage("request", "done"), stage("approval", "missing"), stage("broadcast", "done", "seen by core-1"), stage("confirmation", "waiting")];
    expect(progressText({ stages, outcome: "", is_under_way: true })).toBe("broadcast done (seen by core-1), under way");
    expect(progressText({ stages, outcome: "refused", is_under_way: false })).toBe("broadcast done (seen by core-1), ended: refused");
    expect(progressText({ stages: [], outcome: "", is_under_way: false })).toBe("");
  });
});
