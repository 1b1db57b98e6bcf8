import type uPlot from "uplot";

import type { TimedEvent } from "../model/events";
import { formatTime, zoneName, type Zone } from "../model/time";
import { formatValue, type Unit } from "../model/units";
import { eventsUnder, markColor } from "./eventMarks";

const ROWS_MAX = 12; // what a hand can read before the pointer moves on
const EVENTS_MAX = 5; // they take two lines each

interface Options {
  zone: Zone;
  unit: Unit;
  /** Columns hold sums: a value is what it adds to the one below. */
  isStacked: boolean;
  events?: readonly TimedEvent[];
  isDark?: boolean;
}

interface Row {
  readonly index: number;
  readonly value: number;
}

function rowsAt(chart: uPlot, row: number, isStacked: boolean): Row[] {
  const found: Row[] = [];
  for (let index = 1; index < chart.series.length; index += 1) {
    const value = chart.data[index]?.[row];
    if (value === null || value === undefined) continue;
    const below = isStacked ? (chart.data.slice(index + 1).find((column) => column[row] !== null && column[row] !== undefined)?.[row] ?? 0) : 0;
    found.push({ index, value: value - below });
  }
  return found.sort((a, b) => b.value - a.value);
}

function line(chart: uPlot, { index, value }: Row, unit: Unit): HTMLElement {
  const made = document.createElement("div");
  made.className = "as-tip-row";
  const swatch = document.createElement("i");
  const stroke = chart.series[index]?.stroke;
  swatch.style.background = String(typeof stroke === "function" ? stroke(chart, index) : stroke);
  const name = document.createElement("span");
  name.textContent = String(chart.series[index]?.label ?? "");
  const number = document.createElement("b");
  number.textContent = formatValue(value, unit);
  made.append(swatch, name, number);
  return made;
}

function eventLine(event: TimedEvent, zone: Zone, isDark: boolean): HTMLElement {
  const made = document.createElement("div");
  made.className = "as-tip-row as-tip-event";
  const swatch = document.createElement("i");
  swatch.style.background = markColor(event.kind, event.isBad, isDark);
  const text = document.createElement("span");
  text.textContent = event.text;
  const time = document.createElement("b");
  time.textContent = formatTime(event.atMs, zone, "time-ms");
  made.append(swatch, text, time);
  return made;
}

/** The rows of the events there, and how many more there are. */
function eventLines(found: readonly TimedEvent[], zone: Zone, isDark: boolean): (HTMLElement | string)[] {
  const more = found.length > EVENTS_MAX ? [`and ${found.length - EVENTS_MAX} more events`] : [];
  return [...found.slice(0, EVENTS_MAX).map((event) => eventLine(event, zone, isDark)), ...more];
}

/** Says at the crosshair what the time is, what happened then, and what each series has, the largest first. */
export function tooltip({ zone, unit, isStacked, events = [], isDark = false }: Options): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "as-tip";
  box.hidden = true;
  const show = (chart: uPlot) => {
    const { left, top, idx } = chart.cursor;
    const time = typeof idx === "number" ? chart.data[0][idx] : undefined;
    // Charts of a group move together; only the one under the pointer speaks.
    if (typeof idx !== "number" || time === undefined || left === undefined || left < 0 || !chart.over.matches(":hover")) {
      box.hidden = true;
      return;
    }
    const rows = rowsAt(chart, idx, isStacked);
    const happened = eventLines(eventsUnder(chart, events), zone, isDark);
    const head = document.createElement("div");
    head.className = "as-tip-head";
    head.textContent = `${formatTime(time * 1000, zone)} ${zoneName(zone, time * 1000)}`;
    const more = rows.length > ROWS_MAX ? [`and ${rows.length - ROWS_MAX} more`] : [];
    box.replaceChildren(head, ...happened, ...rows.slice(0, ROWS_MAX).map((row) => line(chart, row, unit)), ...more);
    box.hidden = rows.length === 0 && happened.length === 0;
    const isRight = left > chart.over.clientWidth / 2;
    box.style.transform = `translate(${isRight ? left - box.offsetWidth - 14 : left + 14}px, ${Math.min(top ?? 0, 40)}px)`;
  };
  return {
    hooks: {
      init: (chart) => {
        chart.over.append(box);
        chart.over.addEventListener("mouseleave", () => {
          box.hidden = true;
        });
      },
      setCursor: show,
    },
  };
}
