import { Button, Switch, TextInput, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { ALERTS_KEY, SILENCES_KEY } from "../../api/events";
import { createSilence, fetchAlerts } from "../../api/own";
import { DURATIONS, usable, type Matcher, type Recurrence, type SilenceRequest } from "../../model/silences";
import { formatTime, parseDuration, readTime, zoneName, type Zone } from "../../model/time";
import { href, navigate } from "../../state/location";
import { useAuthor, useZone } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { DurationField } from "../../ui/DurationField";
import { Problem } from "../../ui/Problem";
import { MatcherRows } from "./MatcherRows";
import { Preview } from "./Preview";
import { RecurrenceFields, recurrenceProblem } from "./RecurrenceFields";
import { useDraft, type Draft } from "./useDraft";

/** A week of nights, until somebody writes something else. */
function firstRecurrence(zone: Zone): Recurrence {
  const location = zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { start_time: "22:00", end_time: "06:00", weekdays: [], location };
}

interface Times {
  readonly startMs: number | null;
  readonly lengthMs: number | null;
  readonly problem: string | null;
}

function timesOf(draft: Draft, zone: Zone, nowMs: number): Times {
  const startMs = draft.start.trim() === "" ? nowMs : readTime(draft.start, zone);
  const lengthMs = parseDuration(draft.length);
  const isPast = startMs !== null && lengthMs !== null && startMs + lengthMs <= nowMs;
  return { startMs, lengthMs, problem: startMs === null ? "write 2026-12-24 18:00" : isPast ? "it would be over already" : null };
}

function requestOf(draft: Draft, matchers: readonly Matcher[], times: Times, author: string, recurrence: Recurrence | null): SilenceRequest {
  return {
    matchers: usable(matchers),
    ...(draft.start.trim() !== "" && times.startMs !== null ? { starts_at: new Date(times.startMs).toISOString() } : {}),
    for_s: (times.lengthMs ?? 0) / 1000,
    created_by: author,
    comment: draft.comment.trim(),
    ...(recurrence ? { recurrence } : {}),
  };
}

function End({ times, zone }: { times: Times; zone: Zone }) {
  if (times.startMs === null || !times.lengthMs || times.problem) return null;
  const end = times.startMs + times.lengthMs;
  return (
    <p className="as-small" data-testid="silence-end">
      Ends <b>{formatTime(end, zone)}</b> {zoneName(zone, end)}
    </p>
  );
}

/** Makes a silence: what, how long, who and why; beside it what it hits, before it is made. */
export function SilenceForm({ nowMs }: { nowMs: number }) {
  const [draft, change] = useDraft();
  const [matchers, setMatchers] = useState<readonly Matcher[]>(draft.matchers.length > 0 ? draft.matchers : [{ name: "", op: "=", value: "" }]);
  const [stored, store] = useAuthor();
  const [author, setAuthor] = useState(stored);
  const [zone] = useZone();
  const [recurrence, setRecurrence] = useState<Recurrence | null>(null);
  const cache = useQueryClient();
  const alerts = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const times = timesOf(draft, zone, nowMs);
  const making = useMutation({
    mutationFn: (asked: SilenceRequest) => createSilence(asked),
    onSuccess: async (made) => {
      store(author.trim());
      await Promise.all([cache.invalidateQueries({ queryKey: SILENCES_KEY }), cache.invalidateQueries({ queryKey: ALERTS_KEY })]);
      navigate(href(`silences/${made.id}`));
    },
  });
  const lacks =
    usable(matchers).length === 0 || times.problem !== null || !times.lengthMs || author.trim() === "" || draft.comment.trim() === "" ||
    (recurrence !== null && recurrenceProblem(recurrence) !== null);
  return (
    <div className="as-silence-columns">
      <form
        className="as-card as-form"
        aria-label="Silence"
        onSubmit={(event) => {
          event.preventDefault();
          making.mutate(requestOf(draft, matchers, times, author.trim(), recurrence));
        }}
      >
        <MatcherRows
          matchers={matchers}
          known={alerts.data?.alerts.map((alert) => alert.labels) ?? []}
          onChange={(changed) => {
            setMatchers(changed);
            change({ matchers: changed });
          }}
        />
        <DurationField label="For how long" value={draft.length} presets={DURATIONS} onChange={(length) => change({ length })} />
        <TextInput
          label="Beginning"
          description={`Empty: now. In ${zoneName(zone, nowMs)}.`}
          placeholder={formatTime(nowMs, zone).slice(0, 16)}
          size="xs"
          value={draft.start}
          error={times.problem}
          onChange={(event) => change({ start: event.currentTarget.value })}
        />
        <Switch size="xs" label="Only in recurring windows" checked={recurrence !== null} onChange={(event) => setRecurrence(event.currentTarget.checked ? firstRecurrence(zone) : null)} />
        {recurrence && <RecurrenceFields value={recurrence} onChange={setRecurrence} />}
        <End times={times} zone={zone} />
        <AuthorField value={author} onChange={setAuthor} />
        <Textarea label="Why" size="xs" required rows={2} resize="vertical" value={draft.comment} onChange={(event) => change({ comment: event.currentTarget.value })} />
        {making.error && <Problem problem={making.error} what="Nothing was silenced." />}
        <div className="as-row as-form-end">
          <Button variant="default" size="xs" onClick={() => navigate(href("silences"))}>
            Cancel
          </Button>
          <Button type="submit" size="xs" disabled={lacks} loading={making.isPending}>
            Silence
          </Button>
        </div>
      </form>
      <section className="as-card" aria-label="Preview">
        <h2 className="as-card-title">What it hits</h2>
        <Preview matchers={matchers} />
      </section>
    </div>
  );
}
