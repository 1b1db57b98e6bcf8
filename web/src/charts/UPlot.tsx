import "uplot/dist/uPlot.min.css";

import { useEffect, useRef } from "react";
import uPlot from "uplot";

interface Props {
  /** Everything but the width, which follows the surroundings. A new object draws anew: keep it while nothing changes. */
  options: Omit<uPlot.Options, "width">;
  data: uPlot.AlignedData;
  label: string;
}

/** uPlot as a component: as wide as its place, redrawn for new options, refilled for new data. */
export function UPlot({ options, data, label }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(data);
  useEffect(() => {
    latest.current = data;
  });
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot({ ...options, width: Math.max(element.clientWidth, 50) }, latest.current, element);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(element.clientWidth, 50), height: options.height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [options]);
  useEffect(() => {
    chart.current?.setData(data);
  }, [data]);
  return <div ref={place} className="as-chart" role="img" aria-label={label} />;
}
