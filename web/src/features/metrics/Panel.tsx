import { ActionIcon, Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { COMPLETION } from "../../api/prometheus";
import type { TimedEvent } from "../../model/events";
import type { Range } from "../../model/time";
import { useHistory } from "../../state/stored";
import { Icon } from "../../ui/icons";
import { QueryEditor } from "../../ui/QueryEditor";
import { GraphResult } from "./GraphResult";
import { Suggestions } from "./Suggestions";
import { TableResult } from "./TableResult";

interface Props {
  query: string;
  range: Range;
  stepS: number | null;
  view: "graph" | "table";
  stacked: boolean;
  refreshMs: number | undefined;
  events: readonly TimedEvent[];
  onEvents: (events: readonly TimedEvent[]) => void;
  onRun: (query: string) => void;
  onRemove: (() => void) | undefined;
  onZoom: (startMs: number, endMs: number) => void;
}

const SOURCE = { url: COMPLETION.url(), apiPrefix: COMPLETION.apiPrefix, fetchFn: COMPLETION.fetchFn };

function HistoryMenu({ entries, onChoose }: { entries: readonly string[]; onChoose: (query: string) => void }) {
  return (
    <Menu position="bottom-end" width={460} shadow="md">
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label="Queries typed before" disabled={entries.length === 0}>
          <Icon name="history" size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown mah={360} className="as-menu-scroll">
        {entries.map((entry) => (
          <Menu.Item key={entry} className="as-mono" onClick={() => onChoose(entry)}>
            {entry}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** One query: its editor, and what it answers. */
export function Panel({ query, range, stepS, view, stacked, refreshMs, events, onEvents, onRun, onRemove, onZoom }: Props) {
  const [draft, setDraft] = useState({ of: query, text: query });
  const [entries, remember] = useHistory("promql");
  const cache = useQueryClient();
  // The address changed under us: going back shows the query of then.
  if (draft.of !== query) setDraft({ of: query, text: query });
  const run = (text: string) => {
    const clean = text.trim();
    remember(clean);
    if (clean === query) void cache.invalidateQueries({ queryKey: ["promql"] });
    else onRun(clean);
  };
  return (
    <section className="as-card" aria-label="Query">
      <div className="as-query">
        <QueryEditor
          value={draft.text}
          label="PromQL query"
          completion={SOURCE}
          onChange={(text) => setDraft({ of: query, text })}
          onRun={() => run(draft.text)}
        />
        <div className="as-query-tools">
          <HistoryMenu entries={entries} onChoose={run} />
          <Button size="xs" onClick={() => run(draft.text)} leftSection={<Icon name="play" size={13} />} data-testid="run">
            Run
          </Button>
          {onRemove && (
            <ActionIcon variant="subtle" color="gray" size={30} onClick={onRemove} aria-label="Remove this query">
              <Icon name="close" size={16} />
            </ActionIcon>
          )}
        </div>
      </div>
      {query === "" ? (
        <Suggestions onChoose={run} />
      ) : view === "table" ? (
        <TableResult query={query} range={range} refreshMs={refreshMs} />
      ) : (
        <GraphResult
          query={query}
          range={range}
          stepS={stepS}
          stacked={stacked}
          refreshMs={refreshMs}
          events={events}
          onEvents={onEvents}
          onZoom={onZoom}
        />
      )}
    </section>
  );
}
