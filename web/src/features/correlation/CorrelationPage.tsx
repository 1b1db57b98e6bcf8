import "./correlation.css";

import { useQuery } from "@tanstack/react-query";

import { CORRELATION_KEY } from "../../api/events";
import { fetchCorrelation } from "../../api/own";
import { progressText, type Correlation } from "../../model/correlation";
import { keepParts, type ShownCorrelation } from "../../model/correlationParts";
import { ApiProblem } from "../../model/problem";
import { href, navigate } from "../../state/location";
import { useNow } from "../../state/now";
import { CopyButton } from "../../ui/CopyButton";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { SearchBar } from "../../ui/SearchBar";
import { Empty, Failure, Loading, Stale } from "../../ui/States";
import { ZoneLabel } from "../../ui/Time";
import { AboutAlerts } from "./AboutAlerts";
import { Elsewhere } from "./Elsewhere";
import { EntryList } from "./EntryList";
import { OpenNote } from "./OpenNote";
import { PartNotes } from "./PartNotes";
import { Setbacks } from "./Setbacks";
import { SpendNote } from "./SpendNote";
import { StagePicture } from "./StagePicture";

const FOLLOW_MS = 2_000; // while it is under way; what nodes tell of it comes at once, by the live stream
const REFRESH_MS = 15_000; // of what has ended: a reorg may open it again
const CLOCK_MS = 10_000;

function Joined({ ids }: { ids: readonly string[] }) {
  const [asked = "", ...others] = ids;
  return (
    <div className="as-row as-small">
      <span className="as-mono as-break">{asked}</span>
      <CopyButton label="Copy" text={() => asked} />
      {others.length > 0 && <span className="as-dim">joined with</span>}
      {others.map((id) => (
        <Link key={id} className="as-link as-mono as-clip" href={href(`correlation/${encodeURIComponent(id)}`)} title={id}>
          {id}
        </Link>
      ))}
    </div>
  );
}

/** How far it came, in words, also for who cannot see the picture. */
function Progress({ found }: { found: Correlation }) {
  const text = progressText(found);
  if (!text) return null;
  return (
    <p className="as-stage-progress as-small" role="status" data-testid="progress">
      {text}
    </p>
  );
}

function Found({ found }: { found: ShownCorrelation }) {
  return (
    <>
      <section className="as-card" aria-label="Operation">
        <Joined ids={found.ids} />
        {found.stages.length > 0 && <StagePicture stages={found.stages} />}
        <Progress found={found} />
        <Setbacks setbacks={found.setbacks} />
        {found.spends.map((spend) => (
          <SpendNote key={`${spend.chain}/${spend.txid}`} spend={spend} />
        ))}
        <OpenNote ids={found.ids} />
        <AboutAlerts alerts={found.alerts} />
        <Elsewhere traces={found.traces} figures={found.figures} />
      </section>
      <PartNotes found={found} />
      <section className="as-card as-card-flush" aria-label="Time line">
        <EntryList entries={found.entries} />
      </section>
    </>
  );
}

function Answer({ id }: { id: string }) {
  const answer = useQuery({
    queryKey: [...CORRELATION_KEY, id],
    queryFn: async ({ client, queryKey, signal }) => {
      const found = await fetchCorrelation(id, signal);
      return keepParts(client.getQueryData<ShownCorrelation>(queryKey), found, Date.now());
    },
    // Also where nothing carries it yet: its first record may be on its way.
    refetchInterval: (query) => (query.state.data?.is_under_way || query.state.error ? FOLLOW_MS : REFRESH_MS),
  });
  if (answer.data) {
    return (
      <>
        {answer.error && <Stale problem={answer.error} atMs={answer.dataUpdatedAt} />}
        <Found found={answer.data} />
      </>
    );
  }
  return (
    <section className="as-card">
      {answer.error instanceof ApiProblem && answer.error.status === 404 ? (
        <Empty title="Nothing carries this id">
          <span className="as-mono as-break">{id}</span> is in no span, record or alert of the last 30 days. A correlation id stands on every span
          and log line of the SDK (<code>anya.correlation_id</code>); a transaction&#39;s id joins what its wallet told. This page looks again by
          itself.
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
        onRun={(text) => navigate(href(text.trim() ? `correlation/${encodeURIComponent(text.trim())}` : "correlation"))}
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
