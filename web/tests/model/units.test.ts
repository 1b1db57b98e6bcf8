import { describe, expect, it } from "vitest";

import { NO_VALUE, formatDuration, formatValue, unitOfExpression } from "../../src/model/units";

describe("formatDuration", () => {
  it.each([
    [0, "0 s"],
    [2.5e-9, "2.5 ns"],
    [340e-6, "340 µs"],
    [0.9994, "999 ms"],
    [0.9996, "1 s"],
    [1.5, "1.5 s"],
    [59.96, "1 min"],
    [125, "2 min 5 s"],
    [7_500, "2 h 5 min"],
    [273_600, "3 d 4 h"],
    [-125, "-2 min 5 s"],
    [31_557_600, "1 y"],
  ])("writes %d seconds as %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("has no text for what is no length", () => expect(formatDuration(NaN)).toBe(NO_VALUE));
});

describe("formatValue", () => {
  it.each([
    [1536, "bytes", "1.5 KiB"],
    [1023.9, "bytes", "1 KiB"],
    [2_400_000, "bytes/s", "2.29 MiB/s"],
    [0.4567, "ratio", "45.7 %"],
    [12_345, "count", "12.3 k"],
    [999, "none", "999"],
    [0.00001, "none", "1.00e-5"],
    [-1536, "bytes", "-1.5 KiB"],
    [1500, "per second", "1.5 k/s"],
    [100_000_000, "sats", "100,000,000 sat"],
    [0, "timestamp", "1970-01-01T00:00:00.000Z"],
  ] as const)("writes %d as %s: %s", (value, unit, text) => expect(formatValue(value, unit)).toBe(text));

  it("keeps no value apart from zero", () => {
    expect(formatValue(null)).toBe(NO_VALUE);
    expect(formatValue(NaN)).toBe(NO_VALUE);
    expect(formatValue(0)).toBe("0");
  });

  it("writes infinities as such", () => expect(formatValue(-Infinity, "bytes")).toBe("-∞"));
});

describe("unitOfExpression", () => {
  it.each([
    ["node_memory_MemAvailable_bytes", "bytes"],
    ["rate(node_network_receive_bytes_total[5m])", "bytes/s"],
    ["sum by (mode) (rate(node_cpu_seconds_total[1m]))", "ratio"],
    ["histogram_quantile(0.95, sum by (le) (rate(x_duration_seconds_bucket[5m])))", "seconds"],
    ["rate(a_seconds_sum[5m]) / rate(a_seconds_count[5m])", "seconds"],
    ["node_filesystem_avail_bytes / node_filesystem_size_bytes", "ratio"],
    ["100 * a_bytes / b_bytes", "ratio"],
    ["rate(http_requests_total[5m])", "per second"],
    ["count(node_memory_MemFree_bytes)", "none"],
    ["up", "none"],
    ['up{path="/x_bytes"}', "none"],
    ["time() - process_start_time_seconds", "seconds"],
  ])("%s is in %s", (expression, unit) => expect(unitOfExpression(expression)).toBe(unit));
});
