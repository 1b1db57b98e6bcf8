import { Button } from "@mantine/core";
import { useState } from "react";

import type { Filter } from "../../model/logs";
import { Icon } from "../../ui/icons";
import { Empty } from "../../ui/States";
import { RowList } from "./RowList";
import { useTail, type Tail } from "./useTail";

/** How the tail does; `Live` only once the server listens for us, since what was stored before then does not come. */
function standingOf(tail: Tail, isPaused: boolean): string {
  if (tail.connection === "lost") return "Connection lost, trying again: what is stored meanwhile does not come here, search for it";
  if (isPaused) return `Paused: ${tail.waiting} ${tail.waiting === 1 ? "row waits" : "rows wait"}`;
  if (tail.connection === "connecting") return "Connecting";
  return `Live: ${tail.rows.length} ${tail.rows.length === 1 ? "row" : "rows"} so far`;
}

/** Rows as they arrive, until paused. */
export function LiveRows({ query, onFilter }: { query: string; onFilter: Filter }) {
  const [isPaused, setPaused] = useState(false);
  const tail = useTail(query, true, isPaused);
  return (
    <section className="as-card as-card-flush" aria-label="Live rows">
      <div className="as-row as-log-live" role="status">
        <span
          className={isPaused || tail.connection !== "open" ? "as-dot" : "as-dot as-dot-live"}
          style={{ color: tail.connection === "open" ? (isPaused ? "var(--as-warn)" : "var(--as-ok)") : tail.connection === "lost" ? "var(--as-error)" : "var(--as-dim)" }}
        />
        <span>{standingOf(tail, isPaused)}</span>
        {tail.dropped > 0 && <span className="as-dim as-small">{tail.dropped} rows came too fast and were left out</span>}
        <Button
          size="compact-xs"
          variant="default"
          className="as-end"
          onClick={() => setPaused(!isPaused)}
          leftSection={<Icon name={isPaused ? "play" : "pause"} size={12} />}
        >
          {isPaused ? "Go on" : "Pause"}
        </Button>
      </div>
      {tail.rows.length === 0 ? (
        <Empty title="Waiting for the next row">It appears here the moment it is stored.</Empty>
      ) : (
        <RowList rows={tail.rows} opened={null} onFilter={onFilter} />
      )}
    </section>
  );
}
