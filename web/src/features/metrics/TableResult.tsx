import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { queryInstant } from "../../api/prometheus";
import { parseValue, seriesName, type InstantSeries } from "../../model/prometheus";
import { resolveRange, type Range } from "../../model/time";
import { formatValue, unitOfExpression } from "../../model/units";
import { CopyButton } from "../../ui/CopyButton";
import { Empty, Loading } from "../../ui/States";
import { Time, ZoneLabel } from "../../ui/Time";
import { QueryFailure } from "./QueryFailure";
import { Warnings } from "./Warnings";

const ROWS_MAX = 500; // a page of rows; more are counted and copied, not drawn

function valueOf(series: InstantSeries): string {
  if (series.histogram) return `histogram: count ${series.histogram[1].count}, sum ${series.histogram[1].sum}`;
  return series.value?.[1] ?? "";
}

function Rows({ series, query }: { series: readonly InstantSeries[]; query: string }) {
  const unit = unitOfExpression(query);
  return (
    <table className="as-table">
      <thead>
        <tr>
          <th>Series</th>
          <th className="as-num">Value</th>
          <th className="as-num">Exact</th>
        </tr>
      </thead>
      <tbody>
        {series.slice(0, ROWS_MAX).map((one) => (
          <tr key={`${seriesName(one.metric)}${one.value?.[0] ?? ""}`}>
            <td className="as-mono as-break">{seriesName(one.metric)}</td>
            <td className="as-num as-mono">{one.value ? formatValue(parseValue(one.value[1]), unit) : ""}</td>
            <td className="as-num as-mono as-dim">{valueOf(one)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A query at the end of the range, as a table. */
export function TableResult({ query, range, refreshMs }: { query: string; range: Range; refreshMs: number | undefined }) {
  const answer = useQuery({
    queryKey: ["promql", "instant", query, range.to],
    queryFn: async ({ signal }) => {
      const atMs = resolveRange(range, Date.now()).endMs;
      return { atMs, ...(await queryInstant(query, atMs / 1000, signal)) };
    },
    refetchInterval: refreshMs ?? false,
    placeholderData: keepPreviousData,
  });
  if (answer.error) return <QueryFailure query={query} problem={answer.error} onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="the table" lines={6} />;
  const { series, warnings, atMs } = answer.data;
  return (
    <div className="as-result" aria-busy={answer.isFetching}>
      <Warnings texts={warnings} />
      <div className="as-row as-small as-dim">
        <span>
          {series.length} series at <Time at={atMs} />
        </span>
        <ZoneLabel atMs={atMs} />
        <span className="as-end">
          <CopyButton label="Copy as text" text={() => series.map((one) => `${seriesName(one.metric)} ${valueOf(one)}`).join("\n")} />
        </span>
      </div>
      {series.length === 0 ? (
        <Empty title="No series at this time">Nothing matches, or nothing arrived in the five minutes before. Check the labels.</Empty>
      ) : (
        <div className="as-scroll">
          <Rows series={series} query={query} />
        </div>
      )}
      {series.length > ROWS_MAX && <div className="as-warning">Only the first {ROWS_MAX} rows are shown; copying takes all.</div>}
    </div>
  );
}
