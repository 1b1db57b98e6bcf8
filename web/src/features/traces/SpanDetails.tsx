import type { ReactNode } from "react";

import { valueText, type Value } from "../../model/logs";
import { parseNanos } from "../../model/time";
import { selfTimeNs, type SpanNode, type TraceTree } from "../../model/traces";
import { formatDuration } from "../../model/units";
import { href } from "../../state/location";
import { CopyButton } from "../../ui/CopyButton";
import { Link } from "../../ui/Link";

function Pairs({ of }: { of: readonly (readonly [string, string])[] }) {
  return (
    <table className="as-pairs">
      <tbody>
        {of.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className="as-break">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function entries(values: Readonly<Record<string, Value>>): readonly (readonly [string, string])[] {
  return Object.entries(values).map(([name, value]) => [name, valueText(value)] as const);
}

function Part({ title, count, open = true, children }: { title: string; count: number; open?: boolean; children: ReactNode }) {
  if (count === 0) return null;
  return (
    <details open={open}>
      <summary>
        {title} <span className="as-dim">{count}</span>
      </summary>
      {children}
    </details>
  );
}

function Events({ node, tree }: { node: SpanNode; tree: TraceTree }) {
  return (
    <>
      {node.span.events.map((event, index) => (
        <div key={`${event.time}${index}`} className="as-span-event-text">
          <strong>{event.name}</strong>{" "}
          <span className="as-dim">at {formatDuration(Number(parseNanos(event.time) - tree.startNs) / 1e9)}</span>
          <Pairs of={entries(event.attributes)} />
        </div>
      ))}
    </>
  );
}

/** Everything that a span says. */
export function SpanDetails({ node, tree }: { node: SpanNode; tree: TraceTree }) {
  const { span } = node;
  const facts: [string, string][] = [
    ["kind", span.kind],
    ["status", span.status_message ? `${span.status}: ${span.status_message}` : span.status],
    ["starts at", formatDuration(node.offsetNs / 1e9)],
    ["duration", formatDuration(span.duration_ns / 1e9)],
    ["in itself", formatDuration(selfTimeNs(node) / 1e9)],
    ["span id", span.span_id],
    ...(span.correlation_id ? ([["correlation id", span.correlation_id]] as [string, string][]) : []),
    ...(span.scope.name ? ([["scope", `${span.scope.name} ${span.scope.version}`]] as [string, string][]) : []),
  ];
  return (
    <div className="as-span-details">
      <div className="as-row">
        <Link className="as-link as-small" href={href("logs", { q: `span_id:${span.span_id}`, from: "-7d" })}>
          Logs of this span
        </Link>
        <CopyButton label="Copy link" text={() => window.location.href} />
        <CopyButton label="Copy JSON" text={() => JSON.stringify(span, null, 2)} />
      </div>
      {span.warnings.map((warning) => (
        <div key={warning} className="as-warning">
          {warning}
        </div>
      ))}
      <div className="as-span-parts">
        <Pairs of={facts} />
        <div>
          <Part title="Attributes" count={Object.keys(span.attributes).length}>
            <Pairs of={entries(span.attributes)} />
          </Part>
          <Part title="Events" count={span.events.length}>
            <Events node={node} tree={tree} />
          </Part>
          <Part title="Links" count={span.links.length}>
            {span.links.map((link) => (
              <div key={`${link.trace_id}${link.span_id}`}>
                <Link className="as-link as-mono" href={href(`traces/${link.trace_id}`, { span: link.span_id })}>
                  {link.trace_id}
                </Link>
                <Pairs of={entries(link.attributes)} />
              </div>
            ))}
          </Part>
          <Part title="Resource" count={Object.keys(span.resource).length} open={false}>
            <Pairs of={entries(span.resource)} />
          </Part>
        </div>
      </div>
    </div>
  );
}
