/** Answers of Prometheus' API as columns that charts and tables read. */

export type Labels = Readonly<Record<string, string>>;

/** A sample as it is sent: Unix seconds and the value as text. */
export type Sample = readonly [number, string];

export interface RangeSeries {
  readonly metric: Labels;
  readonly values?: readonly Sample[];
  readonly histograms?: readonly unknown[];
}

export interface InstantSeries {
  readonly metric: Labels;
  readonly value?: Sample;
  readonly histogram?: readonly [number, { readonly count: string; readonly sum: string }];
}

export interface RangeResult {
  readonly series: readonly RangeSeries[];
  readonly warnings: readonly string[];
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

export interface InstantResult {
  readonly series: readonly InstantSeries[];
  readonly warnings: readonly string[];
}

export interface RuleAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: string;
  readonly activeAt?: string;
  readonly value: string;
}

export interface Rule {
  readonly name: string;
  readonly query: string;
  readonly type: "alerting" | "recording";
  readonly health: string;
  readonly lastError?: string;
  readonly state?: string;
  readonly duration?: number;
  readonly keepFiringFor?: number;
  /** `for` where it counts blocks, such as `3 blocks`; `duration` is 0 then. */
  readonly durationBlocks?: string;
  readonly keepFiringForBlocks?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly evaluationTime?: number;
  readonly lastEvaluation?: string;
  readonly alerts?: readonly RuleAlert[];
}

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly interval: number;
  readonly rules: readonly Rule[];
}

/** Aligned columns: `times` ascending in Unix seconds, and for each series one value or null a time. */
export interface Columns {
  readonly times: number[];
  readonly values: (number | null)[][];
}

/** Text of a value as a number: Prometheus writes `NaN`, `+Inf` and `-Inf`. */
export function parseValue(text: string): number {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

/**
 * Range series on one grid from start to end.
 *
 * A step without a sample is null, so that a gap is drawn as a gap; so are values that a chart cannot draw.
 */
export function toColumns(result: RangeResult): Columns {
  const count = Math.floor((result.endS - result.startS) / result.stepS + 1e-6) + 1;
  const times = Array.from({ length: count }, (_, index) => result.startS + index * result.stepS);
  const values = result.series.map((series) => {
    const column: (number | null)[] = new Array<number | null>(count).fill(null);
    for (const [time, text] of series.values ?? []) {
      const row = Math.round((time - result.startS) / result.stepS);
      const value = parseValue(text);
      if (row >= 0 && row < count && Number.isFinite(value)) column[row] = value;
    }
    return column;
  });
  return { times, values };
}

/** `up{instance="a:1", job="node"}`: as Prometheus writes a series; `{}` where it has no label. */
export function seriesName(metric: Labels): string {
  const { __name__: name = "", ...labels } = metric;
  const parts = Object.entries(labels).map(([label, value]) => `${quoteName(label)}=${JSON.stringify(value)}`);
  return parts.length || !name ? `${name}{${parts.join(", ")}}` : name;
}

function quoteName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

/** Labels that differ within a set of series: the ones worth reading in a legend. */
export function telling(all: readonly Labels[]): readonly string[] {
  const names = new Set(all.flatMap((labels) => Object.keys(labels)));
  const first = all[0] ?? {};
  return [...names].filter((name) => name !== "__name__" && all.some((labels) => labels[name] !== first[name]));
}

/** Smallest, largest, mean and last value of a column; null where it has no value. */
export function summarise(column: readonly (number | null)[]): { min: number; max: number; mean: number; last: number } | null {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  let last = NaN;
  for (const value of column) {
    if (value === null) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count += 1;
    last = value;
  }
  return count ? { min, max, mean: sum / count, last } : null;
}

/** Each column with those below it added, for a stacked chart; a gap counts as nothing. */
export function stack(columns: readonly (number | null)[][]): (number | null)[][] {
  const sums: number[] = [];
  return columns.map((column) =>
    column.map((value, row) => {
      if (value === null) return null;
      sums[row] = (sums[row] ?? 0) + value;
      return sums[row];
    }),
  );
}
