import "./correlation.css";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { gather, gatherExemplars } from "../../api/correlation";
import { CORRELATION_KEY } from "../../api/events";
import { stagesOf, timeLine, type Correlated } from "../../model/correlation";
import { href, navigate } from "../../state/location";
import { useNow } from "../../state/now";
import { CopyButton } from "../../ui/CopyButton";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { SearchBar } from "../../ui/SearchBar";
import { Empty, Failure, Loading } from "../../ui/States";
import { ZoneLabel } from "../../ui/Time";
import { EntryList } from "./EntryList";
import { SpendNote } from "./SpendNote";
import { StagePicture } from "./StagePicture";

const REFRESH_MS = 10_000; // a withdrawal goes on for as long as its blocks take
const CLOCK_MS = 10_000;

function Joined({ ids }: { ids: readonly string[] }) {
  const [asked = "", ...others] = ids;
  return (
    <div className="as-row as-small">
      <span className="as-mono as-break">{asked}</span>
      <CopyButton label="Copy" text={() => asked} />
      {others.length > 0 && <span className="as-dim">joined with</span>}
      {others.map((id) => (
        <Link key={id} className="as-link as-mono as-clip" href={href(`correlation/${id}`)} title={id}>
          {id}
        </Link>
      ))}
    </div>
  );
}

function Found({ found }: { found: Correlated }) {
  const measured = useQuery({
    queryKey: ["correlation-metrics", found.ids, found.rows.length, found.spans.length],
    queryFn: ({ signal }) => gatherExemplars(found, signal),
    placeholderData: keepPreviousData,
  });
  const entries = useMemo(() => timeLine({ ...found, exemplars: measured.data ?? [] }), [found, measured.data]);
  const stages = useMemo(() => stagesOf(found), [found]);
  return (
    <>
      <section className="as-card" aria-label="Operation">
        <Joined ids={found.ids} />
        {stages.length > 0 && <StagePicture stages={stages} />}
        {found.spends.map((spend) => (
          <SpendNote key={`${spend.wallet}/${spend.txid}`} spend={spend} />
        ))}
      </section>
      {[...found.faults, ...(measured.error ? [`Metrics: ${measured.error.message}`] : [])].map((fault) => (
        <div key={fault} className="as-warning" role="alert">
          Not all could be asked. {fault}
        </div>
      ))}
      <section className="as-card as-card-flush" aria-label="Time line">
        <EntryList entries={entries} isCut={found.isCut} />
      </section>
    </>
  );
}

function Answer({ id }: { id: string }) {
  const answer = useQuery({ queryKey: [...CORRELATION_KEY, id], queryFn: ({ signal }) => gather(id, signal), refetchInterval: REFRESH_MS });
  if (answer.data && timeLine(answer.data).length > 0) return <Found found={answer.data} />;
  return (
    <section className="as-card">
      {answer.data ? (
        <Empty title="Nothing carries this id">
          <span className="as-mono as-break">{id}</span> is in no span, record or alert of the last 30 days. A correlation id stands on every span
          and log line of the SDK (<code>anya.correlation_id</code>); a transaction&#39;s id joins what its wallet told.
        </Empty>
      ) : answer.error ? (
        <Failure problem={answer.error} what="This operation" onRetry={() => void answer.refetch()} />
      ) : (
        <Loading what="the operation" lines={10} />
      )}
    </section>
  );
}

/** One operation across traces, logs, audit, metrics, chain and alerts, by its correlation id or its transaction's id. */
export default function CorrelationPage({ rest }: { rest: string }) {
  const now = useNow(CLOCK_MS);
  return (
    <Page title="Correlation" controls={<ZoneLabel atMs={now} />}>
      <SearchBar
        key={rest}
        value={rest}
        label="Correlation id or transaction id"
        placeholder="correlation id or transaction id"
        history="correlation"
        onRun={(text) => navigate(href(text ? `correlation/${encodeURIComponent(text)}` : "correlation"))}
      />
      {rest ? (
        <Answer key={rest} id={rest} />
      ) : (
        <section className="as-card">
          <Empty title="Follow one operation">
            Give the correlation id that stands on a span, a log line, an audit record or an alert, or a transaction&#39;s id: everything that carries
            it stands here on one time line.{" "}
            <Link className="as-link" href={href("logs", { q: "event_name:custody_operation_started", from: "-24h" })}>
              Find one among the newest operations
            </Link>
          </Empty>
        </section>
      )}
    </Page>
  );
}
