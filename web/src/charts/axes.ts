import type uPlot from "uplot";

import { formatValue, type Unit } from "../model/units";
import { formatTime, type Zone } from "../model/time";

export interface Ink {
  readonly text: string;
  readonly grid: string;
}

export function inkOf(isDark: boolean): Ink {
  return isDark ? { text: "#93a4b3", grid: "#1f2b35" } : { text: "#566573", grid: "#e6ebf0" };
}

const FONT = '11px Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const DAY_S = 86_400;

/** Time below the chart, in the zone: the day where it changes or where a tick is a day, seconds where they matter. */
export function timeAxis(ink: Ink, zone: Zone): uPlot.Axis {
  return {
    stroke: ink.text,
    font: FONT,
    size: 30,
    gap: 7,
    space: 70,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
    values: (_chart, ticks, _axis, _space, step) =>
      ticks.map((tick, index) => {
        const text = formatTime(tick * 1000, zone);
        const before = index > 0 ? formatTime((ticks[index - 1] ?? tick) * 1000, zone) : "";
        if (step >= DAY_S) return text.slice(5, 10);
        const clock = step < 60 ? text.slice(11) : text.slice(11, 16);
        return index > 0 && before.slice(0, 10) !== text.slice(0, 10) ? `${text.slice(5, 10)} ${clock}` : clock;
      }),
  };
}

/** Values beside the chart, with their unit. */
export function valueAxis(ink: Ink, unit: Unit, size = 72): uPlot.Axis {
  return {
    stroke: ink.text,
    font: FONT,
    size,
    gap: 4,
    space: 36,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
    values: (_chart, ticks) => ticks.map((tick) => formatValue(tick, unit)),
    incrs: unit === "bytes" || unit === "bytes/s" ? BINARY_STEPS : DECIMAL_STEPS,
  };
}

/** Steps of 1, 2, 5 at every power: axis labels stay short. */
const DECIMAL_STEPS = Array.from({ length: 39 }, (_, index) => index - 18).flatMap((power) => [1, 2, 5].map((factor) => factor * 10 ** power));
const BINARY_STEPS = [
  ...DECIMAL_STEPS.filter((step) => step < 1),
  ...Array.from({ length: 60 }, (_, power) => 2 ** power),
];
