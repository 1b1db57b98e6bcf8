import { useEffect, useRef, useState, type PointerEvent } from "react";

import { nameColor } from "../../charts/palette";
import { useIsDark } from "../../charts/scheme";
import { ticks, visibleRows, type TraceTree } from "../../model/traces";
import { formatDuration } from "../../model/units";

/** A part of the trace, as shares of its duration. */
export interface View {
  readonly from: number;
  readonly to: number;
}

interface Props {
  tree: TraceTree;
  view: View;
  onView: (view: View) => void;
}

const HEIGHT = 64;
const LEAST_SHARE = 0.0005; // narrower than this is a click
const TICKS = 5;
const EVERYTHING: ReadonlySet<string> = new Set();

function draw(canvas: HTMLCanvasElement, tree: TraceTree, width: number, isDark: boolean): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = HEIGHT * ratio;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const rows = visibleRows(tree, EVERYTHING);
  const step = Math.min(5, HEIGHT / rows.length);
  for (const [index, node] of rows.entries()) {
    const x = (node.offsetNs / tree.durationNs) * width;
    const length = Math.max((node.span.duration_ns / tree.durationNs) * width, 1);
    context.fillStyle = node.span.status === "error" ? (isDark ? "#ff7a70" : "#c9302c") : nameColor(node.span.service, isDark);
    context.fillRect(x, index * step, length, Math.max(step - 1, 0.6));
  }
}

/** The whole trace in small; drag over it to look at a part, double-click for the whole. */
export function Minimap({ tree, view, onView }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDark = useIsDark();
  const [drag, setDrag] = useState<View | null>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const redraw = () => draw(element, tree, element.clientWidth, isDark);
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [tree, isDark]);
  const shareAt = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  const finish = () => {
    if (drag) {
      const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      if (to - from > LEAST_SHARE) onView({ from, to });
    }
    setDrag(null);
  };
  const shown = drag ?? view;
  const [left, right] = [Math.min(shown.from, shown.to), Math.max(shown.from, shown.to)];
  return (
    <div className="as-minimap">
      <div className="as-ticks" aria-hidden="true">
        {ticks(tree.durationNs, TICKS).map((at) => (
          <span key={at} style={{ left: `${(at / tree.durationNs) * 100}%` }}>
            {formatDuration(at / 1e9)}
          </span>
        ))}
      </div>
      <div
        className="as-minimap-area"
        role="img"
        aria-label="The whole trace in small; drag to look at a part"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const at = shareAt(event);
          setDrag({ from: at, to: at });
        }}
        onPointerMove={(event) => drag && setDrag({ from: drag.from, to: shareAt(event) })}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(null)}
        onDoubleClick={() => onView({ from: 0, to: 1 })}
      >
        <canvas ref={canvas} style={{ height: HEIGHT }} />
        <div className="as-minimap-shade" style={{ left: 0, width: `${left * 100}%` }} />
        <div className="as-minimap-shade" style={{ left: `${right * 100}%`, right: 0 }} />
      </div>
      {(view.from > 0 || view.to < 1) && (
        <button type="button" className="as-plain as-link as-small" onClick={() => onView({ from: 0, to: 1 })}>
          Show the whole trace
        </button>
      )}
    </div>
  );
}
