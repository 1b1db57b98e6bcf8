import { describe, expect, it } from "vitest";

import { decades } from "../../src/charts/Scatter";
import { pieces } from "../../src/charts/Sparkline";
import { levelColor, nameColor, seriesColor } from "../../src/charts/palette";

describe("colours", () => {
  it("tell the first nine services apart, and a name keeps its own", () => {
    const names = Array.from({ length: 9 }, (_, index) => `service-${index}`);
    const first = names.map((name) => nameColor(name, true));
    expect(new Set(first).size).toBe(9);
    expect(names.map((name) => nameColor(name, true))).toEqual(first);
    expect(nameColor("one more", true)).toMatch(/^#/);
  });

  it("of services leave red to errors", () => {
    const red = seriesColor(6, false);
    expect(Array.from({ length: 30 }, (_, index) => nameColor(`n${index}`, false))).not.toContain(red);
  });

  it("of an unknown level are quiet", () => expect(levelColor("NONE", true)).toBe(levelColor("TRACE", true)));
});

describe("a sparkline", () => {
  it("is cut where there is no value", () => {
    expect(pieces([1, null, 1, 1], 0, 1).map((piece) => piece.length)).toEqual([1, 2]);
  });
  it("lies flat where all values are equal", () => {
    expect(new Set(pieces([3, 3], 3, 3)[0]?.map(([, y]) => y)).size).toBe(1);
  });
});

describe("the scale of durations", () => {
  it.each([
    [[0.02, 0.4], [-2, 0]],
    [[0.1], [-1, 0]],
    [[0], [-6, -5]],
  ])("%j", (durations, wanted) => expect(decades(durations).map((power) => power + 0)).toEqual(wanted));
});
