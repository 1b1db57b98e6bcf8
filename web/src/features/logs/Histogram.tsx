import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";

import { BarChart } from "../../charts/BarChart";
import { levelColor } from "../../charts/palette";
import { useIsDark } from "../../charts/scheme";
import { toBars, type LogHistogram } from "../../model/logs";
import { formatDuration } from "../../model/units";
import { zoneName } from "../../model/time";
import { useZone } from "../../state/stored";

const HEIGHT = 118;

/** Rows over time by level. A failure is told by the rows below, once. */
export function Histogram({ answer, onZoom }: { answer: UseQueryResult<LogHistogram>; onZoom: (startMs: number, endMs: number) => void }) {
  const [zone] = useZone();
  const isDark = useIsDark();
  const bars = useMemo(() => (answer.data ? toBars(answer.data) : null), [answer.data]);
  const layers = useMemo(
    () => bars?.levels.map((level, index) => ({ name: level, color: levelColor(level, isDark), counts: bars.counts[index] ?? [] })) ?? [],
    [bars, isDark],
  );
  if (!answer.data || !bars || bars.times.length === 0) return <div className="as-histogram" aria-hidden="true" />;
  return (
    <div className="as-histogram">
      <BarChart
        times={bars.times}
        bucketS={answer.data.bucket_s}
        layers={layers}
        zone={zone}
        height={HEIGHT}
        label="Rows over time by level"
        onZoom={onZoom}
      />
      <div className="as-small as-dim">
        A bar is {formatDuration(answer.data.bucket_s)}. Times in {zoneName(zone, (bars.times[0] ?? 0) * 1000)}. Drag to zoom.
      </div>
    </div>
  );
}
