import { nameColor } from "../../charts/palette";
import { useIsDark } from "../../charts/scheme";
import type { SpanNode, TraceTree } from "../../model/traces";
import { formatDuration } from "../../model/units";
import { Icon } from "../../ui/icons";
import type { View } from "./Minimap";

interface Props {
  node: SpanNode;
  tree: TraceTree;
  view: View;
  isCollapsed: boolean;
  isCritical: boolean;
  isFaded: boolean;
  isFound: boolean;
  isSelected: boolean;
  onToggle: () => void;
  onSelect: () => void;
}

const INDENT_PX = 14;
const INDENT_LEVELS_MAX = 18; // deeper spans stay readable; their depth stands in the details

function Bar({ node, tree, view, isCritical }: Pick<Props, "node" | "tree" | "view" | "isCritical">) {
  const isDark = useIsDark();
  const wide = view.to - view.from;
  const left = ((node.offsetNs / tree.durationNs - view.from) / wide) * 100;
  const width = (node.span.duration_ns / tree.durationNs / wide) * 100;
  const end = left + width;
  // The duration stands where there is room: after the bar, before it, or inside.
  const side = end < 86 ? "after" : left > 14 ? "before" : "inside";
  return (
    <span className="as-span-bars">
      <i
        className="as-span-bar"
        data-critical={isCritical}
        style={{ left: `${left}%`, width: `max(2px, ${width}%)`, background: nameColor(node.span.service, isDark) }}
      />
      {node.span.events.map((event, index) => (
        <i
          key={`${event.name}${index}`}
          className="as-span-event"
          title={event.name}
          style={{ left: `${((offsetOf(event.time, tree) / tree.durationNs - view.from) / wide) * 100}%` }}
        />
      ))}
      <span
        className="as-span-took"
        style={side === "after" ? { left: `calc(${Math.max(end, 0)}% + 6px)` } : side === "before" ? { right: `calc(${100 - left}% + 6px)` } : { left: `calc(${Math.max(left, 0)}% + 6px)` }}
        data-inside={side === "inside"}
      >
        {formatDuration(node.span.duration_ns / 1e9)}
      </span>
    </span>
  );
}

function offsetOf(time: string, tree: TraceTree): number {
  return Date.parse(time) * 1e6 - Number(tree.startNs);
}

/** One span: its place in the tree and its bar in time. */
export function SpanRow({ node, tree, view, isCollapsed, isCritical, isFaded, isFound, isSelected, onToggle, onSelect }: Props) {
  const isDark = useIsDark();
  const hasChildren = node.children.length > 0;
  const failed = node.span.status === "error";
  return (
    <div
      className="as-span-row"
      role="treeitem"
      aria-level={node.depth + 1}
      aria-selected={isSelected}
      {...(hasChildren ? { "aria-expanded": !isCollapsed } : {})}
      data-found={isFound}
      data-faded={isFaded}
    >
      <span className="as-span-name" style={{ paddingLeft: Math.min(node.depth, INDENT_LEVELS_MAX) * INDENT_PX }}>
        {hasChildren ? (
          <button type="button" className="as-plain as-span-toggle" tabIndex={-1} onClick={onToggle} aria-label={isCollapsed ? "Expand" : "Collapse"}>
            <span className="as-caret" data-open={!isCollapsed}>
              <Icon name="chevron" size={12} />
            </span>
          </button>
        ) : (
          <span className="as-span-toggle" />
        )}
        <i className="as-swatch" style={{ background: nameColor(node.span.service, isDark) }} />
        <button type="button" className="as-plain as-clip" tabIndex={-1} onClick={onSelect} title={`${node.span.service}: ${node.span.name}`}>
          <span className="as-dim">{node.span.service}</span> {node.span.name}
        </button>
        {isCollapsed && <span className="as-chip">+{node.below}</span>}
        {(failed || (isCollapsed && node.hasError)) && (
          <span className="as-span-error" title={node.span.status_message || "an error"}>
            !
          </span>
        )}
      </span>
      <button type="button" className="as-plain as-span-cell" tabIndex={-1} onClick={onSelect} aria-label={`Details of ${node.span.name}`}>
        <Bar node={node} tree={tree} view={view} isCritical={isCritical} />
      </button>
    </div>
  );
}
