import { describe, expect, it } from "vitest";

import { sampleAlerts, sampleHealth } from "../../dev/alerts";
import { countStates, expressionOf, filterAlerts, subjectsOf } from "../../src/model/alerts";
import { GOLDEN, extend, levelFor, type Signal } from "../../src/model/golden";
import { headline } from "../../src/model/health";

describe("alerts", () => {
  it("are counted by state", () => expect(countStates(sampleAlerts())).toEqual({ firing: 2, pending: 1, resolved: 1 }));
  it("are found by every word, in labels too", () => {
    expect(filterAlerts(sampleAlerts(), "SIGNER instance=vault-1").map((alert) => alert.name)).toEqual(["SignerDown"]);
    expect(filterAlerts(sampleAlerts(), " ")).toHaveLength(4);
  });
  it.each([
    ["/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "up == 0"],
    ["https://example.org/", null],
    ["", null],
  ])("know the query behind %s", (url, query) => expect(expressionOf(url)).toBe(query));
});

describe("what an alert is about", () => {
  const [one, two] = ["ab".repeat(32), "cd".repeat(32)];
  const about = (correlation_id: string, labels: Record<string, string>, annotations: Record<string, string> = {}) => subjectsOf({ correlation_id, labels, annotations });

  it("is its operation and the transaction of its labels, each once", () => {
    expect(about("c", { txid: one })).toEqual(["c", one]);
    expect(about(one, { txid: one }, { description: two })).toEqual([one]);
  });
  it("is else what its text names", () => {
    expect(about("", {}, { description: `stuck: ${one} (8 blocks)`, transactions: `${two} ${one} ` })).toEqual([one, two]);
    expect(about("", {}, { description: `${one}ab` })).toEqual([]);
  });
});

describe("headline", () => {
  it("tells of ill components first", () => expect(headline(sampleHealth(), 2)).toBe("1 of 5 components needs attention"));
  it("then of alerts", () => expect(headline({ status: "healthy", components: [] }, 1)).toBe("1 alert is firing"));
  it("does not call silence health", () => expect(headline({ status: "unknown", components: [] }, 0)).toBe("Nothing has reported yet"));
  it("says that all is well", () => {
    const components = sampleHealth().components.filter((part) => part.status === "healthy");
    expect(headline({ status: "healthy", components }, 0)).toBe("Everything works");
  });
});

describe("golden signals", () => {
  it("are four", () => expect(GOLDEN.map((group) => group.name)).toEqual(["Traffic", "Errors", "Latency", "Saturation"]));
  it.each([[null, "calm"], [0.1, "calm"], [0.8, "warn"], [0.95, "act"]] as const)("value %s is %s", (value, level) => {
    const signal: Signal = { name: "CPU", query: "x", unit: "ratio", warnAt: 0.8, actAt: 0.95 };
    expect(levelFor(signal, value)).toBe(level);
  });
});

describe("a stretch of a signal", () => {
  const old = { startS: 100, stepS: 5, values: [1, 2, 3, 4] };
  it("grows at its end, where newer values replace older ones, and keeps its length", () => {
    expect(extend(old, { startS: 110, stepS: 5, values: [30, 40, 50] }, 4)).toEqual({ startS: 105, stepS: 5, values: [2, 30, 40, 50] });
  });
  it("that was left for long starts anew", () => {
    const fresh = { startS: 500, stepS: 5, values: [9] };
    expect(extend(old, fresh, 4)).toBe(fresh);
  });
  it("joins without a gap where one ends and the other begins", () => {
    expect(extend(old, { startS: 120, stepS: 5, values: [null] }, 9).values).toEqual([1, 2, 3, 4, null]);
  });
});
