import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { queryRange } from "../../api/prometheus";
import { TimeChart } from "../../charts/TimeChart";
import type { TimedEvent } from "../../model/events";
import { seriesName, toColumns, type RangeResult } from "../../model/prometheus";
import { resolveRange, stepFor, writeDuration, zoneName, type Range } from "../../model/time";
import { unitOfExpression } from "../../model/units";
import { useZone } from "../../state/stored";
import { Empty, Loading } from "../../ui/States";
import { Legend } from "./Legend";
import { QueryFailure } from "./QueryFailure";
import { Warnings } from "./Warnings";

interface Props {
  query: string;
  range: Range;
  stepS: number | null;
  stacked: boolean;
  refreshMs: number | undefined;
  events: readonly TimedEvent[];
  onEvents: (events: readonly TimedEvent[]) => void;
  onZoom: (startMs: number, endMs: number) => void;
}

const DRAWN_MAX = 200; // more lines than that are a surface, and cost a second to draw
const ALL: ReadonlySet<number> = new Set();

/** The series that are drawn: the isolated ones, or all up to the limit. */
function shownOf(count: number, isolated: ReadonlySet<number>): number[] {
  const all = Array.from({ length: Math.min(count, DRAWN_MAX) }, (_, index) => index);
  return isolated.size ? all.filter((index) => isolated.has(index)) : all;
}

function Drawn({ result, query, stacked, events, onEvents, onZoom }: { result: RangeResult } & Pick<Props, "query" | "stacked" | "events" | "onEvents" | "onZoom">) {
  const [zone] = useZone();
  const [isolated, setIsolated] = useState(ALL);
  const columns = useMemo(() => toColumns(result), [result]);
  const names = useMemo(() => result.series.map((series) => seriesName(series.metric)), [result]);
  const unit = useMemo(() => unitOfExpression(query), [query]);
  const shown = shownOf(result.series.length, isolated);
  const isolate = (index: number, add: boolean) => {
    const next = new Set(add ? isolated : []);
    if (add && isolated.has(index)) next.delete(index);
    else if (add || !(isolated.has(index) && isolated.size === 1)) next.add(index);
    setIsolated(next);
  };
  return (
    <>
      <TimeChart
        columns={columns}
        names={names}
        unit={unit}
        zone={zone}
        stacked={stacked}
        shown={shown}
        group="metrics"
        label={`Graph of ${query}`}
        events={events}
        onEvents={onEvents}
        onZoom={onZoom}
      />
      <div className="as-row as-small as-dim">
        <span>
          {result.series.length} series, a point every {writeDuration(result.stepS * 1000)}
        </span>
        <span className="as-end">Times in {zoneName(zone, result.endS * 1000)}. Drag to zoom.</span>
      </div>
      {result.series.length > DRAWN_MAX && (
        <div className="as-warning">
          Only the first {DRAWN_MAX} of {result.series.length} series are drawn: aggregate, or use topk.
        </div>
      )}
      <Legend columns={columns} metrics={result.series.map((series) => series.metric)} unit={unit} isolated={isolated} onIsolate={isolate} />
    </>
  );
}

/** A query over the range, as a graph with its legend. */
export function GraphResult({ query, range, stepS, stacked, refreshMs, events, onEvents, onZoom }: Props) {
  const answer = useQuery({
    queryKey: ["promql", "range", query, range, stepS],
    queryFn: ({ signal }) => {
      const span = resolveRange(range, Date.now());
      return queryRange(query, { startS: span.startMs / 1000, endS: span.endMs / 1000, stepS: stepS ?? stepFor(span) }, signal);
    },
    refetchInterval: refreshMs ?? false,
    placeholderData: keepPreviousData,
  });
  if (answer.error) return <QueryFailure query={query} problem={answer.error} onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="the graph" lines={7} />;
  const drawn = answer.data.series.some((series) => (series.values?.length ?? 0) > 0);
  return (
    <div className="as-result" aria-busy={answer.isFetching}>
      <Warnings texts={answer.data.warnings} />
      {drawn ? (
        <Drawn key={query} result={answer.data} query={query} stacked={stacked} events={events} onEvents={onEvents} onZoom={onZoom} />
      ) : (
        <Empty title="No series in this range">
          Nothing matches, or nothing arrived then. Widen the range, check the labels, or look under the table what is there now.
        </Empty>
      )}
    </div>
  );
}
