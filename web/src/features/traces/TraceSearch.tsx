import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { fetchServices, searchTraces } from "../../api/own";
import { Scatter } from "../../charts/Scatter";
import { parseNanos } from "../../model/time";
import type { TraceSummary } from "../../model/traces";
import { href, navigate, useQueryState } from "../../state/location";
import { useRange } from "../../state/range";
import { useZone } from "../../state/stored";
import { Page } from "../../ui/Page";
import { RangePicker } from "../../ui/RangePicker";
import { Empty, Failure, Loading } from "../../ui/States";
import { SearchForm, readTags } from "./SearchForm";
import { TraceList } from "./TraceList";

const SEND_TRACES = `OTEL_SERVICE_NAME=custody \\
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \\
opentelemetry-instrument python your_service.py`;

function Found({ traces }: { traces: readonly TraceSummary[] }) {
  const [zone] = useZone();
  const points = useMemo(
    () =>
      traces.map((trace) => ({
        id: trace.trace_id,
        timeMs: Number(parseNanos(trace.start) / 1_000_000n),
        durationS: trace.duration_ns / 1e9,
        weight: trace.spans,
        isError: trace.errors > 0,
        label: `${trace.root_service}: ${trace.root_name}`,
      })),
    [traces],
  );
  return (
    <>
      <section className="as-card" aria-label="Durations over time">
        <Scatter points={points} zone={zone} onOpen={(id) => navigate(href(`traces/${id}`))} />
      </section>
      <section className="as-card as-card-flush" aria-label="Traces">
        <TraceList traces={traces} />
      </section>
    </>
  );
}

/** Finds traces by who did what, how long it took, how it ended and what it was tagged with. */
export function TraceSearch() {
  const [query] = useQueryState();
  const [range, setRange] = useRange();
  const cache = useQueryClient();
  const services = useQuery({ queryKey: ["traces", "services"], queryFn: ({ signal }) => fetchServices(signal), staleTime: 30_000 });
  const asked = {
    service: query.get("service"),
    operation: query.get("operation"),
    tags: readTags(query.get("tags") ?? ""),
    min_duration: query.get("min"),
    max_duration: query.get("max"),
    status: query.get("status"),
    limit: query.get("limit") ?? "50",
    start: range.from,
    end: range.to,
  };
  const answer = useQuery({
    queryKey: ["traces", "search", asked],
    queryFn: ({ signal }) => searchTraces(asked, signal),
    placeholderData: keepPreviousData,
  });
  const isFiltered = ["service", "operation", "tags", "min", "max", "status"].some((name) => query.get(name));
  return (
    <Page
      title="Traces"
      controls={<RangePicker range={range} onChange={setRange} onRefresh={() => void cache.invalidateQueries({ queryKey: ["traces"] })} />}
    >
      <section className="as-card" aria-label="Search">
        <SearchForm services={services.data ?? []} />
      </section>
      {answer.error ? (
        <section className="as-card">
          <Failure problem={answer.error} what="Traces" onRetry={() => void answer.refetch()} />
        </section>
      ) : !answer.data ? (
        <section className="as-card">
          <Loading what="traces" lines={8} />
        </section>
      ) : answer.data.length > 0 ? (
        <Found traces={answer.data} />
      ) : (
        <section className="as-card">
          {isFiltered ? (
            <Empty title="No trace matches">Widen the range or take away a filter.</Empty>
          ) : (
            <Empty title="No traces in this range" code={SEND_TRACES}>
              Widen the range, or send some: any OpenTelemetry exporter, pointed at this server, will do.
            </Empty>
          )}
        </section>
      )}
    </Page>
  );
}
