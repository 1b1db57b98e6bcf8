import type { InstantResult, InstantSeries, RangeResult, RangeSeries, RuleGroup } from "../model/prometheus";
import { ApiProblem } from "../model/problem";
import { get, post, serverUrl } from "./http";

interface Answer<T> {
  readonly status: string;
  readonly data: T;
  readonly error?: string;
  readonly errorType?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

function notes(answer: Answer<unknown>): string[] {
  return [...(answer.warnings ?? []), ...(answer.infos ?? [])];
}

/** Series over a range in Unix seconds, both ends included. */
export async function queryRange(
  query: string,
  at: { startS: number; endS: number; stepS: number },
  signal?: AbortSignal,
): Promise<RangeResult> {
  // On multiples of the step, so that a refresh moves the picture instead of redrawing other points; upwards at the end,
  // so that what just arrived is in it.
  const startS = Math.floor(at.startS / at.stepS) * at.stepS;
  const endS = Math.ceil(at.endS / at.stepS) * at.stepS;
  const params = { query, start: startS, end: endS, step: at.stepS };
  const answer = await post<Answer<{ resultType: string; result: RangeSeries[] }>>("/api/v1/query_range", params, signal);
  return { series: answer.data.result, warnings: notes(answer), startS, endS, stepS: at.stepS };
}

type Instant = { resultType: "vector"; result: InstantSeries[] } | { resultType: "scalar" | "string"; result: readonly [number, string] }
  | { resultType: "matrix"; result: RangeSeries[] };

/** Series at one time in Unix seconds; a scalar or text is a series without labels. */
export async function queryInstant(query: string, timeS: number, signal?: AbortSignal): Promise<InstantResult> {
  const answer = await post<Answer<Instant>>("/api/v1/query", { query, time: timeS }, signal);
  const { data } = answer;
  switch (data.resultType) {
    case "vector":
      return { series: data.result, warnings: notes(answer) };
    case "matrix":
      return {
        series: data.result.flatMap((series) => (series.values ?? []).map((value) => ({ metric: series.metric, value }))),
        warnings: notes(answer),
      };
    default:
      return { series: [{ metric: {}, value: data.result }], warnings: notes(answer) };
  }
}

export async function rules(signal?: AbortSignal): Promise<readonly RuleGroup[]> {
  const answer = await get<Answer<{ groups: RuleGroup[] }>>("/api/v1/rules", {}, signal);
  if (answer.status !== "success") throw new ApiProblem(answer.error ?? "The rules cannot be read.", 200, answer.errorType ?? "");
  return answer.data.groups;
}

/** Where the query editor asks for names, labels and values. */
export const COMPLETION = {
  url: () => serverUrl("/api/v1").replace(/\/api\/v1$/, ""),
  apiPrefix: "/api/v1",
  fetchFn: (input: RequestInfo, init?: RequestInit): Promise<Response> => fetch(input, init),
};
