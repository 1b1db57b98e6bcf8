import { describe, expect, it } from "vitest";

import {
  absoluteRange,
  describeRange,
  formatAgo,
  formatTime,
  isMoving,
  parseDuration,
  parseNanos,
  rangeProblem,
  resolveRange,
  resolveTime,
  stepFor,
  writeDuration,
  zoneName,
} from "../../src/model/time";

const NOW = Date.parse("2026-11-23T14:00:00Z");

describe("durations", () => {
  it.each([
    ["1h30m", 5_400_000],
    ["500ms", 500],
    ["1w", 604_800_000],
  ])("reads %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "5", "h", "1x", "-1h"])("does not read “%s”", (text) => expect(parseDuration(text)).toBeNull());

  it("writes what it reads", () => expect(writeDuration(5_400_000)).toBe("1h30m"));
  it("writes nothing as zero seconds", () => expect(writeDuration(0)).toBe("0s"));
});

describe("resolveTime", () => {
  it.each([
    ["now", NOW],
    ["-1h", NOW - 3_600_000],
    ["now-15m", NOW - 900_000],
    ["2026-11-23T13:00:00Z", NOW - 3_600_000],
    ["1795442400", 1_795_442_400_000],
    ["1795442400000", 1_795_442_400_000],
  ])("%s", (text, ms) => expect(resolveTime(text, NOW)).toBe(ms));

  it.each(["yesterday", "-1", "2026-99-99"])("“%s” is no time", (text) => expect(resolveTime(text, NOW)).toBeNull());
});

describe("ranges", () => {
  it("fall back to the last hour where they make no sense", () => {
    expect(resolveRange({ from: "now", to: "-1h" }, NOW)).toEqual({ startMs: NOW - 3_600_000, endMs: NOW });
  });

  it("say what is wrong with them", () => {
    expect(rangeProblem({ from: "soon", to: "now" }, NOW)).toContain("soon");
    expect(rangeProblem({ from: "now", to: "-1h" }, NOW)).toContain("ends before");
    expect(rangeProblem({ from: "-1h", to: "now" }, NOW)).toBeNull();
  });

  it("move with the clock only when their end does", () => {
    expect(isMoving({ from: "-1h", to: "now" })).toBe(true);
    expect(isMoving(absoluteRange({ startMs: 0, endMs: 1 }))).toBe(false);
  });

  it("are named or written with both ends", () => {
    expect(describeRange({ from: "-1h", to: "now" }, "utc", NOW)).toBe("Last hour");
    expect(describeRange({ from: "-47m", to: "now" }, "utc", NOW)).toBe("Last 47m");
    expect(describeRange(absoluteRange({ startMs: NOW - 60_000, endMs: NOW }), "utc", NOW)).toBe("2026-11-23 13:59:00 – 14:00:00");
  });
});

describe("stepFor", () => {
  it("gives about as many points as a chart shows", () => expect(stepFor({ startMs: 0, endMs: 3_600_000 })).toBe(15));
  it("is never below a second", () => expect(stepFor({ startMs: 0, endMs: 1_000 })).toBe(1));
  it("grows by days beyond the table", () => expect(stepFor({ startMs: 0, endMs: 86_400_000 * 700 })).toBe(86_400 * 3));
});

describe("writing", () => {
  it("puts times into the zone", () => expect(formatTime(NOW, "utc", "ms")).toBe("2026-11-23 14:00:00.000"));
  it("names UTC", () => expect(zoneName("utc", NOW)).toBe("UTC"));
  it.each([
    [500, "just now"],
    [12_000, "12 s ago"],
    [180_000, "3 min ago"],
    [7_200_000, "2 h ago"],
    [345_600_000, "4 d ago"],
    [-60_000, "in 1 min"],
  ])("%d ms before now is %s", (before, text) => expect(formatAgo(NOW - before, NOW)).toBe(text));
});

describe("parseNanos", () => {
  it("is exact to the nanosecond", () => {
    expect(parseNanos("2026-11-23T14:00:00.123456789Z")).toBe(BigInt(NOW) * 1_000_000n + 123_456_789n);
  });
  it("reads offsets", () => expect(parseNanos("2026-11-23T15:00:00+01:00")).toBe(BigInt(NOW) * 1_000_000n));
  it("is zero for anything else", () => expect(parseNanos("soon")).toBe(0n));
});
