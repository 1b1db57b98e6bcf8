/** Gathers what carries one correlation id, from the resources that have it. */

import { clusters, isHash, txidsIn, type Correlated, type Exemplar, type PlacedSpan } from "../model/correlation";
import type { LogRow } from "../model/logs";
import { ApiProblem } from "../model/problem";
import { fetchAlerts, fetchSpends, fetchTrace, oldestLogs, searchTraces } from "./own";
import { queryExemplars } from "./prometheus";

const BACK = "-30d"; // what is kept by default
const ROWS_MAX = 500;
const TRACES_MAX = 8; // an operation is one trace, or one a process that was started anew
const IDS_MAX = 20; // a batch that pays many has as many transactions
const AROUND_MS = 10_000; // measurements are made with what they measure
const CLUSTERS_MAX = 5; // request, approval, and three confirmations: what lies between would be everybody else's
const EXEMPLARS = '{__name__=~"anya_.+"}';

const quoted = (text: string) => `"${text.replace(/(["\\])/g, "\\$1")}"`;
const anyOf = (field: string, values: readonly string[]) => values.map((value) => `${field}:${quoted(value)}`).join(" OR ");

/** A part that cannot be had is told, and does not keep the others away. */
async function orNothing<T>(what: string, asking: Promise<T>, nothing: T, faults: string[]): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof DOMException) throw error; // the reader left
    if (!(error instanceof ApiProblem && error.status === 404)) faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return nothing;
  }
}

/** Records of an id; of a transaction also those of the operation that it belongs to, and the other way round. */
async function joinedRows(id: string, signal?: AbortSignal): Promise<{ ids: string[]; rows: readonly LogRow[]; isCut: boolean }> {
  const own = isHash(id) ? `correlation_id:${quoted(id)} OR attributes.transaction_id:${quoted(id)}` : `correlation_id:${quoted(id)}`;
  const first = await oldestLogs(own, BACK, ROWS_MAX, signal);
  const ids = [...new Set([id, ...first.rows.map((row) => row.correlation_id).filter(Boolean), ...txidsIn(first.rows)])].slice(0, IDS_MAX);
  if (ids.length === 1) return { ids, rows: first.rows, isCut: first.cursor !== null };
  const all = await oldestLogs(anyOf("correlation_id", ids), BACK, ROWS_MAX, signal);
  return { ids, rows: all.rows, isCut: all.cursor !== null };
}

async function spansOf(ids: readonly string[], rows: readonly LogRow[], signal?: AbortSignal): Promise<readonly PlacedSpan[]> {
  const operations = ids.filter((id) => !isHash(id));
  const found = await Promise.all(
    operations.map((id) => searchTraces({ tags: [`anya.correlation_id=${id}`], start: BACK, limit: TRACES_MAX }, signal)),
  );
  const named = rows.map((row) => row.trace_id).filter(Boolean);
  const traceIds = [...new Set([...found.flat().map((trace) => trace.trace_id), ...named])].slice(0, TRACES_MAX);
  const traces = await Promise.allSettled(traceIds.map((traceId) => fetchTrace(traceId, signal)));
  return traces
    .flatMap((settled) => (settled.status === "fulfilled" ? [settled.value] : []))
    .flatMap((trace) => trace.spans.map((span) => ({ traceId: trace.trace_id, span })))
    .filter(({ span }) => span.correlation_id === "" || ids.includes(span.correlation_id));
}

/** Measurements that name it: asked after all else, which does not wait for them. */
export async function gatherExemplars({ ids, spans, rows }: Correlated, signal?: AbortSignal): Promise<readonly Exemplar[]> {
  const times = [...spans.map(({ span }) => Date.parse(span.start) + span.duration_ns / 1e6), ...rows.map((row) => Date.parse(row.time))];
  const spanIds = new Set(spans.map(({ span }) => span.span_id));
  const all = await Promise.all(clusters(times, AROUND_MS, CLUSTERS_MAX).map((range) => queryExemplars(EXEMPLARS, range, signal)));
  return all.flat().filter(({ labels }) => ids.includes(labels["correlation_id"] ?? "") || spanIds.has(labels["span_id"] ?? ""));
}

/** Everything but measurements that carries `id`, or that is joined to it by the transaction that it names. */
export async function gather(id: string, signal?: AbortSignal): Promise<Correlated> {
  const faults: string[] = [];
  const { ids, rows, isCut } = await joinedRows(id, signal);
  const [spans, alerts, spends] = await Promise.all([
    orNothing("Traces", spansOf(ids, rows, signal), [], faults),
    orNothing("Alerts", fetchAlerts(signal), { alerts: [] }, faults),
    orNothing("Spends", fetchSpends(signal), { spends: [] }, faults),
  ]);
  const known = [...new Set([...ids, ...txidsIn(spans.map(({ span }) => span))])];
  return {
    ids: known,
    spans,
    rows,
    alerts: alerts.alerts.filter((alert) => known.includes(alert.correlation_id) || known.includes(alert.labels["txid"] ?? "")),
    spends: spends.spends.filter((spend) => known.includes(spend.txid) || spend.correlation_ids.some((joined) => known.includes(joined))),
    exemplars: [],
    isCut,
    faults,
  };
}
