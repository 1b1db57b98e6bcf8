import { useQuery } from "@tanstack/react-query";

import { searchLogs, searchTraces } from "../../api/own";
import type { Alert } from "../../model/alerts";
import { rowKey, rowLevel } from "../../model/logs";
import { LEVEL_COLORS } from "../../model/severity";
import { formatDuration } from "../../model/units";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { Time } from "../../ui/Time";

const ROWS_MAX = 12; // a glance; the pages of logs and traces have the rest
const AROUND_MS = 3_600_000;
const REFRESH_MS = 30_000;

/** Which records belong to an alert, and when: those of its correlation id, else the failures of its component. */
function scopeOf(alert: Alert) {
  const startMs = Date.parse(alert.starts_at) || 0;
  const end = alert.state === "resolved" && alert.ends_at ? new Date(Date.parse(alert.ends_at) + AROUND_MS).toISOString() : "now";
  return { start: new Date(startMs - AROUND_MS).toISOString(), end };
}

/** Log rows of the alert's correlation id; without one, errors of its component around its time. */
export function RelatedLogs({ alert }: { alert: Alert }) {
  const scope = scopeOf(alert);
  const query = alert.correlation_id ? `correlation_id:"${alert.correlation_id}"` : alert.source ? `service:"${alert.source}" severity:ERROR` : "";
  const answer = useQuery({
    queryKey: ["alert-logs", query, scope],
    queryFn: ({ signal }) => searchLogs({ query, ...scope }, ROWS_MAX, null, signal),
    enabled: query !== "",
    refetchInterval: REFRESH_MS,
  });
  return (
    <section className="as-card" aria-label="Related logs">
      <h2 className="as-card-title">
        Logs
        <span className="as-dim as-small">{alert.correlation_id ? "of its correlation id" : alert.source ? `errors of ${alert.source}` : ""}</span>
        {query && (
          <Link className="as-link as-small as-end" href={href("logs", { q: query, from: scope.start, to: scope.end })}>
            All of them
          </Link>
        )}
      </h2>
      {query === "" ? (
        <Empty title="Nothing joins it to logs">Give its rule a label component, or the alert a correlation_id.</Empty>
      ) : answer.error && !answer.data ? (
        <Failure problem={answer.error} what="Logs" onRetry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Loading what="logs" />
      ) : answer.data.rows.length === 0 ? (
        <Empty title="No logs around its time">{alert.correlation_id ? "None carries this correlation id." : "Its component logged no error."}</Empty>
      ) : (
        <ul className="as-related">
          {answer.data.rows.map((row) => (
            <li key={rowKey(row)}>
              <span className="as-related-level" style={{ color: LEVEL_COLORS[rowLevel(row)] }}>
                {row.severity || rowLevel(row)}
              </span>
              <span className="as-dim">
                <Time at={row.time} parts="time" />
              </span>
              <span className="as-break">{row.body || row.event_name}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Traces with the alert's correlation id. */
export function RelatedTraces({ alert }: { alert: Alert }) {
  const scope = scopeOf(alert);
  const tags = [`anya.correlation_id=${alert.correlation_id}`];
  const answer = useQuery({
    queryKey: ["alert-traces", tags, scope],
    queryFn: ({ signal }) => searchTraces({ tags, ...scope, limit: ROWS_MAX }, signal),
    enabled: alert.correlation_id !== "",
    refetchInterval: REFRESH_MS,
  });
  if (alert.correlation_id === "") return null;
  return (
    <section className="as-card" aria-label="Related traces">
      <h2 className="as-card-title">
        Traces <span className="as-dim as-small">of its correlation id</span>
      </h2>
      {answer.error && !answer.data ? (
        <Failure problem={answer.error} what="Traces" onRetry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Loading what="traces" />
      ) : answer.data.length === 0 ? (
        <Empty title="No traces around its time">None carries this correlation id.</Empty>
      ) : (
        <ul className="as-related">
          {answer.data.map((trace) => (
            <li key={trace.trace_id}>
              <span className="as-dim">
                <Time at={trace.start} parts="time" />
              </span>
              <Link className="as-link" href={href(`traces/${trace.trace_id}`)}>
                {trace.root_service} {trace.root_name}
              </Link>
              <span className="as-end as-dim">
                {trace.errors > 0 && <span className="as-chip as-chip-error">{trace.errors} errors</span>} {formatDuration(trace.duration_ns / 1e9)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
