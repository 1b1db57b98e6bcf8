/** The server's own API, as docs/reference/api.md promises it. */

import type { AlertList, NotificationPage } from "../model/alerts";
import type { Health, Status } from "../model/health";
import type { FieldCount, LogHistogram, LogPage, ValueCount } from "../model/logs";
import type { ServiceOperations, Trace, TraceSummary } from "../model/traces";
import { get, type Params } from "./http";

const BASE = "/api/anyascope/v1";

/** What a search of logs is asked: its text, and its ends as RFC 3339 or relative times. */
export interface LogQuestion {
  readonly query: string;
  readonly start: string;
  readonly end: string;
}

export const fetchHealth = (signal?: AbortSignal) => get<Health>(`${BASE}/health`, {}, signal);

export const fetchStatus = (signal?: AbortSignal) => get<Status>(`${BASE}/status`, {}, signal);

export const fetchAlerts = (signal?: AbortSignal) => get<AlertList>(`${BASE}/alerts`, {}, signal);

export const fetchNotifications = (params: Params, signal?: AbortSignal) =>
  get<NotificationPage>(`${BASE}/notifications`, params, signal);

export const searchLogs = (asked: LogQuestion, limit: number, cursor: string | null, signal?: AbortSignal) =>
  get<LogPage>(`${BASE}/logs/search`, { ...asked, limit, cursor }, signal);

export const fetchHistogram = (asked: LogQuestion, buckets: number, signal?: AbortSignal) =>
  get<LogHistogram>(`${BASE}/logs/histogram`, { ...asked, buckets }, signal);

export const fetchFields = async (asked: LogQuestion, signal?: AbortSignal) =>
  (await get<{ fields: FieldCount[] }>(`${BASE}/logs/fields`, { ...asked }, signal)).fields;

export const fetchValues = async (asked: LogQuestion, field: string, limit: number, signal?: AbortSignal) =>
  (await get<{ values: ValueCount[] }>(`${BASE}/logs/values`, { ...asked, field, limit }, signal)).values;

export const fetchServices = async (signal?: AbortSignal) =>
  (await get<{ services: ServiceOperations[] }>(`${BASE}/traces/services`, {}, signal)).services;

export const searchTraces = async (params: Params, signal?: AbortSignal) =>
  (await get<{ traces: TraceSummary[] }>(`${BASE}/traces/search`, params, signal)).traces;

export const fetchTrace = (traceId: string, signal?: AbortSignal) =>
  get<Trace>(`${BASE}/traces/${encodeURIComponent(traceId)}`, {}, signal);
