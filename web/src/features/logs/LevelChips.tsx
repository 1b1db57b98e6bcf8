import { levelOfName, LEVEL_COLORS, LOG_LEVELS, type LogLevel } from "../../model/severity";
import type { LogHistogram } from "../../model/logs";
import { formatValue } from "../../model/units";

interface Props {
  chosen: readonly LogLevel[];
  histogram: LogHistogram | undefined;
  onToggle: (level: LogLevel) => void;
}

function totals(histogram: LogHistogram | undefined): Map<string, number> {
  const sums = new Map<string, number>();
  for (const bucket of histogram?.buckets ?? []) {
    for (const [name, count] of Object.entries(bucket.counts)) {
      const level = levelOfName(name);
      sums.set(level, (sums.get(level) ?? 0) + count);
    }
  }
  return sums;
}

/** The levels: pressed ones are shown alone; each with its number of rows in the range. */
export function LevelChips({ chosen, histogram, onToggle }: Props) {
  const sums = totals(histogram);
  const all = histogram?.buckets.reduce((sum, bucket) => sum + bucket.total, 0) ?? 0;
  return (
    <div className="as-row" role="group" aria-label="Levels">
      {LOG_LEVELS.map((level) => (
        <button key={level} type="button" className="as-chip" aria-pressed={chosen.includes(level)} onClick={() => onToggle(level)}>
          <span className="as-dot" style={{ color: LEVEL_COLORS[level] }} />
          {level}
          <b>{sums.has(level) ? formatValue(sums.get(level), "count") : ""}</b>
        </button>
      ))}
      {histogram && (
        <span className="as-dim as-small as-end" data-testid="total">
          {formatValue(all, "count")} {all === 1 ? "row" : "rows"} in the range
        </span>
      )}
    </div>
  );
}
