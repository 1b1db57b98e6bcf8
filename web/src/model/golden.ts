/** The four golden signals of this machine and this server, as questions in PromQL. */

import type { Unit } from "./units";

export interface Signal {
  readonly name: string;
  readonly query: string;
  readonly unit: Unit;
  /** Natural upper end of the scale, where there is one. */
  readonly most?: number;
  /** From here on the value deserves a look, and from there on an act. */
  readonly warnAt?: number;
  readonly actAt?: number;
}

export interface SignalGroup {
  readonly name: string;
  readonly asks: string;
  readonly signals: readonly Signal[];
}

// Virtual interfaces would count the same bytes again.
const REAL_DEVICES = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|flannel.*|virbr.*"';
const REAL_FILESYSTEMS = 'fstype!~"tmpfs|ramfs|devtmpfs|squashfs|iso9660|autofs|proc|sysfs|cgroup.*|nsfs|tracefs"';

/** Two scrapes of the host collector lie within this window. */
const WINDOW = "1m";

export const GOLDEN: readonly SignalGroup[] = [
  {
    name: "Traffic",
    asks: "How much is asked of it?",
    signals: [
      { name: "Network in", query: `sum(rate(node_network_receive_bytes_total{${REAL_DEVICES}}[${WINDOW}]))`, unit: "bytes/s" },
      { name: "Network out", query: `sum(rate(node_network_transmit_bytes_total{${REAL_DEVICES}}[${WINDOW}]))`, unit: "bytes/s" },
      { name: "Requests", query: `sum(rate(anyascope_http_requests_total[${WINDOW}]))`, unit: "per second" },
      { name: "Rows stored", query: `sum(rate(anyascope_ingest_rows_total[${WINDOW}]))`, unit: "per second" },
    ],
  },
  {
    name: "Errors",
    asks: "How much of it fails?",
    signals: [
      {
        name: "Failed requests",
        query: `sum(rate(anyascope_http_requests_total{code=~"5.."}[${WINDOW}])) or vector(0)`,
        unit: "per second",
        warnAt: 0.01,
        actAt: 1,
      },
      { name: "Targets down", query: "count(up == 0) or vector(0)", unit: "count", warnAt: 1, actAt: 1 },
      {
        name: "Rows refused",
        query: `sum(rate(anyascope_ingest_refused_rows_total[${WINDOW}])) or vector(0)`,
        unit: "per second",
        warnAt: 0.01,
        actAt: 100,
      },
      {
        name: "Network errors",
        query: `sum(rate(node_network_receive_errs_total[${WINDOW}])) + sum(rate(node_network_transmit_errs_total[${WINDOW}]))`,
        unit: "per second",
        warnAt: 0.1,
        actAt: 10,
      },
    ],
  },
  {
    name: "Latency",
    asks: "How long does it take?",
    signals: [
      {
        name: "Answers (p95)",
        query: "histogram_quantile(0.95, sum by (le) (rate(anyascope_http_request_duration_seconds_bucket[5m])))",
        unit: "seconds",
        warnAt: 1,
        actAt: 5,
      },
      {
        name: "Storing (p95)",
        query: "histogram_quantile(0.95, sum by (le) (rate(anyascope_ingest_flush_seconds_bucket[5m])))",
        unit: "seconds",
        warnAt: 1,
        actAt: 5,
      },
      {
        name: "Disk, a read",
        query: `max(rate(node_disk_read_time_seconds_total[${WINDOW}]) / (rate(node_disk_reads_completed_total[${WINDOW}]) > 0))`,
        unit: "seconds",
        warnAt: 0.1,
        actAt: 1,
      },
      {
        name: "Disk, a write",
        query: `max(rate(node_disk_write_time_seconds_total[${WINDOW}]) / (rate(node_disk_writes_completed_total[${WINDOW}]) > 0))`,
        unit: "seconds",
        warnAt: 0.1,
        actAt: 1,
      },
    ],
  },
  {
    name: "Saturation",
    asks: "How full is it?",
    signals: [
      {
        name: "CPU",
        query: `1 - avg(rate(node_cpu_seconds_total{mode="idle"}[${WINDOW}]))`,
        unit: "ratio",
        most: 1,
        warnAt: 0.8,
        actAt: 0.95,
      },
      {
        name: "Memory",
        query: "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)",
        unit: "ratio",
        most: 1,
        warnAt: 0.85,
        actAt: 0.95,
      },
      {
        name: "Fullest disk",
        query: `max(1 - node_filesystem_avail_bytes{${REAL_FILESYSTEMS}} / (node_filesystem_size_bytes{${REAL_FILESYSTEMS}} > 0))`,
        unit: "ratio",
        most: 1,
        warnAt: 0.85,
        actAt: 0.95,
      },
      {
        name: "Waiting for CPU",
        query: `max(rate(node_pressure_cpu_waiting_seconds_total[${WINDOW}]))`,
        unit: "ratio",
        most: 1,
        warnAt: 0.4,
        actAt: 0.8,
      },
    ],
  },
];

export type Level = "calm" | "warn" | "act";

/** How a value stands to a signal's bounds; calm where there is no value or no bound. */
export function levelFor(signal: Signal, value: number | null): Level {
  if (value === null) return "calm";
  if (signal.actAt !== undefined && value >= signal.actAt) return "act";
  return signal.warnAt !== undefined && value >= signal.warnAt ? "warn" : "calm";
}

/** A stretch of one signal: values every `stepS`, the first at `startS` (Unix seconds). */
export interface Stretch {
  readonly startS: number;
  readonly stepS: number;
  readonly values: readonly (number | null)[];
}

/** The old stretch with a newer one over its end, cut to the newest `count` values. Both lie on multiples of the step. */
export function extend(old: Stretch, fresh: Stretch, count: number): Stretch {
  const kept = Math.round((fresh.startS - old.startS) / old.stepS);
  if (kept < 0 || kept > old.values.length || old.stepS !== fresh.stepS) return fresh;
  const values = [...old.values.slice(0, kept), ...fresh.values];
  const dropped = Math.max(values.length - count, 0);
  return { startS: old.startS + dropped * old.stepS, stepS: old.stepS, values: values.slice(dropped) };
}
