import type uPlot from "uplot";

import { eventsNear, type EventKind, type TimedEvent } from "../model/events";

type Point = readonly [number, number];

const ROUND: readonly Point[] = Array.from({ length: 16 }, (_, step) => [Math.cos((step * Math.PI) / 8), Math.sin((step * Math.PI) / 8)] as const);
const CROSS: readonly Point[] = [
  [-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35],
  [0.35, 1], [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35],
];

/** The corners of each kind's mark, from -1 to 1: kinds are told apart without their colour too. */
export const MARK_SHAPES: Record<EventKind, readonly Point[]> = {
  blocks: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
  reorgs: [[0, -1.1], [1.1, 0], [0, 1.1], [-1.1, 0]],
  transactions: ROUND,
  spends: [[-1, -0.8], [1, -0.8], [0, 1]],
  hsm: CROSS,
};

const COLORS: Record<EventKind | "bad", readonly [string, string]> = {
  blocks: ["#566573", "#a9b8c6"],
  reorgs: ["#a86300", "#f5b04a"],
  transactions: ["#00795a", "#37d6a3"],
  spends: ["#7b4fa3", "#c79bf2"],
  hsm: ["#00727a", "#3fd0dc"],
  bad: ["#c9302c", "#ff7a70"],
};

/** The colour of a kind's marks; red where the event is an error. */
export function markColor(kind: EventKind, isBad: boolean, isDark: boolean): string {
  return COLORS[isBad ? "bad" : kind][isDark ? 1 : 0];
}

const SURFACE = ["#ffffff", "#121a21"] as const; // a rim of it parts marks that overlap

export const MARKS_PADDING = 18; // pixels above the plot, where the marks stand
const RADIUS = 4.5;
const REACH = 6; // pixels beside a line that still mean it
const LINES_SPACE = 8; // pixels a line needs on average; denser ones would hide the graph, so only marks are drawn

/** The events under the pointer, the nearest first. */
export function eventsUnder(chart: uPlot, events: readonly TimedEvent[]): readonly TimedEvent[] {
  const { left } = chart.cursor;
  if (left === undefined || left < 0) return [];
  const reachS = chart.posToVal(REACH, "x") - chart.posToVal(0, "x");
  return eventsNear(events, chart.posToVal(left, "x") * 1000, reachS * 1000);
}

function fillMark(ctx: CanvasRenderingContext2D, shape: readonly Point[], at: { x: number; y: number; radius: number }): void {
  ctx.beginPath();
  for (const [x, y] of shape) ctx.lineTo(at.x + x * at.radius, at.y + y * at.radius);
  ctx.closePath();
  ctx.stroke();
  ctx.fill();
}

function drawEvents(chart: uPlot, events: readonly TimedEvent[], isDark: boolean): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const inside = events
    .map((event) => ({ event, x: Math.round(chart.valToPos(event.atMs / 1000, "x", true)) }))
    .filter(({ x }) => x >= bbox.left && x <= bbox.left + bbox.width)
    .sort((a, b) => Number(a.event.isBad) - Number(b.event.isBad)); // an error is never hidden below another
  const hasLines = inside.length * LINES_SPACE * ratio <= bbox.width;
  ctx.save();
  ctx.lineWidth = ratio;
  for (const { event, x } of inside) {
    const color = markColor(event.kind, event.isBad, isDark);
    if (hasLines || event.isBad) {
      ctx.strokeStyle = color;
      ctx.globalAlpha = 0.55;
      ctx.beginPath();
      ctx.moveTo(x + ratio / 2, bbox.top); // between two pixels it would be twice as wide
      ctx.lineTo(x + ratio / 2, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    ctx.fillStyle = color;
    ctx.strokeStyle = SURFACE[isDark ? 1 : 0];
    fillMark(ctx, MARK_SHAPES[event.kind], { x: x + ratio / 2, y: bbox.top - (RADIUS + 3) * ratio, radius: RADIUS * ratio });
  }
  ctx.restore();
}

interface Options {
  events: readonly TimedEvent[];
  isDark: boolean;
  /** A click on a line: the events there, the nearest first. */
  onOpen: ((events: readonly TimedEvent[]) => void) | undefined;
}

/** Draws a thin line and a mark for each event, below the series, and opens those that are clicked. */
export function eventMarks({ events, isDark, onOpen }: Options): uPlot.Plugin {
  return {
    hooks: {
      drawAxes: (chart) => drawEvents(chart, events, isDark),
      setCursor: (chart) => {
        chart.over.style.cursor = eventsUnder(chart, events).length ? "pointer" : "";
      },
      init: (chart) => {
        // A brush is no click: uPlot keeps the click at its end to itself.
        chart.over.addEventListener("click", () => {
          const found = eventsUnder(chart, events);
          if (found.length) onOpen?.(found);
        });
      },
    },
  };
}
