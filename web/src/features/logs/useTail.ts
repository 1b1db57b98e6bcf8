import { useEffect, useRef, useState } from "react";

import { LOG_TAIL, useEvents, type Connection } from "../../api/events";
import { tailed, type LogRow } from "../../model/logs";

const TAIL_ROWS_MAX = 1_000; // what a reader scrolls back through; the search has the rest
const DRAW_EVERY_MS = 250; // a flood of rows is drawn four times a second

export interface Tail {
  readonly rows: readonly LogRow[];
  readonly dropped: number;
  /** Rows that came while paused. */
  readonly waiting: number;
  readonly connection: Connection;
}

/** Rows as they arrive, the newest first. While paused they wait, up to the limit. */
export function useTail(query: string, enabled: boolean, isPaused: boolean): Tail {
  const arrived = useRef<LogRow[]>([]);
  const [rows, setRows] = useState<readonly LogRow[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [dropped, setDropped] = useState(0);
  const connection = useEvents(
    LOG_TAIL,
    { query },
    {
      row: (data) => {
        arrived.current.push(data as LogRow);
        if (arrived.current.length > TAIL_ROWS_MAX) arrived.current.shift();
      },
      dropped: (data) => setDropped((before) => before + Number((data as { rows: number }).rows)),
    },
    { enabled },
  );
  useEffect(() => {
    if (!enabled) return undefined;
    const timer = window.setInterval(() => {
      if (isPaused) {
        setWaiting(arrived.current.length);
      } else if (arrived.current.length) {
        const fresh = arrived.current.splice(0);
        setRows((before) => tailed(before, fresh, TAIL_ROWS_MAX));
        setWaiting(0);
      }
    }, DRAW_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [enabled, isPaused]);
  return { rows, dropped, waiting, connection };
}
