/** The server's own API, as docs/reference/api.md promises it. */

import type { AlertList, NotificationPage } from "../model/alerts";
import type { NodeList } from "../model/bitcoin";
import type { Channel } from "../model/channels";
import type { Correlation } from "../model/correlation";
import type { Spend, SpendList, TransactionList, WalletList } from "../model/custody";
import type { Health, Status } from "../model/health";
import type { HsmStateList } from "../model/hsm";
import type { FieldCount, LogHistogram, LogPage, ValueCount } from "../model/logs";
import type { ObjectiveList } from "../model/objectives";
import type { Policies, Routing, RouteTest } from "../model/routing";
import type { Runbook, RunbookEntry } from "../model/runbooks";
import type { Silence, SilencePage, SilencePreview, SilenceRequest, Matcher } from "../model/silences";
import type { AlertAction, AlertStory, Response } from "../model/timeline";
import type { ServiceOperations, Trace, TraceSummary } from "../model/traces";
import { get, send, serverUrl, type Params } from "./http";

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

const alertPath = (id: string) => `${BASE}/alerts/${encodeURIComponent(id)}`;

export const fetchAlert = (id: string, signal?: AbortSignal) => get<AlertStory>(alertPath(id), {}, signal);

/** What an act on an alert carries beside its author. */
export interface ActDetails {
  readonly note?: string;
  readonly text?: string;
  readonly to?: string;
  readonly for_s?: number;
}

export const act = (id: string, action: AlertAction, by: string, details: ActDetails = {}) =>
  send<Response>(`${alertPath(id)}/${action}`, { by, ...details });

/** Where the time line of an alert can be downloaded. */
export const timelineUrl = (id: string, format: "json" | "csv" | "markdown") => serverUrl(`${alertPath(id)}/timeline?format=${format}`);

export const fetchSilences = (params: Params, signal?: AbortSignal) => get<SilencePage>(`${BASE}/silences`, params, signal);

export const fetchSilence = (id: string, signal?: AbortSignal) => get<Silence>(`${BASE}/silences/${encodeURIComponent(id)}`, {}, signal);

export const createSilence = (asked: SilenceRequest) => send<Silence>(`${BASE}/silences`, asked);

export const previewSilence = (matchers: readonly Matcher[], signal?: AbortSignal) =>
  send<SilencePreview>(`${BASE}/silences/preview`, { matchers }, signal);

const silencePath = (id: string) => `${BASE}/silences/${encodeURIComponent(id)}`;

export const extendSilence = (id: string, by: string, forS: number) => send<Silence>(`${silencePath(id)}/extend`, { by, for_s: forS });

export const cloneSilence = (id: string, by: string, forS: number) => send<Silence>(`${silencePath(id)}/clone`, { by, for_s: forS });

export const expireSilence = (id: string, by: string) => send<Silence>(`${silencePath(id)}/expire`, { by });

export const fetchRouting = (signal?: AbortSignal) => get<Routing>(`${BASE}/routing`, {}, signal);

export const testRouting = (labels: Readonly<Record<string, string>>, signal?: AbortSignal) =>
  send<RouteTest>(`${BASE}/routing/test`, { labels }, signal);

export const fetchPolicies = (signal?: AbortSignal) => get<Policies>(`${BASE}/escalation-policies`, {}, signal);

export const fetchChannels = async (signal?: AbortSignal) =>
  (await get<{ channels: Channel[] }>(`${BASE}/channels`, {}, signal)).channels;

export const replayNotification = (id: string, by: string) =>
  send<unknown>(`${BASE}/notifications/${encodeURIComponent(id)}/replay`, { by });

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

export const fetchNodes = (signal?: AbortSignal) => get<NodeList>(`${BASE}/bitcoin/nodes`, {}, signal);

export const fetchWallets = (signal?: AbortSignal) => get<WalletList>(`${BASE}/bitcoin/wallets`, {}, signal);

export const fetchTransactions = (signal?: AbortSignal) => get<TransactionList>(`${BASE}/bitcoin/transactions`, {}, signal);

export const fetchHsmStates = (signal?: AbortSignal) => get<HsmStateList>(`${BASE}/hsms`, {}, signal);

export const fetchSpends = (signal?: AbortSignal) => get<SpendList>(`${BASE}/custody/spends`, {}, signal);

/** Everything that carries this id, or that its transaction joins to it. */
export const fetchCorrelation = (id: string, signal?: AbortSignal) => get<Correlation>(`${BASE}/correlations/${encodeURIComponent(id)}`, {}, signal);

/** Says that an unmatched spend is in order: its alert ends. */
export const acceptSpend = ({ chain, txid }: Pick<Spend, "chain" | "txid">, by: string, note: string) =>
  send<Spend>(`${BASE}/custody/spends/${encodeURIComponent(chain)}/${encodeURIComponent(txid)}/accept`, { by, note });

export const fetchObjectives = (signal?: AbortSignal) => get<ObjectiveList>(`${BASE}/slos`, {}, signal);

export const fetchRunbook = (name: string, signal?: AbortSignal) => get<Runbook>(`${BASE}/runbooks/${encodeURIComponent(name)}`, {}, signal);

export const fetchRunbooks = async (signal?: AbortSignal) =>
  (await get<{ runbooks: RunbookEntry[] }>(`${BASE}/runbooks`, {}, signal)).runbooks;
