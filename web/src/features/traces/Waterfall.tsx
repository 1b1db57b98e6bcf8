import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";

import { spanMatches, ticks, type SpanNode, type TraceTree } from "../../model/traces";
import { formatDuration } from "../../model/units";
import type { View } from "./Minimap";
import { SpanDetails } from "./SpanDetails";
import { SpanRow } from "./SpanRow";

interface Props {
  rows: readonly SpanNode[];
  tree: TraceTree;
  view: View;
  collapsed: ReadonlySet<string>;
  critical: ReadonlySet<string>;
  selected: string | null;
  find: string;
  onToggle: (node: SpanNode) => void;
  onSelect: (spanId: string | null) => void;
}

const ROW_PX = 28;
const TICKS = 5;
const TICK_SHARE_MAX = 0.93; // a label further right would be cut

function Head({ tree, view }: { tree: TraceTree; view: View }) {
  const shownNs = tree.durationNs * (view.to - view.from);
  const startNs = tree.durationNs * view.from;
  return (
    <div className="as-span-row as-span-head" aria-hidden="true">
      <span>Service and operation</span>
      <span className="as-ticks">
        {ticks(shownNs, TICKS)
          .filter((at) => at < shownNs * TICK_SHARE_MAX)
          .map((at) => (
          <span key={at} style={{ left: `${(at / shownNs) * 100}%` }}>
            {formatDuration((startNs + at) / 1e9)}
            </span>
          ))}
      </span>
    </div>
  );
}

/** The spans in a tree, each with its bar; only the rows on the screen exist, so that 10,000 scroll as 100 do. */
export function Waterfall({ rows, tree, view, collapsed, critical, selected, find, onToggle, onSelect }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    setMargin(Math.round((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY));
  }, []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 24,
    scrollMargin: margin,
    // Client and server of one call may share an id in traces of older libraries.
    getItemKey: (index) => `${rows[index]?.span.span_id ?? ""}/${rows[index]?.span.service ?? index}`,
  });
  const selectedIndex = rows.findIndex((node) => node.span.span_id === selected);
  useEffect(() => {
    if (selectedIndex >= 0) virtual.scrollToIndex(selectedIndex, { align: "auto" });
    // Only a new selection scrolls; a tree that changes below the reader must not.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected]);
  const press = (event: KeyboardEvent) => {
    const node = rows[selectedIndex];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      onSelect(rows[Math.min(Math.max(selectedIndex + step, 0), rows.length - 1)]?.span.span_id ?? null);
    } else if (node && event.key === "ArrowLeft" && !collapsed.has(node.span.span_id) && node.children.length > 0) onToggle(node);
    else if (node && event.key === "ArrowRight" && collapsed.has(node.span.span_id)) onToggle(node);
    else return;
    event.preventDefault();
  };
  return (
    <div className="as-waterfall">
      <Head tree={tree} view={view} />
      <div ref={list} role="tree" aria-label="Spans" tabIndex={0} onKeyDown={press} className="as-virtual" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const node = rows[item.index];
          if (!node) return null;
          const id = node.span.span_id;
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className="as-span-item"
              style={{ transform: `translateY(${item.start - margin}px)` }}
            >
              <SpanRow
                node={node}
                tree={tree}
                view={view}
                isCollapsed={collapsed.has(id)}
                isCritical={critical.has(id)}
                isFaded={critical.size > 0 && !critical.has(id)}
                isFound={find !== "" && spanMatches(node.span, find)}
                isSelected={id === selected}
                onToggle={() => onToggle(node)}
                onSelect={() => onSelect(id === selected ? null : id)}
              />
              {id === selected && <SpanDetails node={node} tree={tree} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}
