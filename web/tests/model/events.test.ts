import { describe, expect, it } from "vitest";

import { makeRow } from "../../dev/logs";
import { countKinds, destinationOf, eventsNear, eventsQuery, kindOf, readKinds, toEvents, toggledKinds, type TimedEvent } from "../../src/model/events";
import type { LogRow } from "../../src/model/logs";

function row(name: string, changes: Partial<LogRow> = {}): LogRow {
  return { ...makeRow(0, 0), event_name: name, time: "2026-11-23T10:00:00.250Z", body: name, correlation_id: "", attributes: {}, severity_number: 9, ...changes };
}

const block = (node: string, second: number, hash = "00aa") =>
  row("bitcoin.block.connected", {
    time: `2026-11-23T10:00:0${second}Z`,
    body: `block 7 at ${node}`,
    correlation_id: hash,
    attributes: { "bitcoin.node": node, "bitcoin.block.hash": hash },
  });

describe("kinds in the address", () => {
  it("are read in their order and forget others", () => expect(readKinds("hsm, blocks,bogus")).toEqual(["blocks", "hsm"]));
  it.each([null, "", "bogus"])("are none for %s", (text) => expect(readKinds(text)).toEqual([]));
  it("are added", () => expect(toggledKinds(["hsm"], "reorgs")).toBe("reorgs,hsm"));
  it("leave the address with the last one", () => expect(toggledKinds(["hsm"], "hsm")).toBeNull());
});

describe("the search", () => {
  it("asks for one kind", () => expect(eventsQuery(["blocks"])).toBe("event_name:bitcoin.block.connected"));
  it("asks for several", () => expect(eventsQuery(["reorgs", "hsm"])).toBe("event_name:(bitcoin.reorg OR hsm.*)"));
  it.each([
    ["bitcoin.block.connected", "blocks"],
    ["bitcoin.block.disconnected", null],
    ["bitcoin.reorg", "reorgs"],
    ["bitcoin.reorgs", null],
    ["bitcoin.transaction.stuck", "transactions"],
    ["custody.spend.unmatched", "spends"],
    ["hsm.down", "hsm"],
    ["", null],
  ])("takes %s as %s", (name, kind) => expect(kindOf(name)).toBe(kind));
});

describe("toEvents", () => {
  it("has the oldest first, with time, text and severity", () => {
    const events = toEvents([row("hsm.down", { time: "2026-11-23T10:00:02Z", severity_number: 17 }), row("bitcoin.reorg"), row("other")]);
    expect(events.map((event) => [event.name, event.atMs, event.isBad])).toEqual([
      ["bitcoin.reorg", Date.parse("2026-11-23T10:00:00.250Z"), false],
      ["hsm.down", Date.parse("2026-11-23T10:00:02Z"), true],
    ]);
  });
  it("makes one of a block that several nodes saw", () => {
    const events = toEvents([block("c", 3), block("b", 2), block("a", 1), block("a", 0, "00bb")]);
    expect(events.map((event) => event.text)).toEqual(["block 7 at a", "block 7 at a (and 2 more nodes)"]);
  });
  it("keeps a block that came again at one node", () => expect(toEvents([block("a", 3), block("a", 1)])).toHaveLength(2));
  it("makes one of a sentence that was told for several operations at once", () => {
    const twice = [row("custody.spend.matched", { correlation_id: "a" }), row("custody.spend.matched", { correlation_id: "b" })];
    expect(toEvents(twice)).toHaveLength(1);
  });
  it("keeps the same sentence of another moment", () => {
    expect(toEvents([row("hsm.down", { time: "2026-11-23T10:00:05Z" }), row("hsm.down")])).toHaveLength(2);
  });
  it("counts by kind", () => expect([...countKinds(toEvents([row("hsm.up"), row("hsm.down"), row("bitcoin.reorg")]))]).toEqual([["reorgs", 1], ["hsm", 2]]));
});

describe("a place on the graph", () => {
  const events = toEvents([row("hsm.up", { time: "2026-11-23T10:00:10Z" }), row("bitcoin.reorg", { correlation_id: "00 aa" })]);
  const [reorg, up] = events as [TimedEvent, TimedEvent];
  it("has what is in reach, its bound included, the nearest first", () => {
    expect(eventsNear(events, up.atMs - 1, 9_750)).toEqual([up, reorg]);
    expect(eventsNear(events, up.atMs + 100, 100)).toEqual([up]);
    expect(eventsNear(events, up.atMs + 101, 100)).toEqual([]);
  });
  it("leads to what shares the id", () => expect(destinationOf([reorg])).toEqual({ path: "correlation/00%20aa", query: {} }));
  it("leads to the search where there is no id", () =>
    expect(destinationOf([up])).toEqual({
      path: "logs",
      query: { q: "event_name:hsm.up", from: "2026-11-23T09:59:10.000Z", to: "2026-11-23T10:01:10.000Z" },
    }));
  it("leads to all of several", () =>
    expect(destinationOf([up, reorg])).toEqual({
      path: "logs",
      query: { q: "event_name:(bitcoin.reorg OR hsm.*)", from: "2026-11-23T09:59:59.250Z", to: "2026-11-23T10:00:11.000Z" },
    }));
});
