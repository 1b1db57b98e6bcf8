import { describe, expect, it } from "vitest";

import { seriesName, stack, summarise, telling, toColumns } from "../../src/model/prometheus";
import { ApiProblem, adviceFor, errorPlace } from "../../src/model/problem";

describe("toColumns", () => {
  it("draws a gap as a gap, and what cannot be drawn too", () => {
    const series = [{ metric: {}, values: [[10, "1"], [30, "NaN"], [40, "+Inf"], [50, "5"]] as const }];
    const columns = toColumns({ series, warnings: [], startS: 10, endS: 50, stepS: 10 });
    expect(columns.times).toEqual([10, 20, 30, 40, 50]);
    expect(columns.values).toEqual([[1, null, null, null, 5]]);
  });

  it("keeps to the grid where steps are fractions", () => {
    const series = [{ metric: {}, values: [[0.1, "1"], [0.2, "2"], [0.30000000000000004, "3"]] as const }];
    expect(toColumns({ series, warnings: [], startS: 0.1, endS: 0.3, stepS: 0.1 }).values).toEqual([[1, 2, 3]]);
  });

  it("has no rows for a series without samples", () => {
    expect(toColumns({ series: [{ metric: {} }], warnings: [], startS: 0, endS: 0, stepS: 1 }).values).toEqual([[null]]);
  });
});

describe("seriesName", () => {
  it.each([
    [{ __name__: "up" }, "up"],
    [{}, "{}"],
    [{ __name__: "up", job: 'a"b' }, 'up{job="a\\"b"}'],
    [{ "host.name": "x" }, '{"host.name"="x"}'],
  ])("%j", (metric, text) => expect(seriesName(metric as Record<string, string>)).toBe(text));
});

describe("a legend", () => {
  it("reads only the labels that differ", () => {
    expect(telling([{ __name__: "a", job: "x", mode: "1" }, { __name__: "a", job: "x", mode: "2" }])).toEqual(["mode"]);
  });
  it("needs no label for a single series", () => expect(telling([{ job: "x" }])).toEqual([]));
  it("sums up what is there", () => expect(summarise([null, 2, 4, null])).toEqual({ min: 2, max: 4, mean: 3, last: 4 }));
  it("says that nothing is there", () => expect(summarise([null])).toBeNull());
});

describe("stack", () => {
  it("adds what lies below, and keeps gaps", () => {
    expect(stack([[1, 2], [10, null], [100, 100]])).toEqual([[1, 2], [11, null], [111, 102]]);
  });
});

describe("errors", () => {
  it.each([
    ['invalid parameter "query": 1:5: parse error: unclosed left parenthesis', 1, 5],
    ["2:3-2:9: unknown function", 2, 3],
    ["unexpected end at line 3, column 7: more was expected", 3, 7],
  ])("finds the place in %s", (message, line, column) => expect(errorPlace(message)).toMatchObject({ line, column }));

  it("finds none where none is named", () => expect(errorPlace("query timed out after 120s")).toBeNull());
  it("does not take a clock for a place", () => expect(errorPlace("no data since 14:05")).toBeNull());

  it.each([
    [new ApiProblem("x", 0, "unreachable"), "does not answer"],
    [new ApiProblem("x", 503, "unavailable", 7), "7 s"],
    [new ApiProblem("x", 404, "not_found"), "retention"],
    [new ApiProblem("x", 422, "execution"), "Narrow"],
    [new ApiProblem("x", 400, "bad_data"), "Mend"],
    [new TypeError("x"), "Reload"],
  ])("say what to do", (problem, advice) => expect(adviceFor(problem)).toContain(advice));
});
