import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { fetchFields, fetchHistogram, searchLogs, type LogQuestion } from "../../api/own";
import { LOG_LEVELS, type LogLevel } from "../../model/severity";
import { effectiveQuery, readLevels } from "../../model/logs";
import { useQueryState } from "../../state/location";
import { useRange } from "../../state/range";

const PAGE_ROWS = 200; // two screens of a large monitor
const BUCKETS = 80;

export interface LogView {
  readonly text: string;
  readonly levels: readonly LogLevel[];
  readonly asked: LogQuestion;
  readonly isLive: boolean;
}

/** What the address asks of the logs. */
export function useLogView(): LogView {
  const [query] = useQueryState();
  const [range] = useRange();
  const text = query.get("q") ?? "";
  const sev = query.get("sev");
  const isLive = query.get("live") === "1";
  return useMemo(() => {
    const levels = readLevels(sev);
    return { text, levels, isLive, asked: { query: effectiveQuery(text, levels), start: range.from, end: range.to } };
  }, [text, sev, isLive, range]);
}

export function useLogRows(asked: LogQuestion, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: ["logs", "rows", asked],
    queryFn: ({ pageParam, signal }) => searchLogs(asked, PAGE_ROWS, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    enabled,
  });
}

/** Counts of all levels: those that are filtered away stay visible on their chips. */
export function useLogHistogram(asked: LogQuestion) {
  return useQuery({
    queryKey: ["logs", "histogram", asked],
    queryFn: ({ signal }) => fetchHistogram(asked, BUCKETS, signal),
    placeholderData: keepPreviousData,
  });
}

export function useLogFields(asked: LogQuestion, enabled: boolean) {
  return useQuery({ queryKey: ["logs", "fields", asked], queryFn: ({ signal }) => fetchFields(asked, signal), enabled });
}

/** The choice after a chip was pressed; all chosen is the same as none. */
export function toggled(levels: readonly LogLevel[], level: LogLevel): string | null {
  const next = LOG_LEVELS.filter((other) => (other === level) !== levels.includes(other));
  return next.length === 0 || next.length === LOG_LEVELS.length ? null : next.join(",");
}
