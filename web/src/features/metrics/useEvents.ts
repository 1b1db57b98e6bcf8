import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { fetchHistogram, searchLogs } from "../../api/own";
import { eventsQuery, toEvents, type EventKind, type TimedEvent } from "../../model/events";
import { absoluteRange, resolveRange, type Range } from "../../model/time";

const RECORDS_MAX = 500; // half a week of blocks; more marks than that touch each other on a wide screen
const NONE: readonly TimedEvent[] = [];

interface Answer {
  readonly events: readonly TimedEvent[];
  readonly records: number;
  /** Records in the range: more than `records` where only the newest were fetched. */
  readonly total: number;
}

export interface FoundEvents {
  readonly events: readonly TimedEvent[];
  /** Null until they are known. */
  readonly answer: Answer | null;
  /** Those of the choice before stand until those of this one come. */
  readonly isOld: boolean;
  readonly problem: Error | null;
  readonly retry: () => void;
}

async function fetchEvents(kinds: readonly EventKind[], range: Range, signal: AbortSignal): Promise<Answer> {
  const ends = absoluteRange(resolveRange(range, Date.now()));
  const asked = { query: eventsQuery(kinds), start: ends.from, end: ends.to };
  const { rows, cursor } = await searchLogs(asked, RECORDS_MAX, null, signal);
  const counted = cursor === null ? [] : (await fetchHistogram(asked, 1, signal)).buckets;
  const total = counted.reduce((sum, bucket) => sum + bucket.total, 0);
  return { events: toEvents(rows), records: rows.length, total: Math.max(total, rows.length) };
}

/** The events of the chosen kinds in the range; nothing is asked where none is chosen. */
export function useEvents(kinds: readonly EventKind[], range: Range, refreshMs: number | undefined): FoundEvents {
  const isAsked = kinds.length > 0;
  const { data, error, isPlaceholderData, refetch } = useQuery({
    queryKey: ["events", kinds, range],
    queryFn: ({ signal }) => fetchEvents(kinds, range, signal),
    enabled: isAsked,
    refetchInterval: refreshMs ?? false,
    placeholderData: keepPreviousData,
  });
  const answer = isAsked && data ? data : null;
  return { events: answer?.events ?? NONE, answer, isOld: isPlaceholderData, problem: isAsked ? error : null, retry: () => void refetch() };
}
