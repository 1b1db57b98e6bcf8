import { KINDS, KIND_WORDS, type Entry, type Kind } from "../../model/correlation";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { Link } from "../../ui/Link";
import { Time } from "../../ui/Time";

function readKinds(text: string | null): ReadonlySet<Kind> {
  const given = (text ?? "").split(",");
  return new Set(KINDS.filter((kind) => given.includes(kind)));
}

function Row({ entry, startMs }: { entry: Entry; startMs: number }) {
  const target = href(entry.to.path, entry.to.query);
  return (
    <li className="as-entry" data-kind={entry.kind} data-bad={entry.isBad} data-testid="entry">
      <span className="as-entry-time as-mono">
        <Time at={entry.atMs} parts="time-ms" />
        <span className="as-dim as-small">+{formatDuration((entry.atMs - startMs) / 1000)}</span>
      </span>
      <span className="as-entry-kind as-small">{KIND_WORDS[entry.kind]}</span>
      <span className="as-entry-text">
        <Link className="as-entry-link as-break" href={target}>
          {entry.title}
        </Link>
        {entry.durationS !== null && <span className="as-dim as-small"> {formatDuration(entry.durationS)}</span>}
        {entry.source && <span className="as-dim as-small"> {entry.source}</span>}
        {entry.detail && <span className="as-entry-detail as-dim">{entry.detail}</span>}
      </span>
    </li>
  );
}

/** The time line, narrowed by kind; what is shown stands in the address. */
export function EntryList({ entries, isCut }: { entries: readonly Entry[]; isCut: boolean }) {
  const [query, change] = useQueryState();
  const chosen = readKinds(query.get("kinds"));
  const shown = chosen.size === 0 ? entries : entries.filter((entry) => chosen.has(entry.kind));
  const toggle = (kind: Kind) => {
    const next = new Set(chosen);
    if (!next.delete(kind)) next.add(kind);
    change({ kinds: [...next].join(",") || null }, { replace: true });
  };
  const startMs = entries[0]?.atMs ?? 0;
  return (
    <>
      <div className="as-row as-entry-tools" role="group" aria-label="Kinds">
        {KINDS.map((kind) => {
          const count = entries.filter((entry) => entry.kind === kind).length;
          return (
            <button key={kind} type="button" className="as-chip" data-kind={kind} aria-pressed={chosen.has(kind)} disabled={count === 0} onClick={() => toggle(kind)}>
              <span className="as-entry-dot" /> {KIND_WORDS[kind]} <b>{count}</b>
            </button>
          );
        })}
      </div>
      {isCut && <div className="as-warning">There are more records than are shown: these are the oldest.</div>}
      <ol className="as-entries" aria-label="What happened">
        {shown.map((entry) => (
          <Row key={entry.key} entry={entry} startMs={startMs} />
        ))}
      </ol>
    </>
  );
}
