import type uPlot from "uplot";

import { formatTime, zoneName, type Zone } from "../model/time";
import { formatValue, type Unit } from "../model/units";

const ROWS_MAX = 12; // what a hand can read before the pointer moves on

interface Options {
  zone: Zone;
  unit: Unit;
  /** Columns hold sums: a value is what it adds to the one below. */
  isStacked: boolean;
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

/** Says at the crosshair what the time is and what each series has, the largest first. */
export function tooltip({ zone, unit, isStacked }: Options): uPlot.Plugin {
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
    const head = document.createElement("div");
    head.className = "as-tip-head";
    head.textContent = `${formatTime(time * 1000, zone)} ${zoneName(zone, time * 1000)}`;
    const more = rows.length > ROWS_MAX ? [`and ${rows.length - ROWS_MAX} more`] : [];
    box.replaceChildren(head, ...rows.slice(0, ROWS_MAX).map((row) => line(chart, row, unit)), ...more);
    box.hidden = rows.length === 0;
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
