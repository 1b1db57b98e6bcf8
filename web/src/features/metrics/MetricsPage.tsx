import "../../charts/charts.css";
import "./metrics.css";

import { Button, SegmentedControl, Select, Switch, TextInput, Tooltip } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";

import { destinationOf, readKinds, toggledKinds, type TimedEvent } from "../../model/events";
import { absoluteRange, isMoving, parseDuration, type Range } from "../../model/time";
import { href, navigate, useQueryState } from "../../state/location";
import { PANELS_MAX, usePanels } from "../../state/panels";
import { useRange } from "../../state/range";
import { Icon } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { RangePicker } from "../../ui/RangePicker";
import { EventBar } from "./EventBar";
import { Panel } from "./Panel";
import { useEvents } from "./useEvents";

const REFRESHES: Record<string, number> = { "5s": 5_000, "15s": 15_000, "1m": 60_000 };

/** The step of the address in seconds; null where the chart chooses. */
function readStep(text: string | null): number | null {
  const ms = parseDuration(text ?? "");
  return ms ? ms / 1000 : null;
}

function StepField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const isWrong = text !== "" && parseDuration(text) === null;
  return (
    <Tooltip label="Resolution of the graph: 30s, 5m; empty chooses by the range">
      <TextInput
        size="xs"
        w={92}
        placeholder="step: auto"
        aria-label="Step"
        value={text}
        error={isWrong}
        onChange={(event) => setText(event.currentTarget.value.trim())}
        onBlur={() => !isWrong && onChange(text)}
        onKeyDown={(event) => event.key === "Enter" && !isWrong && onChange(text)}
      />
    </Tooltip>
  );
}

interface ControlsProps {
  query: URLSearchParams;
  change: ReturnType<typeof useQueryState>[1];
  range: Range;
  setRange: (range: Range) => void;
  onRefresh: () => void;
}

function Controls({ query, change, range, setRange, onRefresh }: ControlsProps) {
  return (
    <>
      <SegmentedControl
        size="xs"
        value={query.get("view") === "table" ? "table" : "graph"}
        onChange={(value) => change({ view: value === "table" ? value : null })}
        data={[
          { label: "Graph", value: "graph" },
          { label: "Table", value: "table" },
        ]}
        aria-label="View"
      />
      <Switch
        size="xs"
        label="Stacked"
        checked={query.get("stacked") === "1"}
        onChange={(event) => change({ stacked: event.currentTarget.checked ? "1" : null })}
      />
      <StepField key={query.get("step")} value={query.get("step") ?? ""} onChange={(step) => change({ step })} />
      <Select
        size="xs"
        w={104}
        aria-label="Refresh"
        allowDeselect={false}
        value={query.get("refresh") ?? "off"}
        onChange={(value) => change({ refresh: value === "off" ? null : value })}
        disabled={!isMoving(range)}
        data={[
          { label: "refresh: off", value: "off" },
          ...Object.keys(REFRESHES).map((value) => ({ label: `every ${value}`, value })),
        ]}
      />
      <RangePicker range={range} onChange={setRange} onRefresh={onRefresh} />
    </>
  );
}

function openEvents(events: readonly TimedEvent[]): void {
  const { path, query } = destinationOf(events);
  navigate(href(path, query));
}

/** Any number of PromQL queries over one range, as graphs or tables. */
export default function MetricsPage() {
  const [query, change] = useQueryState();
  const [range, setRange] = useRange();
  const { queries, setQuery, add, remove } = usePanels();
  const cache = useQueryClient();
  const refreshMs = isMoving(range) ? REFRESHES[query.get("refresh") ?? ""] : undefined;
  const view = query.get("view") === "table" ? "table" : "graph";
  const kinds = readKinds(query.get("events"));
  const found = useEvents(view === "graph" ? kinds : [], range, refreshMs);
  const refresh = () => {
    void cache.invalidateQueries({ queryKey: ["promql"] });
    void cache.invalidateQueries({ queryKey: ["events"] });
  };
  const zoom = useCallback((startMs: number, endMs: number) => setRange(absoluteRange({ startMs, endMs })), [setRange]);
  return (
    <Page
      title="Metrics"
      controls={
        <Controls
          query={query}
          change={change}
          range={range}
          setRange={setRange}
          onRefresh={refresh}
        />
      }
    >
      {view === "graph" && <EventBar kinds={kinds} found={found} onToggle={(kind) => change({ events: toggledKinds(kinds, kind) })} />}
      {queries.map((text, index) => (
        <Panel
          // A removed panel must not hand its draft to the next one.
          key={`${index}/${queries.length}`}
          query={text}
          range={range}
          stepS={readStep(query.get("step"))}
          view={view}
          stacked={query.get("stacked") === "1"}
          refreshMs={refreshMs}
          events={found.events}
          onEvents={openEvents}
          onRun={(next) => setQuery(index, next)}
          onRemove={queries.length > 1 ? () => remove(index) : undefined}
          onZoom={zoom}
        />
      ))}
      <div>
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="plus" size={14} />}
          onClick={add}
          disabled={queries.length >= PANELS_MAX}
        >
          Add a query
        </Button>
      </div>
    </Page>
  );
}
