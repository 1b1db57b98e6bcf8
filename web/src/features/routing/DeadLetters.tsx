import { Button, Modal } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { fetchNotifications, replayNotification } from "../../api/own";
import type { Notification } from "../../model/alerts";
import { href } from "../../state/location";
import { useAuthor } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { Link } from "../../ui/Link";
import { Problem } from "../../ui/Problem";
import { Empty, Failure, Loading } from "../../ui/States";
import { Ago, Time } from "../../ui/Time";

const PAGE_ROWS = 50;
const REFRESH_MS = 10_000;
const KEY = ["notifications", "failed", "dead letters"] as const;

function ReplayForm({ letter, onClose }: { letter: Notification; onClose: () => void }) {
  const [stored, store] = useAuthor();
  const [author, setAuthor] = useState(stored);
  const cache = useQueryClient();
  const doing = useMutation({
    mutationFn: () => replayNotification(letter.id, author.trim()),
    onSuccess: async () => {
      store(author.trim());
      await Promise.all([cache.invalidateQueries({ queryKey: ["notifications"] }), cache.invalidateQueries({ queryKey: ["channels"] })]);
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Send again: ${letter.receiver}`} lockScroll={false} closeButtonProps={{ "aria-label": "Close" }}>
      <form
        className="as-form"
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate();
        }}
      >
        <p className="as-dim">It goes to {letter.channel} once more, as it was; every attempt is on record.</p>
        <AuthorField value={author} onChange={setAuthor} />
        {doing.error && <Problem problem={doing.error} what="It was not sent." />}
        <div className="as-row as-form-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" size="xs" disabled={author.trim() === ""} loading={doing.isPending}>
            Send again
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function Row({ letter, nowMs, onReplay }: { letter: Notification; nowMs: number; onReplay: () => void }) {
  const last = letter.attempts[letter.attempts.length - 1];
  return (
    <tr>
      <td>
        <Time at={letter.at} />
        <div className="as-dim as-small">
          <Ago at={letter.at} nowMs={nowMs} />
        </div>
      </td>
      <td>
        {letter.receiver}
        <div className="as-dim as-small">{letter.channel}</div>
      </td>
      <td>
        {letter.alerts.map((alert) => (
          <div key={alert.id}>
            <Link className="as-link" href={href(`alerts/${alert.id}`)}>
              {alert.name}
            </Link>
          </div>
        ))}
      </td>
      <td className="as-break">{last?.detail}</td>
      <td>
        <Button size="compact-xs" variant="default" onClick={onReplay}>
          Send again
        </Button>
      </td>
    </tr>
  );
}

/** What no attempt could deliver; kept, so that it can be sent again. */
export function DeadLetters({ nowMs }: { nowMs: number }) {
  const [asked, setAsked] = useState<Notification | null>(null);
  const answer = useInfiniteQuery({
    queryKey: KEY,
    queryFn: ({ pageParam, signal }) => fetchNotifications({ status: "failed", limit: PAGE_ROWS, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    refetchInterval: REFRESH_MS,
  });
  const rows = answer.data?.pages.flatMap((page) => page.notifications) ?? [];
  return (
    <section className="as-card as-card-flush" aria-label="Dead letters">
      <h2 className="as-card-title as-group-title">Dead letters</h2>
      {answer.error && !answer.data ? (
        <Failure problem={answer.error} what="Dead letters" onRetry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Loading what="dead letters" />
      ) : rows.length === 0 ? (
        <Empty title="None">Everything that was to be told was told, or is still tried.</Empty>
      ) : (
        <div className="as-scroll">
          <table className="as-table as-channels">
            <thead>
              <tr>
                <th>When</th>
                <th>For</th>
                <th>Alerts</th>
                <th>Last answer</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {rows.map((letter) => (
                <Row key={letter.id} letter={letter} nowMs={nowMs} onReplay={() => setAsked(letter)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answer.hasNextPage && (
        <Button variant="subtle" size="xs" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
          Show older ones
        </Button>
      )}
      {asked && <ReplayForm letter={asked} onClose={() => setAsked(null)} />}
    </section>
  );
}
