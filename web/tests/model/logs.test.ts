import { describe, expect, it } from "vitest";

import { makeRow } from "../../dev/logs";
import { effectiveQuery, readLevels, rowFields, rowKey, rowLevel, tailed, toBars, withFilter } from "../../src/model/logs";
import { levelOf, levelOfName } from "../../src/model/severity";

describe("withFilter", () => {
  it.each([
    ["", "service", "custody", "include", "service:custody"],
    ["failed", "host", "vault 1", "exclude", 'failed -host:"vault 1"'],
    ["service:custody failed", "service", "custody", "exclude", "failed -service:custody"],
    ["-service:custody failed", "service", "custody", "include", "failed service:custody"],
    ["a service:custody", "service", "custody", "include", "a service:custody"],
    ["", "x", 'say "hi" \\', "include", 'x:"say \\"hi\\" \\\\"'],
    ["", "x", "OR", "include", 'x:"OR"'],
    ["", "x", "", "include", 'x:""'],
  ] as const)("%s + %s %s (%s)", (query, field, value, mode, wanted) => {
    expect(withFilter(query, field, value, mode)).toBe(wanted);
  });
});

describe("effectiveQuery", () => {
  it("asks for the chosen levels", () => expect(effectiveQuery("x", ["ERROR"])).toBe("x severity:ERROR"));
  it("asks for several", () => expect(effectiveQuery("", ["FATAL", "WARN"])).toBe("(severity:FATAL OR severity:WARN)"));
  it("keeps an OR together", () => expect(effectiveQuery("a OR b", ["INFO"])).toBe("(a OR b) severity:INFO"));
  it("adds nothing where all are chosen", () => expect(effectiveQuery(" x ", readLevels("FATAL,ERROR,WARN,INFO,DEBUG,TRACE"))).toBe("x"));
  it("reads levels in their order and forgets others", () => expect(readLevels("info,BOGUS,error")).toEqual(["ERROR", "INFO"]));
});

describe("levels", () => {
  it.each([[0, "NONE"], [1, "TRACE"], [9, "INFO"], [12, "INFO"], [17, "ERROR"], [24, "FATAL"], [25, "NONE"]] as const)(
    "number %d is %s",
    (number, level) => expect(levelOf(number)).toBe(level),
  );
  it.each([["INFO2", "INFO"], ["warning", "WARN"], ["critical", "FATAL"], ["", "NONE"]])("name %s is %s", (name, level) =>
    expect(levelOfName(name)).toBe(level),
  );
  it("come from the name where a row has no number", () => {
    expect(rowLevel({ ...makeRow(0, 0), severity: "Error", severity_number: 0 })).toBe("ERROR");
  });
});

describe("rows", () => {
  it("list every field that has a value", () => {
    const fields = new Map(rowFields({ ...makeRow(0, 1), attributes: { n: 5, list: ["a"], off: false }, event_name: "" }));
    expect(fields.get("attributes.n")).toBe("5");
    expect(fields.get("attributes.list")).toBe('["a"]');
    expect(fields.get("attributes.off")).toBe("false");
    expect(fields.has("event_name")).toBe(false);
  });
  it("have keys that tell neighbours apart", () => {
    const row = makeRow(0, 1);
    expect(rowKey(row)).toBe(rowKey({ ...row }));
    expect(rowKey(row)).not.toBe(rowKey({ ...row, body: "other" }));
  });
  it("of a tail are the newest, up to the limit", () => {
    const [a, b, c] = [makeRow(1, 1), makeRow(2, 2), makeRow(3, 3)];
    expect(tailed([a], [b, c], 2)).toEqual([c, b]);
  });
});

describe("toBars", () => {
  it("gives a layer a level, the lowest first, without empty ones", () => {
    const bars = toBars({
      bucket_s: 60,
      buckets: [
        { start: "2026-11-23T14:00:00.5Z", counts: { ERROR: 2, ERROR2: 1, INFO: 4 }, total: 7 },
        { start: "2026-11-23T14:01:00Z", counts: {}, total: 0 },
      ],
    });
    expect(bars.levels).toEqual(["INFO", "ERROR"]);
    expect(bars.counts).toEqual([[4, 0], [3, 0]]);
    expect(bars.times[0]).toBe(Date.parse("2026-11-23T14:00:00.5Z") / 1000);
  });
});
