import { MARK_SHAPES, markColor } from "../../charts/eventMarks";
import { useIsDark } from "../../charts/scheme";
import { countKinds, destinationOf, EVENT_KINDS, EVENT_WORDS, type EventKind, type TimedEvent } from "../../model/events";
import { formatValue } from "../../model/units";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { Failure } from "../../ui/States";
import { Time } from "../../ui/Time";
import type { FoundEvents } from "./useEvents";

interface Props {
  kinds: readonly EventKind[];
  found: FoundEvents;
  onToggle: (kind: EventKind) => void;
}

/** The mark of a kind, as the graphs have it. */
function Mark({ kind, isBad = false }: { kind: EventKind; isBad?: boolean }) {
  const isDark = useIsDark();
  return (
    <svg className="as-event-mark" viewBox="-1.2 -1.2 2.4 2.4" aria-hidden="true">
      <polygon points={MARK_SHAPES[kind].map((point) => point.join(",")).join(" ")} fill={markColor(kind, isBad, isDark)} />
    </svg>
  );
}

function EventRow({ event }: { event: TimedEvent }) {
  const { path, query } = destinationOf([event]);
  return (
    <li>
      <Mark kind={event.kind} isBad={event.isBad} />
      <span className="as-mono as-small">
        <Time at={event.atMs} />
      </span>
      <Link className="as-link as-break" href={href(path, query)}>
        {event.text}
      </Link>
    </li>
  );
}

function Told({ found }: { found: FoundEvents }) {
  if (found.problem) return <Failure problem={found.problem} what="The events" onRetry={found.retry} />;
  if (!found.answer) return <div className="as-small as-dim" role="status">Loading the events…</div>;
  const { events, records, total } = found.answer;
  if (events.length === 0) return <div className="as-small as-dim">No such events in this range.</div>;
  return (
    <>
      {total > records && (
        <div className="as-warning">
          The newest {formatValue(records, "count")} of {formatValue(total, "count")} records are drawn: shorten the range, or choose fewer kinds.
        </div>
      )}
      <details className="as-event-list">
        <summary>{events.length === 1 ? "1 event, as a list" : `${events.length} events, as a list`}</summary>
        <ol aria-label="Events drawn" className="as-scroll">
          {[...events].reverse().map((event) => (
            <EventRow key={event.key} event={event} />
          ))}
        </ol>
      </details>
    </>
  );
}

/** Which events the graphs show, with their marks and counts; and all that are drawn as a list, the newest first. */
export function EventBar({ kinds, found, onToggle }: Props) {
  const counts = countKinds(found.events);
  return (
    <section className="as-event-bar" aria-label="Events">
      <div className="as-row" role="group" aria-label="Events on the graphs">
        <span className="as-dim as-small">Events</span>
        {EVENT_KINDS.map((kind) => (
          <button key={kind} type="button" className="as-chip" aria-pressed={kinds.includes(kind)} onClick={() => onToggle(kind)}>
            <Mark kind={kind} />
            {EVENT_WORDS[kind]}
            {kinds.includes(kind) && found.answer && !found.isOld && <b>{counts.get(kind) ?? 0}</b>}
          </button>
        ))}
      </div>
      {kinds.length > 0 && <Told found={found} />}
    </section>
  );
}
