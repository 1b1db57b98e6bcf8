import { useState } from "react";

import { seriesColor } from "../../charts/palette";
import { useIsDark } from "../../charts/scheme";
import { seriesName, summarise, telling, type Columns, type Labels } from "../../model/prometheus";
import { formatValue, type Unit } from "../../model/units";

interface Props {
  columns: Columns;
  metrics: readonly Labels[];
  unit: Unit;
  isolated: ReadonlySet<number>;
  /** `add` where the others stay as they are. */
  onIsolate: (index: number, add: boolean) => void;
}

const ROWS_MAX = 200;
const FIGURES = ["last", "min", "mean", "max"] as const;
type Figure = (typeof FIGURES)[number];

interface LegendRow {
  readonly index: number;
  readonly figures: Record<Figure, number> | null;
}

function sorted(rows: readonly LegendRow[], by: Figure | null): readonly LegendRow[] {
  if (!by) return rows;
  return [...rows].sort((a, b) => (b.figures?.[by] ?? -Infinity) - (a.figures?.[by] ?? -Infinity));
}

function SeriesLabel({ metric, names }: { metric: Labels; names: readonly string[] }) {
  if (names.length === 0) return <>{seriesName(metric) === "{}" ? "value" : seriesName(metric)}</>;
  return (
    <span className="as-row as-legend-labels">
      {names
        .filter((name) => metric[name] !== undefined)
        .map((name) => (
          <span key={name}>
            <span className="as-dim">{name}=</span>
            {metric[name]}
          </span>
        ))}
    </span>
  );
}

/** Each series with its figures. A click shows it alone, with Ctrl or Shift beside the others; a head sorts. */
export function Legend({ columns, metrics, unit, isolated, onIsolate }: Props) {
  const isDark = useIsDark();
  const [by, setBy] = useState<Figure | null>(null);
  const names = telling(metrics);
  const rows = columns.values.slice(0, ROWS_MAX).map((column, index) => ({ index, figures: summarise(column) }));
  return (
    <div className="as-legend as-scroll">
      <table className="as-table">
        <thead>
          <tr>
            <th>Series</th>
            {FIGURES.map((figure) => (
              <th key={figure} className="as-num" aria-sort={by === figure ? "descending" : "none"}>
                <button type="button" className="as-plain" onClick={() => setBy(by === figure ? null : figure)}>
                  {figure}
                  {by === figure ? " ↓" : ""}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, by).map(({ index, figures }) => (
            <tr key={index} data-faded={isolated.size > 0 && !isolated.has(index)}>
              <td>
                <button
                  type="button"
                  className="as-plain as-legend-name"
                  aria-pressed={isolated.has(index)}
                  title={seriesName(metrics[index] ?? {})}
                  onClick={(event) => onIsolate(index, event.ctrlKey || event.metaKey || event.shiftKey)}
                >
                  <i style={{ background: seriesColor(index, isDark) }} />
                  <SeriesLabel metric={metrics[index] ?? {}} names={names} />
                </button>
              </td>
              {FIGURES.map((figure) => (
                <td key={figure} className="as-num as-mono">
                  {formatValue(figures?.[figure], unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
