import { Tooltip } from "@mantine/core";

import { formatAgo, formatTime, parseNanos, zoneName } from "../model/time";
import { useZone } from "../state/stored";

function millis(at: string | number): number {
  return typeof at === "number" ? at : Number(parseNanos(at) / 1_000_000n);
}

/** A time in the reader's zone; the zone and the exact instant stand in its tooltip. */
export function Time({ at, parts = "full" }: { at: string | number; parts?: "full" | "time" | "ms" | "time-ms" }) {
  const [zone] = useZone();
  const ms = millis(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${formatTime(ms, zone, "ms")} ${zoneName(zone, ms)}`}>
      {formatTime(ms, zone, parts)}
    </time>
  );
}

/** How long ago; the time itself, with its zone, in the tooltip. */
export function Ago({ at, nowMs }: { at: string | number; nowMs: number }) {
  const [zone] = useZone();
  const ms = millis(at);
  return (
    <Tooltip label={`${formatTime(ms, zone)} ${zoneName(zone, ms)}`}>
      <time dateTime={new Date(ms).toISOString()}>{formatAgo(ms, nowMs)}</time>
    </Tooltip>
  );
}

/** The zone in which the times nearby are written. */
export function ZoneLabel({ atMs }: { atMs: number }) {
  const [zone] = useZone();
  return <span className="as-dim as-small">{zoneName(zone, atMs)}</span>;
}
