import { ActionIcon, Button, Popover, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { useState } from "react";

import {
  QUICK_RANGES,
  absoluteRange,
  describeRange,
  formatTime,
  isMoving,
  rangeProblem,
  readTime,
  resolveRange,
  zoneName,
  type Range,
  type Zone,
} from "../model/time";
import { useNow } from "../state/now";
import { useZone } from "../state/stored";
import { Icon } from "./icons";

const CLOCK_MS = 60_000; // only the zone's offset hangs on it

interface Props {
  range: Range;
  onChange: (range: Range) => void;
  onRefresh?: () => void;
}

/** What was typed as the address keeps it: a bare date is meant in the shown zone. */
function typed(text: string, zone: Zone): string {
  const ms = readTime(text, zone);
  return ms === null || /(Z|[+-]\d{2}:?\d{2})$/.test(text.trim().slice(10)) ? text.trim() : new Date(ms).toISOString();
}

function shown(end: string, zone: Zone): string {
  const ms = /^\d{4}-/.test(end) ? Date.parse(end) : NaN;
  return Number.isNaN(ms) ? end : formatTime(ms, zone);
}

function Form({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const [zone, setZone] = useZone();
  const [from, setFrom] = useState(shown(range.from, zone));
  const [to, setTo] = useState(shown(range.to, zone));
  const [problem, setProblem] = useState<string | null>(null);
  const now = useNow(CLOCK_MS);
  const apply = () => {
    const next = { from: typed(from, zone), to: typed(to, zone) || "now" };
    const wrong = rangeProblem(next, Date.now());
    setProblem(wrong);
    if (!wrong) onChange(next);
  };
  return (
    <form
      className="as-range-form"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <TextInput label="From" size="xs" value={from} onChange={(event) => setFrom(event.currentTarget.value)} spellCheck={false} />
      <TextInput
        label="To"
        size="xs"
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
        error={problem}
        description="-1h, now, or 2026-11-23 14:00"
        inputWrapperOrder={["label", "input", "error", "description"]}
        spellCheck={false}
      />
      <SegmentedControl
        size="xs"
        value={zone}
        onChange={(value) => setZone(value === "utc" ? "utc" : "local")}
        data={[
          { label: `Local (${zoneName("local", now)})`, value: "local" },
          { label: "UTC", value: "utc" },
        ]}
        aria-label="Time zone"
      />
      <Button type="submit" size="xs">
        Apply
      </Button>
    </form>
  );
}

/** The time range: quick ones, typed ones, one step back or forward, wider; and the zone in which it is written. */
export function RangePicker({ range, onChange, onRefresh }: Props) {
  const [opened, setOpened] = useState(false);
  const [zone] = useZone();
  const now = useNow(CLOCK_MS);
  const choose = (next: Range) => {
    setOpened(false);
    onChange(next);
  };
  const shift = (by: number) => {
    const { startMs, endMs } = resolveRange(range, Date.now());
    const step = (endMs - startMs) * by;
    onChange(absoluteRange({ startMs: startMs + step, endMs: endMs + step }));
  };
  const widen = () => {
    const { startMs, endMs } = resolveRange(range, Date.now());
    const half = (endMs - startMs) / 2;
    onChange(absoluteRange({ startMs: startMs - half, endMs: Math.min(endMs + half, Date.now()) }));
  };
  return (
    <div className="as-range">
      <ActionIcon variant="default" onClick={() => shift(-0.5)} aria-label="Earlier" className="as-flip">
        <Icon name="chevron" size={14} />
      </ActionIcon>
      <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus returnFocus width={420}>
        <Popover.Target>
          <Button
            variant="default"
            size="xs"
            leftSection={<Icon name="clock" size={14} />}
            onClick={() => setOpened(!opened)}
            aria-expanded={opened}
            data-testid="range"
          >
            {describeRange(range, zone, now)}
            <span className="as-dim as-zone">{zoneName(zone, now)}</span>
          </Button>
        </Popover.Target>
        <Popover.Dropdown className="as-range-drop">
          <div className="as-range-quick" role="listbox" aria-label="Quick ranges">
            {QUICK_RANGES.map((quick) => (
              <button
                key={quick.from}
                type="button"
                role="option"
                aria-selected={range.from === quick.from && range.to === "now"}
                className="as-plain as-range-option"
                onClick={() => choose({ from: quick.from, to: "now" })}
              >
                {quick.label}
              </button>
            ))}
          </div>
          <Form key={`${range.from} ${range.to} ${zone}`} range={range} onChange={choose} />
        </Popover.Dropdown>
      </Popover>
      <ActionIcon variant="default" onClick={() => shift(0.5)} aria-label="Later" disabled={isMoving(range)}>
        <Icon name="chevron" size={14} />
      </ActionIcon>
      <Tooltip label="Twice as wide">
        <ActionIcon variant="default" onClick={widen} aria-label="Widen the range">
          <Icon name="minus" size={14} />
        </ActionIcon>
      </Tooltip>
      {onRefresh && (
        <ActionIcon variant="default" onClick={onRefresh} aria-label="Refresh">
          <Icon name="refresh" size={14} />
        </ActionIcon>
      )}
    </div>
  );
}
