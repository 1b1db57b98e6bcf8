import { describe, expect, it } from "vitest";

import type { AnswerPart, Correlation, Entry, Stage } from "../../src/model/correlation";
import { keepParts, partNotes } from "../../src/model/correlationParts";

const entry = (kind: Entry["kind"], second: number): Entry => ({
  ...{ at: `2026-12-01T12:00:0${second}.000000000Z`, kind, source: "", title: kind, detail: "", is_bad: false, duration_ns: null },
  ...{ correlation_id: "c", metric: "", trace_id: "", span_id: "", alert_id: "" },
});
const stage = (name: Stage["name"], state: Stage["state"]): Stage => ({ name, state, at: null, took_ns: null, detail: "" });
const part = (name: AnswerPart["name"], state: AnswerPart["state"] = "whole"): AnswerPart => ({ name, state, detail: state === "whole" ? "" : "no answer" });
const NAMES = ["logs", "traces", "spends", "metrics"] as const;

function answer(lacks: readonly AnswerPart["name"][] = [], changes: Partial<Correlation> = {}): Correlation {
  const figure = { labels: { __name__: "x" }, at: "", value: 1 };
  return {
    ...{ ids: ["c", "tx"], outcome: "", is_under_way: true, setbacks: [], traces: [], alerts: [], spends: [] },
    stages: [stage("signing", "done"), stage("confirmation", "waiting")],
    entries: [entry("log", 1), entry("span", 2), entry("chain", 3), entry("metric", 4)],
    figures: [figure],
    parts: NAMES.map((name) => part(name, lacks.includes(name) ? "late" : "whole")),
    ...changes,
  };
}
const kinds = (found: Correlation) => found.entries.map((one) => one.kind);

describe("an answer about an operation", () => {
  it("that is whole is shown as it is", () => {
    const shown = keepParts(keepParts(undefined, answer(), 1), answer([], { ids: ["c"], figures: [] }), 2);
    expect([shown.ids, shown.figures, shown.asOf, partNotes(shown)]).toEqual([["c"], [], {}, []]);
  });

  it("keeps what the one before had of a part that is late, in its place, by its time", () => {
    const late = answer(["metrics"], { entries: [entry("log", 1), entry("span", 2), entry("chain", 3), entry("chain", 5)], figures: [] });
    const shown = keepParts(keepParts(undefined, answer(), 1), late, 2);
    expect(kinds(shown)).toEqual(["log", "span", "chain", "metric", "chain"]);
    expect(shown.figures).toHaveLength(1);
    expect(partNotes(shown)).toEqual([{ text: "metrics: no answer", atMs: 1, also: [] }]);
  });

  it("keeps the time of the one that had the part, over many that lack it", () => {
    const late = answer(["metrics"], { entries: [], figures: [] });
    const shown = [2, 3, 4].reduce((before, atMs) => keepParts(before, late, atMs), keepParts(undefined, answer(), 1));
    expect([shown.asOf, kinds(shown)]).toEqual([{ metrics: 1 }, ["metric"]]);
    expect(keepParts(shown, answer(), 5).asOf).toEqual({});
  });

  it("has nothing to keep at first, and says that it is missing", () => {
    const late = answer(["metrics"], { entries: [], figures: [] });
    const shown = keepParts(keepParts(undefined, late, 1), late, 2);
    expect([shown.asOf, shown.figures, partNotes(shown)]).toEqual([{}, [], [{ text: "metrics: no answer", atMs: null, also: [] }]]);
  });

  it("without its logs keeps all that is looked for by what they name, and how far it was", () => {
    const late = answer(["logs"], { ids: ["c"], stages: [], is_under_way: false, entries: [entry("span", 2)], figures: [] });
    const shown = keepParts(keepParts(undefined, answer(), 1), late, 2);
    expect([shown.ids, kinds(shown), shown.is_under_way]).toEqual([["c", "tx"], ["log", "span", "chain", "metric"], true]);
    expect(shown.stages.map((one) => one.state)).toEqual(["done", "waiting"]);
    expect(partNotes(shown)).toEqual([{ text: "logs: no answer", atMs: 1, also: ["traces", "spends", "metrics"] }]);
  });

  it("without its traces keeps what spans told, and believes the blockchain of now", () => {
    const before = answer([], { stages: [stage("signing", "done"), stage("confirmation", "done")], is_under_way: false });
    const reorged = answer(["traces"], { stages: [stage("signing", "missing"), stage("confirmation", "waiting")], entries: [entry("chain", 3)] });
    const shown = keepParts(keepParts(undefined, before, 1), reorged, 2);
    expect(shown.stages.map((one) => one.state)).toEqual(["done", "waiting"]);
    expect([shown.is_under_way, kinds(shown)]).toEqual([true, ["span", "chain", "metric"]]);
  });
});
