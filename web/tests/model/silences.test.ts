import { describe, expect, it } from "vitest";

import { sampleAlerts } from "../../dev/alerts";
import { sampleSilences } from "../../dev/alerting";
import { describeRecurrence, filterSilences, matcherProblem, matchersFor, parseMatcher, usable, writeMatcher, type Matcher } from "../../src/model/silences";
import { readTime } from "../../src/model/time";

describe("a matcher", () => {
  it.each<[string, Matcher | null]>([
    ["severity=critical", { name: "severity", op: "=", value: "critical" }],
    [' severity != "a b" ', { name: "severity", op: "!=", value: "a b" }],
    ['instance=~"vault-.*"', { name: "instance", op: "=~", value: "vault-.*" }],
    ["a!~b", { name: "a", op: "!~", value: "b" }],
    ['"höhe" = "a\\"b\\\\c"', { name: "höhe", op: "=", value: 'a"b\\c' }],
    ["a=", { name: "a", op: "=", value: "" }],
    ["a==b", { name: "a", op: "=", value: "=b" }],
    ["severity", null],
    ["=x", null],
    ["", null],
  ])("is read from %s", (text, wanted) => expect(parseMatcher(text)).toEqual(wanted));

  it.each(["", 'a "quoted" \\ value', "line\nbreak", "ünï"])("survives being written and read: %j", (value) => {
    for (const name of ["job", "höhe", "a b"]) {
      const matcher = { name, op: "=~" as const, value };
      expect(parseMatcher(writeMatcher(matcher))).toEqual(matcher);
    }
  });

  it("is judged as far as the browser can", () => {
    expect(matcherProblem({ name: "a", op: "=", value: "(" })).toBeNull();
    expect(matcherProblem({ name: "a", op: "=~", value: "(" })).toContain("regular expression");
    expect(matcherProblem({ name: " ", op: "=", value: "x" })).toContain("name");
  });

  it("counts once, and only with a name", () => {
    const one = { name: "a", op: "=" as const, value: "b" };
    expect(usable([one, { ...one }, { ...one, name: "" }])).toEqual([one]);
  });
});

describe("matchers for alerts", () => {
  const alerts = sampleAlerts();
  it("of one are its labels", () => {
    expect(matchersFor(alerts.slice(0, 1)).map(writeMatcher)).toEqual([
      'alertname="SignerDown"', 'instance="vault-1:9100"', 'job="node"', 'severity="critical"',
    ]);
  });
  it("of several hit all of them: a choice where they differ, nothing where one has no such label", () => {
    const [first, second] = alerts;
    if (!first || !second) throw new Error("no samples");
    const other = { ...second, labels: { alertname: "a.b", job: "node" } };
    expect(matchersFor([first, other]).map(writeMatcher)).toEqual(['alertname=~"SignerDown|a\\\\.b"', 'job="node"']);
    expect(matchersFor([])).toEqual([]);
  });
  it("leave out a label with too many values", () => {
    const [first] = alerts;
    if (!first) throw new Error("no samples");
    const many = Array.from({ length: 21 }, (_, index) => ({ ...first, labels: { instance: `i${index}`, job: "node" } }));
    expect(matchersFor(many).map((matcher) => matcher.name)).toEqual(["job"]);
  });
});

describe("silences", () => {
  it("are found by matcher, author and reason", () => {
    expect(filterSilences(sampleSilences(), "ada BITCOIND").map((silence) => silence.state)).toEqual(["pending"]);
    expect(filterSilences(sampleSilences(), "")).toHaveLength(3);
  });
  it("that recur say when", () => {
    expect(describeRecurrence({ start_time: "22:00", end_time: "06:00", weekdays: ["monday"], location: "Europe/Vienna" })).toBe("22:00–06:00 Europe/Vienna, monday");
    expect(describeRecurrence({ start_time: "22:00", end_time: "06:00", weekdays: [], location: "UTC" })).toContain("every day");
  });
});

describe("a typed time", () => {
  it.each([
    ["2026-12-24", "2026-12-24T00:00:00.000Z"],
    ["2026-12-24 18:00", "2026-12-24T18:00:00.000Z"],
    [" 2026-12-24T18:00:05+01:00 ", "2026-12-24T17:00:05.000Z"],
  ])("%s is %s", (text, wanted) => expect(new Date(readTime(text, "utc") ?? 0).toISOString()).toBe(wanted));
  it.each(["tomorrow", "24.12.2026", "2026-13-40 10:00", ""])("%j is none", (text) => expect(readTime(text, "utc")).toBeNull());
});
