import { Button, Textarea } from "@mantine/core";
import { useState } from "react";

import { timelineUrl } from "../../api/own";
import type { Alert } from "../../model/alerts";
import { EVENT_THEMES, detailsOf, eventsOf, isUnderway, looksOf, type AlertEvent, type EventTone } from "../../model/timeline";
import { useQueryState } from "../../state/location";
import { useAuthor } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { Problem } from "../../ui/Problem";
import { Empty } from "../../ui/States";
import { Ago, Time } from "../../ui/Time";
import { useAct } from "./acts";

const TONES: Record<EventTone, string> = { bad: "var(--as-error)", warn: "var(--as-warn)", good: "var(--as-ok)", calm: "var(--as-dim)" };
const FORMATS = ["json", "csv", "markdown"] as const;

function Entry({ event, nowMs }: { event: AlertEvent; nowMs: number }) {
  const looks = looksOf(event.kind);
  const tone = isUnderway(event) ? "warn" : looks.tone;
  const details = detailsOf(event);
  return (
    <li className="as-event" data-kind={event.kind}>
      <i className="as-dot" style={{ color: TONES[tone] }} aria-hidden="true" />
      <div className="as-event-head">
        <strong style={{ color: TONES[tone] }}>{isUnderway(event) ? "is being told" : looks.word}</strong>
        {event.by && <span>by {event.by}</span>}
        <span className="as-dim as-small as-end">
          <Time at={event.at} /> · <Ago at={event.at} nowMs={nowMs} />
        </span>
      </div>
      {event.text && <p className={event.kind === "commented" ? "as-event-comment" : "as-event-text"}>{event.text}</p>}
      {details.length > 0 && (
        <details className="as-small as-dim">
          <summary>details</summary>
          {details.map(([name, text]) => (
            <div key={name} className="as-break">
              {name}: <span className="as-mono">{text}</span>
            </div>
          ))}
        </details>
      )}
    </li>
  );
}

function CommentForm({ alert }: { alert: Alert }) {
  const [stored, store] = useAuthor();
  const [author, setAuthor] = useState(stored);
  const [text, setText] = useState("");
  const doing = useAct();
  const name = (stored || author).trim();
  const say = async () => {
    store(name);
    const outcome = await doing.mutateAsync({ alerts: [alert], action: "comment", by: name, details: { text: text.trim() } });
    if (outcome.failed.length === 0) setText("");
  };
  return (
    <form
      className="as-form"
      onSubmit={(event) => {
        event.preventDefault();
        void say();
      }}
    >
      {stored === "" && text !== "" && <AuthorField value={author} onChange={setAuthor} />}
      <Textarea size="xs" rows={2} resize="vertical" aria-label="Comment" placeholder="What you know, for whoever looks next" value={text} onChange={(event) => setText(event.currentTarget.value)} />
      {doing.data?.failed.map(({ problem }) => (
        <Problem key="failed" problem={problem} what="The comment was not kept." />
      ))}
      <div className="as-row as-form-end">
        {stored !== "" && <span className="as-dim as-small">as {stored}</span>}
        <Button type="submit" size="compact-sm" disabled={text.trim() === "" || name === ""} loading={doing.isPending}>
          Comment
        </Button>
      </div>
    </form>
  );
}

/** What happened to the alert and who did what, the newest first; with comments, and to take away. */
export function TimeLine({ alert, events, nowMs }: { alert: Alert; events: readonly AlertEvent[]; nowMs: number }) {
  const [query, change] = useQueryState();
  const themes = query.getAll("show");
  const shown = [...eventsOf(events, themes)].reverse();
  return (
    <section className="as-card" aria-label="Time line">
      <h2 className="as-card-title">
        Time line <span className="as-dim as-small">{events.length}</span>
        <span className="as-row as-end as-small as-exports">
          {events.length > 0 && FORMATS.map((format) => (
            <a key={format} className="as-link" href={timelineUrl(alert.id, format)} download={`alert-${alert.id}.${format === "markdown" ? "md" : format}`}>
              {format}
            </a>
          ))}
        </span>
      </h2>
      <div className="as-row" role="group" aria-label="Show">
        {EVENT_THEMES.map((theme) => (
          <button
            key={theme}
            type="button"
            className="as-chip"
            aria-pressed={themes.includes(theme)}
            onClick={() => change({ show: themes.includes(theme) ? themes.filter((other) => other !== theme) : [...themes, theme] }, { replace: true })}
          >
            {theme}s <b>{eventsOf(events, [theme]).length}</b>
          </button>
        ))}
      </div>
      {alert.state !== "pending" && <CommentForm alert={alert} />}
      {shown.length === 0 ? (
        <Empty title={events.length > 0 ? "Nothing of that kind" : "Nothing is on record"}>
          {events.length > 0 ? "Show the others too." : "It has not fired yet: its story begins when it does."}
        </Empty>
      ) : (
        <ol className="as-events">
          {shown.map((event, index) => (
            <Entry key={`${event.at}/${event.kind}/${index}`} event={event} nowMs={nowMs} />
          ))}
        </ol>
      )}
    </section>
  );
}
