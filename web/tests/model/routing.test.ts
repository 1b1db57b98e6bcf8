import { describe, expect, it } from "vitest";

import { sampleChannels, samplePolicies, sampleRouting, sampleTimeline } from "../../dev/alerting";
import { sortChannels } from "../../src/model/channels";
import { judgedOf, seriesOf } from "../../src/model/expression";
import { pathTo, pictureOf, readLabels, routesOf, writeLabels } from "../../src/model/routing";
import { EVENT_KINDS, climbBegan, detailsOf, eventsOf, isUnderway, looksOf } from "../../src/model/timeline";

describe("the routing tree", () => {
  const { route } = sampleRouting();
  it("is walked parents first", () => expect(routesOf(route).map((one) => one.id)).toEqual(["0", "0/0", "0/0/0", "0/1"]));
  it("shows the way to what takes an alert", () => {
    expect([...pathTo(route, new Set(["0/0/0"]))].sort()).toEqual(["0", "0/0", "0/0/0"]);
    expect([...pathTo(route, new Set(["0"]))]).toEqual(["0"]);
    expect(pathTo(route, new Set()).size).toBe(0);
  });
});

describe("typed labels", () => {
  it("are pairs, quoted where they hold blanks", () => {
    expect(readLabels('a=b, wallet="cold 1" x="say \\"hi\\""')).toEqual({ labels: { a: "b", wallet: "cold 1", x: 'say "hi"' }, wrong: [] });
  });
  it("tell which words are none", () => expect(readLabels("a=b critical c!=d").wrong).toEqual(["critical", "c!=d"]));
  it.each([{ a: "b" }, { a: "x y", b: 'q"q', c: "back\\slash", d: "" }])("survive being written and read: %j", (labels) => {
    expect(readLabels(writeLabels(labels as unknown as Record<string, string>))).toEqual({ labels, wrong: [] });
  });
});

describe("the picture of a policy", () => {
  it("shows each telling of the shipped critical one", () => {
    const picture = pictureOf(samplePolicies().policies[0]?.levels ?? []);
    expect(picture.lengthS).toBe(2_400);
    expect(picture.lanes.map((lane) => lane.told.map((share) => Math.round(share * 2_400)))).toEqual([
      [0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100, 2_400],
      [900, 1_500, 2_100],
    ]);
    expect(picture.marksS).toEqual([0, 600, 1_200, 1_800, 2_400]);
  });
  it("of one level that is told once is a dot on a quarter of an hour", () => {
    const picture = pictureOf(samplePolicies().policies[1]?.levels ?? []);
    expect([picture.lengthS, picture.lanes[0]?.told]).toEqual([900, [0]]);
  });
  it("stays finite for a repeat of a second over a day", () => {
    const picture = pictureOf([{ delay_s: 0, channels: ["a"], repeat_s: 1 }, { delay_s: 86_400, channels: ["b"], repeat_s: null }]);
    expect(picture.lanes[0]?.told).toHaveLength(40);
    expect(picture.marksS.length).toBeLessThanOrEqual(7);
  });
});

describe("channels", () => {
  it("stand with the ill ones first", () => expect(sortChannels(sampleChannels()).map((one) => one.state)).toEqual(["open", "degraded", "healthy"]));
});

describe("a rule's expression", () => {
  it.each([
    ["up == 0", "up", "==", 0],
    ["rate(x{a=\">\"}[5m]) > 1.5e3", "rate(x{a=\">\"}[5m])", ">", 1500],
    ["a > 1 < 10", "a > 1", "<", 10],
    ["(a > 1) >= -2", "(a > 1)", ">=", -2],
  ])("%s is a value and a bound", (text, query, operator, value) => expect(judgedOf(text)).toEqual({ query, bound: { operator, value } }));
  it.each(["a > b", "a > 1 and on() b", "a > bool 1", "absent(up == 1)", "up", "> 1", "a unless b > 2"])("%s is drawn as it is", (text) => {
    expect(judgedOf(text)).toEqual({ query: text, bound: null });
  });
  it("is drawn with the alert's own series, or with all where none is its own", () => {
    const series = [{ metric: { __name__: "up", job: "a" } }, { metric: { __name__: "up", job: "b" } }];
    expect(seriesOf(series, { alertname: "X", job: "b" })).toEqual([series[1]]);
    expect(seriesOf(series, { job: "c" })).toEqual(series);
  });
});

describe("a time line", () => {
  it("has a word for every kind, and for those that are newer than this page", () => {
    expect(EVENT_KINDS.map((kind) => looksOf(kind).word)).not.toContain("");
    expect(looksOf("handed_over").word).toBe("handed over");
  });
  it("tells from when a policy climbs: from the last beginning", () => {
    const timeline = sampleTimeline(); // once: its times are reckoned from the moment of the call
    const [fired] = timeline;
    if (!fired) throw new Error("no samples");
    const later = { ...fired, at: "2099-01-01T00:00:00Z" };
    expect(climbBegan(timeline)).toBe(Date.parse(fired.at));
    expect(climbBegan([fired, { ...later, kind: "unacknowledged" }, { ...later, kind: "notified", at: "2100-01-01T00:00:00Z" }])).toBe(Date.parse(later.at));
    expect(climbBegan([])).toBeNull();
  });
  it("tells what is still on its way from what arrived", () => {
    const event = { at: "", kind: "notified" as const, by: "", text: "", details: { status: "queued" } };
    expect([event, { ...event, details: { status: "sent" } }, { ...event, kind: "fired" as const }].map(isUnderway)).toEqual([true, false, false]);
  });
  it("is narrowed by theme", () => {
    expect(eventsOf(sampleTimeline(), ["response"]).map((event) => event.kind)).toEqual(["commented"]);
    expect(eventsOf(sampleTimeline(), [])).toHaveLength(6);
  });
  it("tells details that say something", () => {
    const event = { at: "", kind: "escalated" as const, by: "", text: "same", details: { channels: ["a", "b"], level: 1, empty: "", none: null, why: "same", deep_thing: { x: 1 } } };
    expect(detailsOf(event)).toEqual([["channels", "a, b"], ["level", "1"], ["deep thing", '{"x":1}']]);
  });
});
