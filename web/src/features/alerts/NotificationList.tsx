import { Button, Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { fetchNotifications } from "../../api/own";
import type { Attempt, Notification } from "../../model/alerts";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { Ago, Time } from "../../ui/Time";

const PAGE_ROWS = 50;
const REFRESH_MS = 10_000;

const STATUS_LOOKS: Record<Notification["status"], { color: string; mark: string }> = {
  sent: { color: "var(--as-ok)", mark: "✓" },
  queued: { color: "var(--as-warn)", mark: "…" },
  failed: { color: "var(--as-error)", mark: "✕" },
};

const OUTCOME_COLORS: Record<Attempt["outcome"], string> = { ok: "var(--as-ok)", retry: "var(--as-warn)", failed: "var(--as-error)" };

const CONFIGURE = `# anyascope.yml
route:
  receiver: team
receivers:
  - name: team
    webhook_configs:
      - url: https://example.org/hook`;

function Attempts({ of, startMs }: { of: readonly Attempt[]; startMs: number }) {
  if (of.length === 0) return <span className="as-dim">not tried yet</span>;
  return (
    <ol className="as-attempts">
      {of.map((attempt) => (
        <li key={attempt.at}>
          <span style={{ color: OUTCOME_COLORS[attempt.outcome] }}>{attempt.outcome}</span>{" "}
          <span className="as-dim">after {formatDuration(Math.max((Date.parse(attempt.at) - startMs) / 1000, 0))}</span> {attempt.detail}
        </li>
      ))}
    </ol>
  );
}

/** What delivery did beside its attempts: storms, fallbacks, and who had it sent again. */
function Delivery({ one, nowMs }: { one: Notification; nowMs: number }) {
  return (
    <div className="as-dim as-small">
      {one.policy !== null && (
        <div>
          policy {one.policy}
          {one.level !== null && one.level >= 0 && `, level ${one.level + 1}`}
        </div>
      )}
      {one.told_in && <div>told in a summary</div>}
      {one.merged > 0 && <div>sums up {one.merged} notifications</div>}
      {one.stands_in_for && <div>in the place of {one.stands_in_for}</div>}
      {one.copies.length > 0 && <div>told by a fallback too</div>}
      {one.replays.map((replay) => (
        <div key={replay.at}>
          sent again by {replay.by} <Ago at={replay.at} nowMs={nowMs} />
        </div>
      ))}
    </div>
  );
}

function NotificationRow({ one, nowMs }: { one: Notification; nowMs: number }) {
  const looks = STATUS_LOOKS[one.status];
  return (
    <tr>
      <td>
        <Time at={one.at} />
        <div className="as-dim as-small">
          <Ago at={one.at} nowMs={nowMs} />
        </div>
      </td>
      <td>
        <span style={{ color: looks.color, fontWeight: 600 }}>
          {looks.mark} {one.status}
        </span>
      </td>
      <td>
        {one.receiver}
        <div className="as-dim as-small">{one.channel}</div>
      </td>
      <td>
        {one.reason}
        <Delivery one={one} nowMs={nowMs} />
      </td>
      <td>
        {one.alerts.map((alert) => (
          <div key={alert.id} className="as-row as-notified">
            <AlertMark severity={alert.severity} />
            <Link className="as-link" href={href(`alerts/${alert.id}`)}>
              {alert.name}
            </Link>
          </div>
        ))}
      </td>
      <td className="as-break">
        <Attempts of={one.attempts} startMs={Date.parse(one.at)} />
      </td>
    </tr>
  );
}

/** What was said to whom, when, and how each attempt ended; the newest first. */
export function NotificationList({ nowMs }: { nowMs: number }) {
  const [query, change] = useQueryState();
  const status = query.get("status");
  const answer = useInfiniteQuery({
    queryKey: ["notifications", status],
    queryFn: ({ pageParam, signal }) => fetchNotifications({ limit: PAGE_ROWS, cursor: pageParam, status }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    refetchInterval: REFRESH_MS,
  });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="Notifications" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="notifications" lines={8} />;
  const rows = answer.data.pages.flatMap((page) => page.notifications);
  return (
    <div className="as-stack">
      <div className="as-row">
        <Select
          size="xs"
          w={160}
          aria-label="Status"
          placeholder="any status"
          clearable
          data={["sent", "queued", "failed"]}
          value={status}
          onChange={(value) => change({ status: value })}
        />
      </div>
      {rows.length === 0 ? (
        <Empty title="Nothing was told to anybody yet" {...(status ? {} : { code: CONFIGURE })}>
          {status ? "Choose another status." : "Every notification and every attempt to deliver it stands here. Receivers are configured like this:"}
        </Empty>
      ) : (
        <div className="as-card as-card-flush as-scroll">
          <table className="as-table">
            <thead>
              <tr>
                <th>When</th>
                <th>Status</th>
                <th>Receiver</th>
                <th>Why</th>
                <th>Alerts</th>
                <th>Attempts</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <NotificationRow key={one.id} one={one} nowMs={nowMs} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answer.hasNextPage && (
        <Button variant="default" size="xs" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
          Older notifications
        </Button>
      )}
    </div>
  );
}
