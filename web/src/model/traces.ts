/** Traces as the server gives them, and the tree that the waterfall draws. */

import type { Value } from "./logs";
import { parseNanos } from "./time";

export interface TraceSummary {
  readonly trace_id: string;
  readonly root_service: string;
  readonly root_name: string;
  readonly start: string;
  readonly duration_ns: number;
  readonly spans: number;
  readonly errors: number;
  readonly services: readonly { readonly name: string; readonly spans: number }[];
}

export interface ServiceOperations {
  readonly name: string;
  readonly operations: readonly { readonly name: string; readonly kind: string }[];
}

export interface SpanEvent {
  readonly time: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, Value>>;
}

export interface SpanLink {
  readonly trace_id: string;
  readonly span_id: string;
  readonly attributes: Readonly<Record<string, Value>>;
}

export interface TraceSpan {
  readonly span_id: string;
  readonly parent_id: string;
  readonly name: string;
  readonly service: string;
  readonly kind: string;
  readonly start: string;
  readonly duration_ns: number;
  readonly status: "unset" | "ok" | "error";
  readonly status_message: string;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  readonly resource: Readonly<Record<string, Value>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly correlation_id: string;
  readonly warnings: readonly string[];
}

export interface Trace {
  readonly trace_id: string;
  readonly start: string;
  readonly duration_ns: number;
  readonly spans: readonly TraceSpan[];
}

/** A span in its place: depth 0 is a root; offsets are nanoseconds after the trace's first span. */
export interface SpanNode {
  readonly span: TraceSpan;
  readonly depth: number;
  readonly offsetNs: number;
  readonly children: readonly SpanNode[];
  /** All spans below it. */
  readonly below: number;
  /** Whether it or a span below it failed. */
  readonly hasError: boolean;
}

export interface TraceTree {
  readonly roots: readonly SpanNode[];
  readonly durationNs: number;
  readonly startNs: bigint;
  readonly services: readonly string[];
  readonly errors: number;
  readonly depth: number;
}

interface Draft {
  span: TraceSpan;
  offsetNs: number;
  children: Draft[];
}

/** Depth-first without recursion: a chain of 10,000 spans must not exhaust the stack. */
function settle(draft: Draft, maxDepth: { value: number }): SpanNode {
  interface Frame {
    draft: Draft;
    depth: number;
    next: number;
    done: SpanNode[];
  }
  const stack: Frame[] = [{ draft, depth: 0, next: 0, done: [] }];
  for (;;) {
    const frame = stack[stack.length - 1];
    if (!frame) throw new Error("a tree has a root");
    const child = frame.draft.children[frame.next];
    if (child) {
      frame.next += 1;
      stack.push({ draft: child, depth: frame.depth + 1, next: 0, done: [] });
      continue;
    }
    stack.pop();
    maxDepth.value = Math.max(maxDepth.value, frame.depth);
    const node: SpanNode = {
      span: frame.draft.span,
      depth: frame.depth,
      offsetNs: frame.draft.offsetNs,
      children: frame.done,
      below: frame.done.reduce((sum, other) => sum + other.below + 1, 0),
      hasError: frame.draft.span.status === "error" || frame.done.some((other) => other.hasError),
    };
    const above = stack[stack.length - 1];
    if (!above) return node;
    above.done.push(node);
  }
}

/** The spans as a tree, siblings by start. A span whose parent is absent, or that would close a circle, is a root. */
export function buildTree(trace: Trace): TraceTree {
  const starts = trace.spans.map((span) => parseNanos(span.start));
  const startNs = starts.reduce((least, at) => (at < least ? at : least), starts[0] ?? 0n);
  const drafts = trace.spans.map((span, index) => ({ span, offsetNs: Number((starts[index] ?? startNs) - startNs), children: [] as Draft[] }));
  const byId = new Map(drafts.map((draft) => [draft.span.span_id, draft]));
  const closing = closers(byId);
  const roots: Draft[] = [];
  for (const draft of drafts) {
    const parent = byId.get(draft.span.parent_id);
    if (!parent || closing.has(draft.span.span_id)) roots.push(draft);
    else parent.children.push(draft);
  }
  for (const draft of drafts) draft.children.sort((a, b) => a.offsetNs - b.offsetNs);
  roots.sort((a, b) => a.offsetNs - b.offsetNs);
  const depth = { value: 0 };
  const ends = drafts.map((draft) => draft.offsetNs + draft.span.duration_ns);
  return {
    roots: roots.map((root) => settle(root, depth)),
    durationNs: ends.reduce((most, end) => Math.max(most, end), 0),
    startNs,
    services: [...new Set(trace.spans.map((span) => span.service))],
    errors: trace.spans.filter((span) => span.status === "error").length,
    depth: depth.value,
  };
}

/** Ids of spans whose parent would close a circle. Each span is walked over once, so that a chain costs no more than a bush. */
function closers(byId: ReadonlyMap<string, Draft>): ReadonlySet<string> {
  const found = new Set<string>();
  const settled = new Set<string>();
  for (const id of byId.keys()) {
    const path = new Set<string>();
    let at: string | undefined = id;
    while (at !== undefined && byId.has(at) && !settled.has(at)) {
      path.add(at);
      const parent: string | undefined = byId.get(at)?.span.parent_id;
      if (parent !== undefined && path.has(parent)) {
        found.add(at);
        break;
      }
      at = parent;
    }
    for (const walked of path) settled.add(walked);
  }
  return found;
}

/** Rows of the waterfall: the tree in order, without what is below a collapsed span. */
export function visibleRows(tree: TraceTree, collapsed: ReadonlySet<string>): readonly SpanNode[] {
  const rows: SpanNode[] = [];
  const stack = [...tree.roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    rows.push(node);
    if (!collapsed.has(node.span.span_id)) {
      for (let index = node.children.length - 1; index >= 0; index -= 1) {
        const child = node.children[index];
        if (child) stack.push(child);
      }
    }
  }
  return rows;
}

/** Whether a span's name, service, id, status or any attribute holds the text, whatever its case. */
export function spanMatches(span: TraceSpan, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return false;
  const own = [span.name, span.service, span.span_id, span.status_message, span.kind];
  if (own.some((part) => part.toLowerCase().includes(wanted))) return true;
  return Object.entries(span.attributes).some(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`.toLowerCase().includes(wanted),
  );
}

/** Time spent in the span itself: its duration without the union of its children's. In nanoseconds. */
export function selfTimeNs(node: SpanNode): number {
  const start = node.offsetNs;
  const end = start + node.span.duration_ns;
  let covered = 0;
  let reached = start;
  for (const child of node.children) {
    const from = Math.max(child.offsetNs, reached);
    const to = Math.min(child.offsetNs + child.span.duration_ns, end);
    if (to > from) {
      covered += to - from;
      reached = to;
    }
  }
  return Math.max(0, node.span.duration_ns - covered);
}

/** Ids of the spans that decided how long the first root took, found backwards from its end. */
export function criticalPath(tree: TraceTree): ReadonlySet<string> {
  const found = new Set<string>();
  const root = tree.roots[0];
  const open: { node: SpanNode; endNs: number }[] = root ? [{ node: root, endNs: root.offsetNs + root.span.duration_ns }] : [];
  for (let item = open.pop(); item; item = open.pop()) {
    found.add(item.node.span.span_id);
    let until = item.endNs;
    const byEnd = [...item.node.children].sort((a, b) => b.offsetNs + b.span.duration_ns - (a.offsetNs + a.span.duration_ns));
    for (const child of byEnd) {
      const childEnd = child.offsetNs + child.span.duration_ns;
      // A child that outlives its parent's wait is not what the parent waited for.
      if (childEnd <= until && child.offsetNs < until) {
        open.push({ node: child, endNs: childEnd });
        until = child.offsetNs;
      }
    }
  }
  return found;
}

/** Round fractions of a duration for the axis: at most `count` ticks, the first 0. In nanoseconds. */
export function ticks(durationNs: number, count: number): readonly number[] {
  if (durationNs <= 0) return [0];
  const raw = durationNs / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  return Array.from({ length: Math.floor(durationNs / step) + 1 }, (_, index) => index * step);
}
