import { Button } from "@mantine/core";
import { useMemo, useState } from "react";

import { buildTree, criticalPath, visibleRows, type SpanNode, type Trace, type TraceTree } from "../../model/traces";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { CopyButton } from "../../ui/CopyButton";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { Time, ZoneLabel } from "../../ui/Time";
import { Minimap } from "./Minimap";
import { TraceFinder } from "./TraceFinder";
import { Waterfall } from "./Waterfall";

const AROUND_MS = 60_000; // logs of a trace may be a little before and after its spans
const NONE: ReadonlySet<string> = new Set();
const WHOLE = { from: 0, to: 1 };

/** Spans that have children: what can be collapsed. */
function parents(tree: TraceTree): ReadonlySet<string> {
  return new Set(visibleRows(tree, NONE).filter((node) => node.children.length > 0).map((node) => node.span.span_id));
}

/** Every span above one, so that opening them shows it. */
function ancestors(trace: Trace, spanId: string): readonly string[] {
  const parentOf = new Map(trace.spans.map((span) => [span.span_id, span.parent_id]));
  const found: string[] = [];
  for (let at = parentOf.get(spanId); at && !found.includes(at); at = parentOf.get(at)) found.push(at);
  return found;
}

function Facts({ trace, tree }: { trace: Trace; tree: TraceTree }) {
  const startMs = Number(tree.startNs / 1_000_000n);
  return (
    <dl className="as-facts">
      <div>
        <dt>Start</dt>
        <dd>
          <Time at={startMs} parts="ms" /> <ZoneLabel atMs={startMs} />
        </dd>
      </div>
      <div>
        <dt>Duration</dt>
        <dd>{formatDuration(tree.durationNs / 1e9)}</dd>
      </div>
      <div>
        <dt>Spans</dt>
        <dd>{trace.spans.length.toLocaleString("en")}</dd>
      </div>
      <div>
        <dt>Services</dt>
        <dd>{tree.services.length}</dd>
      </div>
      <div>
        <dt>Depth</dt>
        <dd>{tree.depth + 1}</dd>
      </div>
      <div>
        <dt>Errors</dt>
        <dd style={tree.errors ? { color: "var(--as-error)" } : {}}>{tree.errors}</dd>
      </div>
    </dl>
  );
}

function logsOf(trace: Trace, tree: TraceTree): string {
  const startMs = Number(tree.startNs / 1_000_000n);
  return href("logs", {
    q: `trace_id:${trace.trace_id}`,
    from: new Date(startMs - AROUND_MS).toISOString(),
    to: new Date(startMs + tree.durationNs / 1e6 + AROUND_MS).toISOString(),
  });
}

function saveJson(trace: Trace): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(trace, null, 2)], { type: "application/json" }));
  link.download = `trace-${trace.trace_id}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** A trace as a waterfall: an overview to zoom in, the tree of its spans, and each span's details. */
export function TraceView({ trace }: { trace: Trace }) {
  const [query, change] = useQueryState();
  const tree = useMemo(() => buildTree(trace), [trace]);
  const critical = useMemo(() => (query.get("critical") === "1" ? criticalPath(tree) : NONE), [tree, query]);
  const [collapsed, setCollapsed] = useState(NONE);
  const [view, setView] = useState(WHOLE);
  const rows = useMemo(() => visibleRows(tree, collapsed), [tree, collapsed]);
  const selected = query.get("span");
  const root = tree.roots[0];
  const correlation = root?.span.correlation_id || trace.spans.find((span) => span.correlation_id)?.correlation_id;
  const select = (spanId: string | null) => {
    // A link or a match may lead to a span below a collapsed one.
    if (spanId) setCollapsed(new Set([...collapsed].filter((id) => !ancestors(trace, spanId).includes(id))));
    change({ span: spanId }, { replace: true });
  };
  const toggle = (node: SpanNode) => {
    const next = new Set(collapsed);
    if (!next.delete(node.span.span_id)) next.add(node.span.span_id);
    setCollapsed(next);
  };
  return (
    <Page
      title={root ? `${root.span.service}: ${root.span.name}` : "Trace"}
      controls={
        <>
          <Link className="as-link as-small" href={logsOf(trace, tree)}>
            Logs of this trace
          </Link>
          {correlation && (
            <Link className="as-link as-small" href={href(`correlation/${encodeURIComponent(correlation)}`)}>
              Follow the operation
            </Link>
          )}
          <CopyButton label="Copy link" text={() => window.location.href} />
          <Button size="compact-xs" variant="subtle" onClick={() => saveJson(trace)}>
            Save as JSON
          </Button>
        </>
      }
    >
      <section className="as-card as-trace-head" aria-label="Overview">
        <Facts trace={trace} tree={tree} />
        <div className="as-mono as-dim as-clip">{trace.trace_id}</div>
        <Minimap tree={tree} view={view} onView={setView} />
      </section>
      <section className="as-card as-card-flush" aria-label="Spans">
        <div className="as-row as-trace-tools">
          <TraceFinder trace={trace} tree={tree} selected={selected} onSelect={select} />
          <span className="as-row as-end">
            <Button
              size="compact-xs"
              variant={query.get("critical") === "1" ? "light" : "default"}
              aria-pressed={query.get("critical") === "1"}
              onClick={() => change({ critical: query.get("critical") === "1" ? null : "1" }, { replace: true })}
            >
              Critical path
            </Button>
            <Button size="compact-xs" variant="default" onClick={() => setCollapsed(NONE)}>
              Expand all
            </Button>
            <Button size="compact-xs" variant="default" onClick={() => setCollapsed(parents(tree))}>
              Collapse all
            </Button>
          </span>
        </div>
        <Waterfall
          rows={rows}
          tree={tree}
          view={view}
          collapsed={collapsed}
          critical={critical}
          selected={selected}
          find={query.get("find") ?? ""}
          onToggle={toggle}
          onSelect={select}
        />
      </section>
    </Page>
  );
}
