import { Button } from "@mantine/core";
import { useState } from "react";

import type { Filter } from "../../model/logs";
import { Icon } from "../../ui/icons";
import { Empty } from "../../ui/States";
import { RowList } from "./RowList";
import { useTail } from "./useTail";

/** Rows as they arrive, until paused. */
export function LiveRows({ query, onFilter }: { query: string; onFilter: Filter }) {
  const [isPaused, setPaused] = useState(false);
  const tail = useTail(query, true, isPaused);
  return (
    <section className="as-card as-card-flush" aria-label="Live rows">
      <div className="as-row as-log-live" role="status">
        <span
          className={isPaused || tail.connection !== "open" ? "as-dot" : "as-dot as-dot-live"}
          style={{ color: tail.connection === "open" ? (isPaused ? "var(--as-warn)" : "var(--as-ok)") : "var(--as-error)" }}
        />
        <span>
          {tail.connection === "lost"
            ? "Connection lost, trying again"
            : isPaused
              ? `Paused: ${tail.waiting} ${tail.waiting === 1 ? "row waits" : "rows wait"}`
              : `Live: ${tail.rows.length} rows so far`}
        </span>
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
