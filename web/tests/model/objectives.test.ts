import { describe, expect, it } from "vitest";

import { budgetQuery, byNeed, fill, isBurning, levelOf, percent, type Objective } from "../../src/model/objectives";

describe("a share", () => {
  it.each([
    [0.999, "99.9 %"],
    [0.99995, "99.995 %"],
    [0.0004, "0.04 %"],
    [1, "100 %"],
    [0, "0 %"],
    [0.9999999, "99.99999 %"],
    [-0.2, "-20 %"],
    [0.5, "50 %"],
    [null, "–"],
  ])("%s is %s", (ratio, text) => expect(percent(ratio)).toBe(text));
});

describe("a budget", () => {
  it("is missed below nothing, and low in its last quarter", () => {
    expect([null, 0.6, 0.25, 0.2, 0, -0.1].map(levelOf)).toEqual(["unknown", "ok", "ok", "low", "low", "missed"]);
    expect([null, 1.2, 0.6, -3].map(fill)).toEqual([0, 1, 0.6, 0]);
  });

  it("is asked for by its labels, quoted", () => {
    expect(budgetQuery({ name: "api" }, { route: 'a"b' })).toBe('anya_slo_error_budget_remaining_ratio{slo="api", route="a\\"b"}');
  });

  it("burns where both windows are above the factor", () => {
    const burn = { severity: "high", factor: 6, long_window: "6h", short_window: "30m" };
    expect(isBurning({ ...burn, long_rate: 7, short_rate: 6.5 })).toBe(true);
    expect(isBurning({ ...burn, long_rate: 7, short_rate: 1 })).toBe(false);
    expect(isBurning({ ...burn, long_rate: null, short_rate: 9 })).toBe(false);
  });
});

describe("objectives", () => {
  it("stand by what is left of them, those of which nothing is known last", () => {
    const one = (name: string, ...left: (number | null)[]) => ({ name, budgets: left.map((remaining_ratio) => ({ remaining_ratio })) }) as unknown as Objective;
    expect(byNeed([one("new"), one("good", 0.9), one("mixed", 0.95, -1), one("silent", null)]).map(({ name }) => name)).toEqual(["mixed", "good", "new", "silent"]);
  });
});
