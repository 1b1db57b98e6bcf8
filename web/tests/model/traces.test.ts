import { describe, expect, it } from "vitest";

import { makeTrace } from "../../dev/traces";
import { buildTree, criticalPath, selfTimeNs, spanMatches, ticks, visibleRows, type Trace, type TraceSpan } from "../../src/model/traces";

const START = "2026-11-23T14:00:00.000000000Z";

function span(id: string, parent: string, offsetNs: number, durationNs: number, more: Partial<TraceSpan> = {}): TraceSpan {
  return {
    span_id: id,
    parent_id: parent,
    name: id,
    service: "s",
    kind: "internal",
    start: `2026-11-23T14:00:00.${String(offsetNs).padStart(9, "0")}Z`,
    duration_ns: durationNs,
    status: "unset",
    status_message: "",
    attributes: {},
    events: [],
    links: [],
    resource: {},
    scope: { name: "", version: "" },
    correlation_id: "",
    warnings: [],
    ...more,
  };
}

const trace = (...spans: TraceSpan[]): Trace => ({ trace_id: "t", start: START, duration_ns: 100, spans });
const ids = (nodes: readonly { span: TraceSpan }[]) => nodes.map((node) => node.span.span_id);

describe("buildTree", () => {
  it("orders siblings by start and knows depths and offsets", () => {
    const tree = buildTree(trace(span("c", "a", 50, 10), span("a", "", 0, 100), span("b", "a", 10, 20), span("d", "b", 12, 5)));
    const rows = visibleRows(tree, new Set());
    expect(ids(rows)).toEqual(["a", "b", "d", "c"]);
    expect(rows.map((node) => node.depth)).toEqual([0, 1, 2, 1]);
    expect(rows.map((node) => node.offsetNs)).toEqual([0, 10, 12, 50]);
    expect(rows[0]?.below).toBe(3);
    expect(tree.durationNs).toBe(100);
    expect(tree.depth).toBe(2);
  });

  it("makes a root of a span whose parent did not arrive", () => {
    expect(ids(buildTree(trace(span("a", "", 0, 9), span("x", "gone", 5, 1))).roots)).toEqual(["a", "x"]);
  });

  it("loses no span of a circle", () => {
    const tree = buildTree(trace(span("a", "b", 0, 1), span("b", "a", 1, 1), span("c", "c", 2, 1)));
    expect(ids(visibleRows(tree, new Set())).sort()).toEqual(["a", "b", "c"]);
  });

  it("marks what failed on the way up", () => {
    const tree = buildTree(trace(span("a", "", 0, 9), span("b", "a", 1, 1, { status: "error" })));
    expect(tree.roots[0]?.hasError).toBe(true);
    expect(tree.errors).toBe(1);
  });

  it("takes a chain of 30,000 spans and 10,000 beside each other without walking twice", () => {
    let asked = 0;
    const chain = Array.from({ length: 30_000 }, (_, index) => {
      const parent = index ? `${index - 1}` : "";
      const get = () => {
        asked += 1;
        return parent;
      };
      return Object.defineProperty(span(`${index}`, parent, index, 1), "parent_id", { get });
    });
    expect(visibleRows(buildTree(trace(...chain)), new Set())).toHaveLength(30_000);
    expect(visibleRows(buildTree(makeTrace("ffff")), new Set())).toHaveLength(10_000);
    // Each is asked for its parent when circles are looked for, and when it is put in its place; a walk for every span would
    // ask half a billion times.
    expect(asked).toBeLessThanOrEqual(3 * chain.length);
  });

  it("is empty for a trace without spans", () => expect(buildTree(trace()).roots).toEqual([]));
});

describe("a waterfall", () => {
  it("hides what is below a collapsed span", () => {
    const tree = buildTree(trace(span("a", "", 0, 100), span("b", "a", 10, 20), span("d", "b", 12, 5), span("c", "a", 50, 10)));
    expect(ids(visibleRows(tree, new Set(["b"])))).toEqual(["a", "b", "c"]);
  });

  it("finds spans by name, attribute and status, whatever the case", () => {
    const found = span("a", "", 0, 1, { name: "Sign", attributes: { wallet: "Cold", n: 5 }, status_message: "no token" });
    expect(["sign", "wallet=cold", "n=5", "TOKEN"].every((text) => spanMatches(found, text))).toBe(true);
    expect(spanMatches(found, "hot")).toBe(false);
    expect(spanMatches(found, " ")).toBe(false);
  });

  it("has round ticks from zero", () => {
    expect(ticks(420e6, 5)).toEqual([0, 1e8, 2e8, 3e8, 4e8]);
    expect(ticks(0, 5)).toEqual([0]);
  });
});

describe("times within a span", () => {
  const tree = buildTree(
    trace(span("a", "", 0, 100), span("b", "a", 10, 30), span("c", "a", 30, 20), span("d", "a", 60, 40), span("e", "d", 70, 30), span("f", "a", 90, 50)),
  );
  const root = tree.roots[0];

  it("count overlapping children once, and only inside the span", () => {
    if (!root) throw new Error("the tree has a root");
    expect(selfTimeNs(root)).toBe(100 - 40 - 40);
  });

  it("lead back from the end: what the root waited for last, and before it", () => {
    expect([...criticalPath(tree)].sort()).toEqual(["a", "c", "d", "e"]);
  });
});
