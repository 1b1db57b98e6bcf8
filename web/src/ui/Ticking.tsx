import type { ReactNode } from "react";

import { useNow } from "../state/now";
import { TickContext, useTick } from "../state/tick";
import { Ago, ZoneLabel } from "./Time";

/** A clock for what is inside: only what reads it (`useTick`) is drawn again when it ticks. */
export function Ticking({ everyMs, children }: { everyMs: number; children: ReactNode }) {
  return <TickContext value={useNow(everyMs)}>{children}</TickContext>;
}

/** How long ago, as the clock above has it. */
export function TickingAgo({ at }: { at: string | number }) {
  return <Ago at={at} nowMs={useTick()} />;
}

/** The zone of the times nearby, as the clock above has it. */
export function TickingZone() {
  return <ZoneLabel atMs={useTick()} />;
}
