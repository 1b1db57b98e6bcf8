/** The one place that asks the server. */

import { ApiProblem } from "../model/problem";

export const TIMEOUT_MS = 60_000; // half of what the server allows a query, so that its own answer usually comes first

/** Address of the server's root: the page lives one folder below it. */
export function serverUrl(path: string): string {
  return new URL(`..${path}`, document.baseURI).toString();
}

export type Params = Readonly<Record<string, string | number | readonly string[] | null | undefined>>;

/** A query string of those parameters that have a value; lists repeat their name. */
export function encode(params: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") for (const item of value) query.append(name, item);
    else query.append(name, String(value));
  }
  return query.toString();
}

interface Refusal {
  detail?: unknown;
  title?: unknown;
  code?: unknown;
  error?: unknown;
  errorType?: unknown;
  retry_after_s?: unknown;
}

function problemOf(status: number, retryAfter: string | null, body: unknown): ApiProblem {
  const said = (typeof body === "object" && body !== null ? body : {}) as Refusal;
  const text = [said.error, said.detail, said.title].find((part) => typeof part === "string" && part !== "");
  const code = [said.errorType, said.code].find((part) => typeof part === "string");
  const wait = typeof said.retry_after_s === "number" ? said.retry_after_s : Number(retryAfter) || null;
  return new ApiProblem(String(text ?? `The server answered with status ${status}.`), status, String(code ?? ""), wait);
}

async function ask(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  let response: Response;
  try {
    response = await fetch(serverUrl(path), { ...init, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signal?.aborted) throw error;
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new ApiProblem(late ? "No answer within 60 s." : "The server cannot be reached.", 0, late ? "timeout" : "unreachable");
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, response.headers.get("retry-after"), body);
  if (body === null) throw new ApiProblem("The answer is not JSON: is this address really anyascope's?", response.status, "not_json");
  return body;
}

/** JSON of a GET; an `ApiProblem` where it fails. */
export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const query = encode(params);
  return (await ask(query ? `${path}?${query}` : path, { headers: { accept: "application/json" } }, signal)) as T;
}

/** JSON of a POST with form fields, for queries longer than an address may be. */
export async function post<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  const init = { method: "POST", body: new URLSearchParams(encode(params)), headers: { accept: "application/json" } };
  return (await ask(path, init, signal)) as T;
}

/** JSON of a POST with a JSON body. */
export async function send<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  return (await ask(path, { method: "POST", body: JSON.stringify(body), headers }, signal)) as T;
}
