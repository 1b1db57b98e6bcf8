import "../../charts/charts.css";
import "./logs.css";

import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { withFilter, type FilterMode } from "../../model/logs";
import { absoluteRange } from "../../model/time";
import { useQueryState } from "../../state/location";
import { useRange } from "../../state/range";
import { Icon } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { RangePicker } from "../../ui/RangePicker";
import { SearchBar } from "../../ui/SearchBar";
import { FieldsPanel } from "./FieldsPanel";
import { Histogram } from "./Histogram";
import { LevelChips } from "./LevelChips";
import { LiveRows } from "./LiveRows";
import { SearchRows } from "./SearchRows";
import { toggled, useLogHistogram, useLogView } from "./useLogSearch";

/** Logs: one search text, levels, a histogram, the rows and their fields; or the rows as they arrive. */
export default function LogsPage() {
  const [query, change] = useQueryState();
  const [range, setRange] = useRange();
  const view = useLogView();
  const cache = useQueryClient();
  const histogram = useLogHistogram(view.asked);
  const showFields = query.get("fields") === "1";
  const zoom = useCallback((startMs: number, endMs: number) => setRange(absoluteRange({ startMs, endMs })), [setRange]);
  const filter = useCallback(
    (field: string, value: string, mode: FilterMode) => change({ q: withFilter(view.text, field, value, mode) }),
    [change, view.text],
  );
  return (
    <Page
      title="Logs"
      controls={
        <>
          <Button
            size="xs"
            variant={view.isLive ? "filled" : "default"}
            leftSection={<Icon name={view.isLive ? "pause" : "play"} size={13} />}
            onClick={() => change({ live: view.isLive ? null : "1" })}
            aria-pressed={view.isLive}
            data-testid="live"
          >
            {view.isLive ? "Stop live" : "Live"}
          </Button>
          <Button
            size="xs"
            variant={showFields ? "light" : "default"}
            leftSection={<Icon name="fields" size={14} />}
            onClick={() => change({ fields: showFields ? null : "1" })}
            aria-pressed={showFields}
          >
            Fields
          </Button>
          <RangePicker range={range} onChange={setRange} onRefresh={() => void cache.invalidateQueries({ queryKey: ["logs"] })} />
        </>
      }
    >
      <section className="as-card as-log-search" aria-label="Search">
        <SearchBar
          key={view.text}
          value={view.text}
          label="Search the logs"
          placeholder='signing failed   service:custody   severity:ERROR   -host:vault-2   "exact words"   duration_ms:>100'
          history="logs"
          onRun={(text) => (text === view.text ? void cache.invalidateQueries({ queryKey: ["logs"] }) : change({ q: text }))}
        />
        <LevelChips chosen={view.levels} histogram={histogram.data} onToggle={(level) => change({ sev: toggled(view.levels, level) })} />
        {!view.isLive && <Histogram answer={histogram} onZoom={zoom} />}
      </section>
      <div className={showFields ? "as-log-columns as-log-columns-fields" : "as-log-columns"}>
        {showFields && <FieldsPanel asked={view.asked} onFilter={filter} />}
        {view.isLive ? <LiveRows key={view.asked.query} query={view.asked.query} onFilter={filter} /> : <SearchRows view={view} onFilter={filter} />}
      </div>
    </Page>
  );
}
