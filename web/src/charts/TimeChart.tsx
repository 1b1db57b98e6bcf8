import { useMemo } from "react";
import uPlot from "uplot";

import type { TimedEvent } from "../model/events";
import type { Columns } from "../model/prometheus";
import { stack } from "../model/prometheus";
import type { Zone } from "../model/time";
import type { Unit } from "../model/units";
import { inkOf, timeAxis, valueAxis } from "./axes";
import { eventMarks, MARKS_PADDING } from "./eventMarks";
import { seriesColor } from "./palette";
import { useIsDark } from "./scheme";
import { tooltip } from "./tooltip";
import { UPlot } from "./UPlot";

export interface Marks {
  readonly bound?: number;
  readonly times: readonly number[];
}

interface Props {
  columns: Columns;
  names: readonly string[];
  unit: Unit;
  zone: Zone;
  stacked: boolean;
  /** Indices of the series that are drawn; the others keep their colour. */
  shown: readonly number[];
  /** Charts with the same group share their crosshair. */
  group: string;
  label: string;
  height?: number;
  /** Lines across: a bound of the values, and moments in Unix seconds. Keep the object while nothing changes. */
  marks?: Marks;
  /** What happened, the oldest first. Keep the object while nothing changes. */
  events?: readonly TimedEvent[];
  /** The events of a line that was clicked. */
  onEvents?: (events: readonly TimedEvent[]) => void;
  /** A stretch of time was brushed; Unix milliseconds. */
  onZoom: (startMs: number, endMs: number) => void;
}

const POINTS_SHOWN_MAX = 60; // single points are worth a dot; dense lines are not
const NO_EVENTS: readonly TimedEvent[] = [];

function withAlpha(color: string, alpha: string): string {
  return color + alpha;
}

/** Series over time as lines or stacked areas, with crosshair, tooltip and zoom by brush. */
export function TimeChart({ columns, names, unit, zone, stacked, shown, group, label, height = 260, marks, events = NO_EVENTS, onEvents, onZoom }: Props) {
  const isDark = useIsDark();
  const key = shown.join(",");
  const startS = columns.times[0] ?? 0;
  const endS = columns.times[columns.times.length - 1] ?? 1;
  const data = useMemo(() => {
    const kept = key === "" ? [] : key.split(",").map((index) => columns.values[Number(index)] ?? []);
    return [columns.times, ...(stacked ? stack(kept).reverse() : kept)] as unknown as uPlot.AlignedData;
  }, [columns, key, stacked]);
  const options = useMemo<Omit<uPlot.Options, "width">>(() => {
    const ink = inkOf(isDark);
    const order = key === "" ? [] : key.split(",").map(Number);
    const indices = stacked ? [...order].reverse() : order;
    return {
      height,
      padding: [events.length ? MARKS_PADDING : 10, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: group, setSeries: false }, points: { size: 7 }, drag: { x: true, y: false, setScale: false }, focus: { prox: 24 } },
      focus: { alpha: 0.35 },
      scales: { x: { time: true, range: () => [startS, endS] }, y: { range: rangeOf(stacked, marks?.bound) } },
      axes: [timeAxis(ink, zone), valueAxis(ink, unit)],
      series: [
        {},
        ...indices.map((index) => {
          const color = seriesColor(index, isDark);
          return {
            label: names[index] ?? "",
            stroke: color,
            width: 1.5,
            points: { show: columns.times.length <= POINTS_SHOWN_MAX, size: 4 },
            ...(stacked ? { fill: withAlpha(color, "66") } : order.length === 1 ? { fill: withAlpha(color, "1f") } : {}),
          };
        }),
      ],
      // An area reaches down to the one below it, not to zero: else the colours would mix.
      bands: stacked ? indices.slice(1).map((_, below) => ({ series: [below + 1, below + 2] as [number, number] })) : [],
      plugins: [tooltip({ zone, unit, isStacked: stacked, events, isDark }), eventMarks({ events, isDark, onOpen: onEvents })],
      hooks: {
        draw: [(chart) => drawMarks(chart, marks, isDark)],
        setSelect: [
          (chart) => {
            const { left, width } = chart.select;
            if (width < 4) return;
            const start = chart.posToVal(left, "x") * 1000;
            const end = chart.posToVal(left + width, "x") * 1000;
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            onZoom(Math.round(start), Math.round(end));
          },
        ],
      },
    };
  }, [isDark, key, stacked, height, group, zone, unit, names, marks, events, onEvents, onZoom, startS, endS, columns.times.length]);
  return <UPlot options={options} data={data} label={label} />;
}

const MARK_COLORS = { bound: ["#c9302c", "#ff7a70"], time: ["#a86300", "#f5b04a"] } as const;

function strokeLine(chart: uPlot, from: readonly [number, number], to: readonly [number, number], color: string): void {
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash([5 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.restore();
}

/** Dashed lines over the chart: the bound across, the moments from top to bottom. */
function drawMarks(chart: uPlot, marks: Marks | undefined, isDark: boolean): void {
  if (!marks) return;
  const { left, top, width, height } = chart.bbox;
  if (marks.bound !== undefined) {
    const y = chart.valToPos(marks.bound, "y", true);
    if (y >= top && y <= top + height) strokeLine(chart, [left, y], [left + width, y], MARK_COLORS.bound[isDark ? 1 : 0]);
  }
  for (const time of marks.times) {
    const x = chart.valToPos(time, "x", true);
    if (x >= left && x <= left + width) strokeLine(chart, [x, top], [x, top + height], MARK_COLORS.time[isDark ? 1 : 0]);
  }
}

/** From zero where the values are near it, with a little air above; a bound is in it. */
function rangeOf(stacked: boolean, bound?: number): uPlot.Scale.Range {
  return (_chart, dataLeast, dataMost) => {
    if (dataLeast === null || dataMost === null || !Number.isFinite(dataLeast)) return [0, 1];
    const least = Math.min(dataLeast, bound ?? dataLeast);
    const most = Math.max(dataMost, bound ?? dataMost);
    const low = stacked || (least >= 0 && least < most * 0.7) ? Math.min(0, least) : least;
    if (low === most) return most === 0 ? [0, 1] : [Math.min(0, most * 1.2), Math.max(0, most * 1.2)];
    const air = (most - low) * 0.06;
    return [low === 0 ? 0 : low - air, most + air];
  };
}
