import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";

import { queryRange, rules } from "../../api/prometheus";
import { TimeChart } from "../../charts/TimeChart";
import { expressionOf, type Alert } from "../../model/alerts";
import { judgedOf, seriesOf } from "../../model/expression";
import { seriesName, toColumns, type RangeResult } from "../../model/prometheus";
import { DEFAULT_RANGE, absoluteRange, resolveRange, stepFor, writeDuration, zoneName, type Range } from "../../model/time";
import { unitOfExpression } from "../../model/units";
import { href, navigate } from "../../state/location";
import { useRange } from "../../state/range";
import { useZone } from "../../state/stored";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";

const REFRESH_MS = 15_000;
const LEAD_MS = 1_800_000; // half an hour before it began shows how it came
const SERIES_MAX = 20; // more lines tell nothing about one alert

/** From some time before the alert until now, or until some time after its end. */
function stretchOf(alert: Alert): Range {
  const startMs = Date.parse(alert.starts_at);
  if (Number.isNaN(startMs)) return DEFAULT_RANGE;
  const from = new Date(startMs - LEAD_MS).toISOString();
  return { from, to: alert.state === "resolved" && alert.ends_at ? new Date(Date.parse(alert.ends_at) + LEAD_MS).toISOString() : "now" };
}

/** The expression that judged it: from its link, or from the rule of its name. */
function useExpression(alert: Alert): { expression: string | null; isPending: boolean } {
  const linked = expressionOf(alert.generator_url);
  const answer = useQuery({ queryKey: ["rules"], queryFn: ({ signal }) => rules(signal), enabled: linked === null, staleTime: 60_000 });
  if (linked !== null) return { expression: linked, isPending: false };
  const rule = answer.data?.flatMap((group) => group.rules).find((one) => one.type === "alerting" && one.name === alert.name);
  return { expression: rule?.query ?? null, isPending: answer.isPending };
}

function Drawn({ result, alert, expression }: { result: RangeResult; alert: Alert; expression: string }) {
  const [zone] = useZone();
  const own = useMemo(() => ({ ...result, series: seriesOf(result.series, alert.labels).slice(0, SERIES_MAX) }), [result, alert.labels]);
  const columns = useMemo(() => toColumns(own), [own]);
  const names = useMemo(() => own.series.map((series) => seriesName(series.metric)), [own]);
  const shown = useMemo(() => own.series.map((_, index) => index), [own]);
  const judged = useMemo(() => judgedOf(expression), [expression]);
  const marks = useMemo(
    () => ({ ...(judged.bound ? { bound: judged.bound.value } : {}), times: [Date.parse(alert.starts_at) / 1000, ...(alert.ends_at ? [Date.parse(alert.ends_at) / 1000] : [])] }),
    [judged, alert.starts_at, alert.ends_at],
  );
  const zoom = useCallback(
    (startMs: number, endMs: number) => navigate(href("metrics", { q: expression, ...absoluteRange({ startMs, endMs }) })),
    [expression],
  );
  return (
    <>
      <TimeChart
        columns={columns}
        names={names}
        unit={unitOfExpression(judged.query)}
        zone={zone}
        stacked={false}
        shown={shown}
        group="alert"
        label={`Graph of ${judged.query}`}
        height={220}
        marks={marks}
        onZoom={zoom}
      />
      <div className="as-row as-small as-dim">
        <span>
          a point every {writeDuration(result.stepS * 1000)}
          {judged.bound && `; fires where it is ${judged.bound.operator} ${judged.bound.value}`}
        </span>
        <span className="as-end">Times in {zoneName(zone, result.endS * 1000)}</span>
      </div>
    </>
  );
}

/** The value that the rule judges, with its bound and the moment at which the alert began. */
export function AlertGraph({ alert }: { alert: Alert }) {
  const { expression, isPending } = useExpression(alert);
  const [range] = useRange(stretchOf(alert));
  const query = expression === null ? "" : judgedOf(expression).query;
  const answer = useQuery({
    queryKey: ["promql", "alert", query, range],
    queryFn: ({ signal }) => {
      const span = resolveRange(range, Date.now());
      return queryRange(query, { startS: span.startMs / 1000, endS: span.endMs / 1000, stepS: stepFor(span) }, signal);
    },
    enabled: query !== "",
    refetchInterval: alert.state === "resolved" ? false : REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  const isDrawn = answer.data?.series.some((series) => (series.values?.length ?? 0) > 0) ?? false;
  return (
    <section className="as-card" aria-label="Graph">
      <h2 className="as-card-title">
        The rule’s value
        {expression && (
          <Link className="as-link as-small as-end" href={href("metrics", { q: expression, ...range })}>
            Open the query
          </Link>
        )}
      </h2>
      {expression && <div className="as-mono as-break as-alert-expression">{expression}</div>}
      {expression === null && !isPending ? (
        <Empty title="No rule is known">It was sent from elsewhere, without a link to its query.</Empty>
      ) : answer.error && !answer.data ? (
        <Failure problem={answer.error} what="The graph" onRetry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Loading what="the graph" lines={6} />
      ) : isDrawn ? (
        <Drawn result={answer.data} alert={alert} expression={expression ?? ""} />
      ) : (
        <Empty title="No series here">This server has no samples for the query: it may be judged by another Prometheus.</Empty>
      )}
    </section>
  );
}
