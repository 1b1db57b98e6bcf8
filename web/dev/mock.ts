/** A stand-in for the server while the page is developed: made-up answers in the contract's shapes. Never built in. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Plugin } from "vite";

import { samplePolicies, samplePreview, sampleChannels, sampleRouting, sampleSilences, sampleTimeline } from "./alerting.ts";
import { notifications, sampleAlerts, sampleHealth, sampleRules } from "./alerts.ts";
import { logFields, logHistogram, logPage, makeRow } from "./logs.ts";
import { instant, range } from "./metrics.ts";
import { makeTrace, searchTraces, services } from "./traces.ts";

const OWN = "/api/anyascope/v1";

type Answer = unknown;
type Handler = (params: URLSearchParams, path: string, body: Body) => Answer;
type Body = Record<string, never>;

const prometheus = (data: unknown) => ({ status: "success", data });

const handlers: Record<string, Handler> = {
  [`${OWN}/health`]: () => sampleHealth(),
  [`${OWN}/alerts`]: () => ({ alerts: sampleAlerts() }),
  [`${OWN}/notifications`]: (params) => ({
    notifications: notifications().filter((one) => !params.get("status") || params.get("status") === one.status),
    cursor: null,
  }),
  [`${OWN}/silences`]: (params, _path, body) =>
    Object.keys(body).length > 0
      ? { ...sampleSilences()[0], ...body }
      : { silences: sampleSilences().filter((one) => !params.get("state") || params.get("state") === one.state), cursor: null },
  [`${OWN}/silences/preview`]: (_params, _path, body) => samplePreview(body["matchers"] ?? []),
  [`${OWN}/routing`]: () => sampleRouting(),
  [`${OWN}/routing/test`]: () => ({
    routes: [
      { id: "0/0/0", receiver: "on-call", group_labels: { alertname: "SignerDown" }, policy: "critical", levels: samplePolicies().policies[0]?.levels ?? [] },
    ],
  }),
  [`${OWN}/escalation-policies`]: () => samplePolicies(),
  [`${OWN}/channels`]: () => ({ channels: sampleChannels() }),
  [`${OWN}/logs/search`]: logPage,
  [`${OWN}/logs/histogram`]: logHistogram,
  [`${OWN}/logs/fields`]: () => ({ fields: logFields() }),
  [`${OWN}/logs/values`]: (params) => ({
    values: ["custody", "signer", "gateway"].map((value, index) => ({ value: `${value}${params.get("field") === "service" ? "" : "-1"}`, count: 90 - index * 31 })),
  }),
  [`${OWN}/traces/services`]: () => ({ services: services() }),
  [`${OWN}/traces/search`]: (params) => ({ traces: searchTraces(params) }),
  "/api/v1/query": (params) => prometheus(instant(params)),
  "/api/v1/query_range": (params) => prometheus(range(params)),
  "/api/v1/rules": () => prometheus({ groups: sampleRules() }),
  "/api/v1/labels": () => prometheus(["__name__", "instance", "job", "mode"]),
  "/api/v1/label/__name__/values": () => prometheus(["up", "node_cpu_seconds_total", "node_load1", "process_resident_memory_bytes"]),
  "/api/v1/metadata": () => prometheus({ up: [{ type: "gauge", help: "Whether the target answers.", unit: "" }] }),
};

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function stream(response: ServerResponse, everyMs: number, first: [string, unknown][], next: () => [string, unknown]): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const tell = ([event, data]: [string, unknown]) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  first.forEach(tell);
  const timer = setInterval(() => tell(next()), everyMs);
  response.on("close", () => clearInterval(timer));
}

/** An alert's page, whatever was asked to be done about it. */
function story(id: string): Answer {
  const alert = sampleAlerts().find((one) => one.id === id);
  return alert ? { alert, timeline: sampleTimeline(), notice: null } : null;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mock");
  const params = url.searchParams;
  const text = request.method === "POST" ? await readBody(request) : "";
  const isJson = request.headers["content-type"] === "application/json";
  if (!isJson) new URLSearchParams(text).forEach((value, name) => params.append(name, value));
  const body = (isJson && text ? JSON.parse(text) : {}) as Body;
  if (url.pathname === `${OWN}/live`) {
    stream(response, 5_000, [["health", sampleHealth()], ["alerts", { alerts: sampleAlerts() }]], () => ["health", sampleHealth()]);
    return;
  }
  if (url.pathname === `${OWN}/logs/tail`) {
    stream(response, 400, [], () => ["row", makeRow(Date.now(), Math.floor(Math.random() * 1e6))]);
    return;
  }
  if (/[({]\s*$/.test(params.get("query") ?? "") && url.pathname.startsWith("/api/v1/query")) {
    send(response, 400, { status: "error", errorType: "bad_data", error: "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis" });
    return;
  }
  const trace = /^\/api\/anyascope\/v1\/traces\/([0-9a-f]+)$/.exec(url.pathname);
  const alert = /^\/api\/anyascope\/v1\/alerts\/(\w+)/.exec(url.pathname);
  const silence = /^\/api\/anyascope\/v1\/silences\/([\w-]+)\//.exec(url.pathname);
  const found = alert ? story(alert[1] ?? "") : silence ? sampleSilences().find((one) => one.id === silence[1]) : undefined;
  const handler = handlers[url.pathname] ?? (found ? () => found : trace ? () => makeTrace(trace[1] ?? "") : undefined);
  if (handler) send(response, 200, handler(params, url.pathname, body));
  else send(response, 404, { type: "about:blank", title: "Not Found", status: 404, detail: `${url.pathname} is not mocked`, code: "not_found" });
}

export function mockServer(): Plugin {
  return {
    name: "anyascope-mock",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url?.startsWith("/api/")) void answer(request, response);
        else next();
      });
    },
  };
}
