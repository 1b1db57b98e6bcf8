import "./runbooks.css";

import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { ALERTS_KEY } from "../../api/events";
import { fetchAlerts, fetchRunbook, fetchRunbooks } from "../../api/own";
import type { Alert } from "../../model/alerts";
import { ApiProblem } from "../../model/problem";
import { byPack, filterRunbooks, type Runbook, type RunbookEntry } from "../../model/runbooks";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { useNow } from "../../state/now";
import { AlertMark } from "../../ui/AlertMark";
import { AlertNav } from "../../ui/AlertNav";
import { Command } from "../../ui/Command";
import { Link } from "../../ui/Link";
import { Markdown } from "../../ui/Markdown";
import { Page } from "../../ui/Page";
import { Empty, Failure, Loading } from "../../ui/States";
import { Ago } from "../../ui/Time";

const CLOCK_MS = 5_000;

function Firing({ alerts }: { alerts: readonly Alert[] }) {
  const now = useNow(CLOCK_MS);
  return (
    <section className="as-card" aria-label="Firing now">
      <h2 className="as-card-title">Firing now</h2>
      {alerts.length === 0 ? (
        <span className="as-dim">No alert of this name fires.</span>
      ) : (
        <ul className="as-runbook-alerts">
          {alerts.map((alert) => (
            <li key={alert.id} className="as-row">
              <AlertMark severity={alert.severity} />
              <Link className="as-link" href={href(`alerts/${alert.id}`)}>
                {alert.title || alert.name}
              </Link>
              <span className="as-dim as-small as-end">
                <Ago at={alert.starts_at} nowMs={now} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Rules({ book }: { book: Runbook }) {
  if (!book.rules || book.rules.length === 0) return null;
  return (
    <section className="as-card" aria-label="Its rule">
      <h2 className="as-card-title">What raises it {book.pack && <span className="as-dim as-small as-aside">pack {book.pack}</span>}</h2>
      {book.rules.map((rule) => (
        <div key={rule.expr} className="as-stack">
          <Command text={rule.expr} what="the expression" />
          <div className="as-row as-small">
            {rule.hold_s > 0 && <span className="as-dim">for {formatDuration(rule.hold_s)}</span>}
            {rule.hold_blocks && <span className="as-dim">for {rule.hold_blocks}</span>}
            <Link className="as-link" href={href("metrics", { q: rule.expr, from: "-6h" })}>
              Open in Metrics
            </Link>
          </div>
        </div>
      ))}
    </section>
  );
}

function Book({ name }: { name: string }) {
  const answer = useQuery({ queryKey: ["runbook", name], queryFn: ({ signal }) => fetchRunbook(name, signal) });
  const alerts = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const firing = (alerts.data?.alerts ?? []).filter((alert) => alert.name === name && alert.state === "firing");
  const isAbsent = answer.error instanceof ApiProblem && answer.error.status === 404;
  if (answer.data) {
    return (
      <Page title={answer.data.title || name} controls={<All />}>
        <AlertNav />
        <div className="as-runbook">
          <section className="as-card" aria-label="Runbook">
            <Markdown text={answer.data.markdown.replace(/^# .*\n+/, "")} />
          </section>
          <div className="as-stack">
            <Firing alerts={firing} />
            <Rules book={answer.data} />
          </div>
        </div>
      </Page>
    );
  }
  return (
    <Page title="Runbook" controls={<All />}>
      <AlertNav />
      <section className="as-card">
        {isAbsent ? (
          <Empty title="There is no such runbook">
            No pack that ships here and no rule in force has one for <span className="as-mono as-break">{name}</span>. Give its rule an annotation{" "}
            <code>runbook</code> or <code>runbook_url</code>.
          </Empty>
        ) : answer.error ? (
          <Failure problem={answer.error} what="This runbook" onRetry={() => void answer.refetch()} />
        ) : (
          <Loading what="the runbook" lines={10} />
        )}
      </section>
    </Page>
  );
}

function All() {
  return (
    <Link className="as-link as-small" href={href("runbooks")}>
      All runbooks
    </Link>
  );
}

function Section({ pack, books, firing }: { pack: string; books: readonly RunbookEntry[]; firing: ReadonlySet<string> }) {
  const title = pack ? `Pack ${pack}` : "Other rules";
  return (
    <section className="as-card" aria-label={title}>
      <h2 className="as-card-title">
        {title} <span className="as-dim as-small as-aside">{books.length}</span>
      </h2>
      <ul className="as-runbook-list">
        {books.map((book) => (
          <li key={book.alertname}>
            <Link className="as-link as-break" href={href(`runbooks/${encodeURIComponent(book.alertname)}`)}>
              {book.title || book.alertname}
            </Link>
            {firing.has(book.alertname) && <span className="as-chip as-chip-error">firing</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function List() {
  const [query, change] = useQueryState();
  const words = query.get("filter") ?? "";
  const answer = useQuery({ queryKey: ["runbooks"], queryFn: ({ signal }) => fetchRunbooks(signal) });
  const alerts = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const firing = new Set((alerts.data?.alerts ?? []).filter((alert) => alert.state === "firing").map((alert) => alert.name));
  const sections = byPack(filterRunbooks(answer.data ?? [], words));
  return (
    <Page title="Runbooks">
      <AlertNav />
      {answer.data && answer.data.length > 0 && (
        <TextInput
          aria-label="Filter runbooks"
          placeholder="Filter by name or title"
          value={words}
          onChange={(event) => change({ filter: event.currentTarget.value || null }, { replace: true })}
        />
      )}
      <div className="as-stack" role="region" aria-label="Runbooks">
        {sections.map(([pack, books]) => (
          <Section key={pack} pack={pack} books={books} firing={firing} />
        ))}
        {sections.length === 0 && (
          <section className="as-card">
            {answer.data ? (
              <Empty title={answer.data.length > 0 ? "No runbook of that name" : "No runbook yet"}>
                Rules of packs bring theirs; a rule of yours has one with an annotation <code>runbook</code>.
              </Empty>
            ) : answer.error ? (
              <Failure problem={answer.error} what="Runbooks" onRetry={() => void answer.refetch()} />
            ) : (
              <Loading what="runbooks" />
            )}
          </section>
        )}
      </div>
    </Page>
  );
}

/** What to do about an alert, beside what fires of it now and the rule that raises it; without a name, all of them. */
export default function RunbooksPage({ rest }: { rest: string }) {
  return rest ? <Book key={rest} name={rest} /> : <List />;
}
