import { describe, expect, it } from "vitest";

import { sampleAlerts } from "../../dev/alerts";
import { climbOf, deadlineOf, formatLeft, formatMinutesLeft } from "../../src/model/deadline";
import { countFacet, groupAlerts, handlingOf, narrow, readChosen } from "../../src/model/facets";

const alerts = sampleAlerts();
const named = (name: string) => {
  const found = alerts.find((alert) => alert.name === name);
  if (!found) throw new Error(`no sample ${name}`);
  return found;
};
const choose = (text: string) => readChosen(new URLSearchParams(text));

describe("facets", () => {
  it("are read from the address and narrow by every facet, by any value of one", () => {
    const found = narrow(alerts, choose("severity=critical&severity=high&component=node"));
    expect(found.map((alert) => alert.name)).toEqual(["DiskFills"]);
  });

  it("count beside the choices of the others, their own left out", () => {
    const chosen = choose("state=firing&severity=high");
    expect(countFacet(alerts, chosen, "severity")).toEqual([{ value: "critical", count: 1 }, { value: "high", count: 1 }]);
    expect(countFacet(alerts, chosen, "receiver")).toEqual([{ value: "storage", count: 1 }, { value: "team", count: 1 }]);
  });

  it("keep a chosen value that nothing has any more, so that it can be taken away", () => {
    expect(countFacet(alerts, choose("category=gone"), "category").at(-1)).toEqual({ value: "gone", count: 0 });
  });

  it("call what fires and nobody holds open", () => {
    expect(handlingOf(named("SignerDown"))).toEqual(["open", "deadline missed"]);
    expect(handlingOf(named("DiskFills"))).toEqual(["acknowledged", "assigned", "flapping"]);
    expect(handlingOf({ ...named("SignerDown"), silenced_by: ["s"] })).toEqual(["silenced", "deadline missed"]);
    expect(handlingOf(named("FeeAbovePolicy"))).toEqual([]);
  });
});

describe("groups", () => {
  it("of states stand in the order of concern", () => {
    expect(groupAlerts(alerts, "state").map((group) => group.key)).toEqual(["firing", "pending", "resolved"]);
  });
  it("of receivers have an alert in each of its own", () => {
    const groups = groupAlerts([...alerts, { ...named("DiskFills"), receivers: [] }], "receiver");
    expect(groups.map((group) => [group.key, group.alerts.length])).toEqual([["team", 4], ["storage", 1], ["no receiver", 1]]);
  });
});

describe("the time that is left", () => {
  const now = Date.parse("2026-12-01T10:00:00Z");
  const firing = { ...named("SignerDown"), is_deadline_missed: false, deadline_at: "2026-12-01T10:10:00Z" };
  it.each([[0, "0:00"], [1, "0:01"], [249_000, "4:09"], [3_599_000, "59:59"], [7_500_000, "2 h 5 min"]])("%d ms is %s", (ms, text) => {
    expect(formatLeft(ms)).toBe(text);
  });
  it("in lists is whole minutes, and never none", () => {
    expect([0, 61_000, 7_500_000].map(formatMinutesLeft)).toEqual(["1 min", "2 min", "2 h 5 min"]);
  });
  it("ends with an acknowledgement, unless the deadline was missed before", () => {
    const acknowledgement = { by: "ada", at: "2026-12-01T09:59:00Z", until: null, note: "" };
    expect(deadlineOf(firing, now)).toEqual({ text: "act within 10:00", level: "calm" });
    expect(deadlineOf(firing, now + 301_000)?.level).toBe("soon");
    expect(deadlineOf(firing, now + 600_000)).toEqual({ text: "act now", level: "late" });
    expect(deadlineOf({ ...firing, acknowledgement }, now)).toBeNull();
    expect(deadlineOf({ ...firing, acknowledgement, is_deadline_missed: true }, now + 1_200_000)?.text).toBe("deadline missed 10 min ago");
    expect(deadlineOf({ ...firing, state: "resolved" }, now)).toBeNull();
  });
  it("until the next level is told beside the level", () => {
    const escalation = { level: 0, levels: 2, next_at: "2026-12-01T10:04:09Z", is_stopped: false };
    expect(climbOf({ ...firing, escalation }, now)).toBe("level 1 of 2, next in 4:09");
    expect(climbOf({ ...firing, escalation: { ...escalation, is_stopped: true } }, now)).toBe("level 1 of 2, stopped");
    expect(climbOf({ ...firing, escalation: { ...escalation, level: -1, next_at: null } }, now)).toBe("nobody told yet");
    expect(climbOf({ ...firing, escalation: null }, now)).toBeNull();
  });
});
