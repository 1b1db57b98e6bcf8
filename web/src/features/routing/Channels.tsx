import { useQuery } from "@tanstack/react-query";

import { fetchChannels } from "../../api/own";
import { CHANNEL_LOOKS, sortChannels, type Channel } from "../../model/channels";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { Ago } from "../../ui/Time";
import { DeadLetters } from "./DeadLetters";

const REFRESH_MS = 5_000;

function Row({ channel, nowMs }: { channel: Channel; nowMs: number }) {
  const looks = CHANNEL_LOOKS[channel.state];
  return (
    <tr>
      <td>
        <b>{channel.receiver}</b>
        <div className="as-dim as-small">{channel.key}</div>
      </td>
      <td>{channel.kind}</td>
      <td>
        <span title={looks.means} style={{ color: looks.color, fontWeight: 600 }}>
          {looks.word}
        </span>
        {channel.since && (
          <div className="as-dim as-small">
            <Ago at={channel.since} nowMs={nowMs} />
          </div>
        )}
      </td>
      <td className="as-num">{channel.waiting}</td>
      <td className="as-num">{channel.dead}</td>
      <td className="as-break">{channel.last_error}</td>
    </tr>
  );
}

/** Every way to a person: how it does, what waits for it, what it could not deliver. */
export function Channels({ nowMs }: { nowMs: number }) {
  const answer = useQuery({ queryKey: ["channels"], queryFn: ({ signal }) => fetchChannels(signal), refetchInterval: REFRESH_MS });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="The channels" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="the channels" lines={6} />;
  return (
    <>
      {answer.data.length === 0 ? (
        <Empty title="No channel is configured">
          Receivers without integrations tell nobody.{" "}
          <Link className="as-link" href={href("routing")}>
            See the routes
          </Link>
        </Empty>
      ) : (
        <section className="as-card as-card-flush" aria-label="Channels">
          <div className="as-scroll">
            <table className="as-table as-channels">
              <thead>
                <tr>
                  <th>Receiver</th>
                  <th>Kind</th>
                  <th>State</th>
                  <th className="as-num">Waiting</th>
                  <th className="as-num">Dead</th>
                  <th>Last failure</th>
                </tr>
              </thead>
              <tbody>
                {sortChannels(answer.data).map((channel) => (
                  <Row key={channel.key} channel={channel} nowMs={nowMs} />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      <DeadLetters nowMs={nowMs} />
    </>
  );
}
