import { Button, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { SILENCES_KEY } from "../../api/events";
import { fetchSilence, fetchSilences } from "../../api/own";
import { ApiProblem } from "../../model/problem";
import { SILENCE_STATES, filterSilences, type Silence } from "../../model/silences";
import { href, navigate, useQueryState } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { SilenceCard } from "./SilenceCard";

const PAGE_ROWS = 100;
const REFRESH_MS = 10_000;

function Tools({ state }: { state: string | null }) {
  const [query, change] = useQueryState();
  return (
    <div className="as-row">
      <TextInput
        className="as-grow"
        maw={420}
        size="xs"
        data-search
        aria-label="Filter silences"
        placeholder="label, author or reason"
        leftSection={<Icon name="search" size={13} />}
        value={query.get("filter") ?? ""}
        onChange={(event) => change({ filter: event.currentTarget.value }, { replace: true })}
      />
      <div className="as-row" role="group" aria-label="States">
        {SILENCE_STATES.map((name) => (
          <button key={name} type="button" className="as-chip" aria-pressed={state === name} onClick={() => change({ state: state === name ? null : name })}>
            {name}
          </button>
        ))}
      </div>
      <Button size="xs" className="as-end" leftSection={<Icon name="plus" size={13} />} onClick={() => navigate(href("silences/new"))}>
        New silence
      </Button>
    </div>
  );
}

function NoSilences({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <Empty title="No silence matches">Take away a filter.</Empty>;
  return (
    <Empty title="Nothing is silenced">
      Every alert is told to its receivers.{" "}
      <Link className="as-link" href={href("silences/new")}>
        Make a silence
      </Link>{" "}
      before a maintenance, or from an alert’s page.
    </Empty>
  );
}

function Rows({ silences, openedId, nowMs }: { silences: readonly Silence[]; openedId: string; nowMs: number }) {
  const [query] = useQueryState();
  const found = filterSilences(silences, query.get("filter") ?? "");
  if (found.length === 0) return <NoSilences isFiltered={silences.length > 0 || query.get("state") !== null} />;
  return (
    <ul className="as-silences">
      {found.map((silence) => (
        <SilenceCard key={silence.id} silence={silence} isOpen={silence.id === openedId} nowMs={nowMs} />
      ))}
    </ul>
  );
}

/** A silence that a link names and the list does not show: it may be of another state, or further down. */
function Linked({ id, nowMs }: { id: string; nowMs: number }) {
  const answer = useQuery({ queryKey: [...SILENCES_KEY, "one", id], queryFn: ({ signal }) => fetchSilence(id, signal) });
  if (answer.data) {
    return (
      <ul className="as-silences">
        <SilenceCard silence={answer.data} isOpen nowMs={nowMs} />
      </ul>
    );
  }
  if (answer.error instanceof ApiProblem && answer.error.status === 404) {
    return (
      <Empty title="There is no such silence">
        <span className="as-mono">{id}</span> was never made here, or ended so long ago that it is forgotten.
      </Empty>
    );
  }
  return answer.error ? <Failure problem={answer.error} what="This silence" onRetry={() => void answer.refetch()} /> : <Loading what="the silence" lines={3} />;
}

/** Silences as the server orders them, narrowed by state and words. */
export function SilenceList({ openedId, nowMs }: { openedId: string; nowMs: number }) {
  const [query] = useQueryState();
  const state = query.get("state");
  const answer = useInfiniteQuery({
    queryKey: [...SILENCES_KEY, state],
    queryFn: ({ pageParam, signal }) => fetchSilences({ state, limit: PAGE_ROWS, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    refetchInterval: REFRESH_MS,
  });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="Silences" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="silences" lines={8} />;
  const silences = answer.data.pages.flatMap((page) => page.silences);
  const isMissing = openedId !== "" && !silences.some((silence) => silence.id === openedId);
  return (
    <div className="as-stack">
      <Tools state={state} />
      {isMissing && <Linked id={openedId} nowMs={nowMs} />}
      <Rows silences={silences} openedId={openedId} nowMs={nowMs} />
      {answer.hasNextPage && (
        <Button variant="default" size="xs" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
          Show older ones
        </Button>
      )}
    </div>
  );
}
