import type { LogHistogram, LogPage, LogRow } from "../src/model/logs.ts";
import { resolveTime } from "../src/model/time.ts";

const LINES: [string, number, string][] = [
  ["INFO", 9, "request served"],
  ["INFO", 9, "withdrawal 4f12 signed by hsm-1 in 41 ms"],
  ["INFO", 9, "block 923411 connected, 3 812 transactions"],
  ["DEBUG", 5, "mempool polled"],
  ["WARN", 13, "fee estimate is 12 % above the policy"],
  ["ERROR", 17, "signing failed: PKCS#11 error CKR_DEVICE_ERROR on slot 3"],
];

export function makeRow(ms: number, index: number): LogRow {
  const [severity, severity_number, body] = LINES[(index * 7 + (index % 5)) % LINES.length] ?? ["INFO", 9, ""];
  const time = `${new Date(ms).toISOString().slice(0, -1)}${String(index % 1_000_000).padStart(6, "0")}Z`;
  return {
    time,
    observed_time: time,
    severity,
    severity_number,
    body,
    service: index % 3 ? "custody" : "signer",
    host: "vault-1",
    stream: "otlp",
    attributes: { wallet: `cold-${index % 4}`, duration_ms: (index * 13) % 240 },
    resource: { "service.name": index % 3 ? "custody" : "signer", "host.name": "vault-1" },
    scope: { name: "custody.api", version: "1.0" },
    trace_id: index % 2 ? "5b8aa5a2d2c872e8321cf37308d69df2" : "",
    span_id: index % 2 ? "051581bf3cb55c13" : "",
    correlation_id: `cid-${index % 17}`,
    event_name: "",
  };
}

function spanOf(params: URLSearchParams): [number, number] {
  const now = Date.now();
  return [resolveTime(params.get("start") ?? "-1h", now) ?? now - 3.6e6, resolveTime(params.get("end") ?? "now", now) ?? now];
}

export function logPage(params: URLSearchParams): LogPage {
  const [, end] = spanOf(params);
  if (params.get("query") === "nothing") return { rows: [], cursor: null };
  const first = Number(params.get("cursor") ?? 0);
  const limit = Number(params.get("limit") ?? 100);
  const rows = Array.from({ length: limit }, (_, index) => makeRow(end - (first + index) * 731, first + index));
  return { rows, cursor: first + limit < 2_000 ? String(first + limit) : null };
}

export function logHistogram(params: URLSearchParams): LogHistogram {
  const [start, end] = spanOf(params);
  const count = Number(params.get("buckets") ?? 60);
  const width = (end - start) / count;
  const buckets = Array.from({ length: count }, (_, index) => {
    const counts = { INFO: 30 + Math.round(20 * Math.sin(index / 6)), DEBUG: 12, WARN: index % 7, ERROR: index > 44 && index < 52 ? 14 : 1 };
    return { start: new Date(start + index * width).toISOString(), counts, total: 60 };
  });
  return { bucket_s: width / 1000, buckets };
}

export function logFields(): { name: string; count: number }[] {
  return ["severity", "service", "host", "attributes.wallet", "attributes.duration_ms"].map((name, index) => ({ name, count: 400 - index * 30 }));
}
