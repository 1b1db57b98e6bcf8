import { memo } from "react";

import { KINDS, KIND_WORDS, exactMs, keyed, targetOf, type Entry, type Kind } from "../../model/correlation";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { Link } from "../../ui/Link";
import { Time } from "../../ui/Time";

function readKinds(text: string | null): ReadonlySet<Kind> {
  const given = (text ?? "").split(",");
  return new Set(KINDS.filter((kind) => given.includes(kind)));
}

const Row = memo(function Row({ entry, startMs }: { entry: Entry; startMs: number }) {
  const target = targetOf(entry);
  return (
    <li className="as-entry" data-kind={entry.kind} data-bad={entry.is_bad} data-testid="entry">
      <span className="as-entry-time as-mono">
        <Time at={entry.at} parts="time-ms" />
        <span className="as-dim as-small">+{formatDuration((exactMs(entry.at) - startMs) / 1000)}</span>
      </span>
      <span className="as-entry-kind as-small">{KIND_WORDS[entry.kind]}</span>
      <span className="as-entry-text">
        <Link className="as-entry-link as-break" href={href(target.path, target.query)}>
          {entry.title}
        </Link>
        {entry.duration_ns !== null && <span className="as-dim as-small"> {formatDuration(entry.duration_ns / 1e9)}</span>}
        {entry.source && <span className="as-dim as-small"> {entry.source}</span>}
        {entry.detail && (
          <span className="as-entry-detail as-dim" title={entry.detail}>
            {entry.detail}
          </span>
        )}
      </span>
    </li>
  );
});

/** The time line, narrowed by kind; what is shown stands in the address. */
export function EntryList({ entries }: { entries: readonly Entry[] }) {
  const [query, change] = useQueryState();
  const chosen = readKinds(query.get("kinds"));
  const shown = chosen.size === 0 ? entries : entries.filter((entry) => chosen.has(entry.kind));
  const toggle = (kind: Kind) => {
    const next = new Set(chosen);
    if (!next.delete(kind)) next.add(kind);
    change({ kinds: [...next].join(",") || null }, { replace: true });
  };
  const startMs = entries[0] ? exactMs(entries[0].at) : 0;
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
      <ol className="as-entries" aria-label="What happened">
        {keyed(shown).map(([key, entry]) => (
          <Row key={key} entry={entry} startMs={startMs} />
        ))}
      </ol>
    </>
  );
}
