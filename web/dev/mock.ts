/** A stand-in for the server while the page is developed: made-up answers in the contract's shapes. Never built in. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Plugin } from "vite";

import { notifications, sampleAlerts, sampleHealth, sampleRules } from "./alerts.ts";
import { logFields, logHistogram, logPage, makeRow } from "./logs.ts";
import { instant, range } from "./metrics.ts";
import { makeTrace, searchTraces, services } from "./traces.ts";

const OWN = "/api/anyascope/v1";

type Answer = unknown;
type Handler = (params: URLSearchParams, path: string) => Answer;

const prometheus = (data: unknown) => ({ status: "success", data });

const handlers: Record<string, Handler> = {
  [`${OWN}/health`]: () => sampleHealth(),
  [`${OWN}/alerts`]: () => ({ alerts: sampleAlerts() }),
  [`${OWN}/notifications`]: () => ({ notifications: notifications(), cursor: null }),
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

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mock");
  const params = url.searchParams;
  if (request.method === "POST") new URLSearchParams(await readBody(request)).forEach((value, name) => params.append(name, value));
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
  const handler = handlers[url.pathname] ?? (trace ? () => makeTrace(trace[1] ?? "") : undefined);
  if (handler) send(response, 200, handler(params, url.pathname));
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
