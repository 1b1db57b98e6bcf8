import { useMemo } from "react";
import uPlot from "uplot";

import type { Zone } from "../model/time";
import { inkOf, timeAxis, valueAxis } from "./axes";
import { useIsDark } from "./scheme";
import { tooltip } from "./tooltip";
import { UPlot } from "./UPlot";

interface Props {
  /** Starts of the buckets in Unix seconds. */
  times: readonly number[];
  bucketS: number;
  /** One layer a level, the lowest first. */
  layers: readonly { readonly name: string; readonly color: string; readonly counts: readonly number[] }[];
  zone: Zone;
  height: number;
  label: string;
  onZoom: (startMs: number, endMs: number) => void;
}

/** Counts over time as stacked bars; a brush zooms. */
export function BarChart({ times, bucketS, layers, zone, height, label, onZoom }: Props) {
  const isDark = useIsDark();
  const data = useMemo(() => {
    const sums = new Array<number>(times.length).fill(0);
    const stacked = layers.map(({ counts }) => counts.map((count, index) => (sums[index] = (sums[index] ?? 0) + count)));
    return [times, ...stacked.reverse()] as unknown as uPlot.AlignedData;
  }, [times, layers]);
  const looks = JSON.stringify(layers.map(({ name, color }) => [name, color]));
  const startS = times[0] ?? 0;
  const endS = (times[times.length - 1] ?? 0) + bucketS;
  const options = useMemo<Omit<uPlot.Options, "width">>(() => {
    const ink = inkOf(isDark);
    const shown = (JSON.parse(looks) as [string, string][]).reverse();
    const bars = uPlot.paths.bars?.({ size: [0.86, 40], align: 1 });
    return {
      height,
      padding: [10, 22, 0, 0],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: true, y: false, setScale: false }, y: false },
      scales: { x: { time: true, range: () => [startS, endS] }, y: { range: (_chart, _least, most) => [0, Math.max(most * 1.08, 1)] } },
      axes: [timeAxis(ink, zone), { ...valueAxis(ink, "count", 48), space: 26, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8] }],
      series: [
        {},
        ...shown.map(([name, color]) => ({ label: name, stroke: color, fill: color, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) })),
      ],
      plugins: [tooltip({ zone, unit: "count", isStacked: true })],
      hooks: {
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
  }, [isDark, looks, zone, height, startS, endS, onZoom]);
  return <UPlot options={options} data={data} label={label} />;
}
