import type { ReactNode } from "react";

import { shortHash, type Strip, type StripBlock } from "../../model/bitcoin";
import { formatAgo } from "../../model/time";
import { href } from "../../state/location";
import { useTick } from "../../state/tick";
import { Link } from "../../ui/Link";

const NEW_MS = 12_000; // long enough to be seen by who looks up, short enough to be news

interface Props {
  strip: Strip;
  own: ReadonlyMap<string, number>;
}

/** The frame of a block, which shows for a while that it is new. */
function Tile({ block, children }: { block: StripBlock; children: ReactNode }) {
  const nowMs = useTick();
  const isNew = block.seenMs !== null && nowMs - block.seenMs < NEW_MS;
  return (
    <li className="as-block" data-new={isNew} data-contested={block.isContested} data-testid="block" data-height={block.height}>
      {children}
    </li>
  );
}

function Age({ seenMs }: { seenMs: number | null }) {
  const nowMs = useTick();
  return <span className="as-small as-dim">{seenMs === null ? "before start" : formatAgo(seenMs, nowMs)}</span>;
}

/** A block that some of the network's `nodes` lack says who has it. */
function BlockTile({ block, nodes, own }: { block: StripBlock; nodes: number; own: number }) {
  return (
    <Tile block={block}>
      <strong>{block.height.toLocaleString("en")}</strong>
      <Age seenMs={block.seenMs} />
      <Link className="as-mono as-link" href={href("logs", { q: `correlation_id:"${block.hash}"`, from: "-7d" })} title={block.hash}>
        {shortHash(block.hash)}
      </Link>
      {own > 0 && (
        <span className="as-chip as-chip-good" title="Transactions of ours that it confirmed">
          {own} of ours
        </span>
      )}
      {block.nodes.length < nodes && <span className="as-small as-block-nodes">only {block.nodes.join(", ")}</span>}
    </Tile>
  );
}

/** The newest blocks of one network, the newest at the left; one that just came shows it. */
export function BlockStrip({ strip, own }: Props) {
  const tip = strip.blocks[0];
  return (
    <section className="as-card" aria-label={`Newest blocks of ${strip.network}`}>
      <h2 className="as-card-title">
        Newest blocks <span className="as-chip">{strip.network}</span>
      </h2>
      <ol className="as-blocks" tabIndex={0} aria-label="Blocks, the newest first">
        {strip.blocks.map((block) => (
          <BlockTile key={block.hash} block={block} nodes={strip.nodes} own={own.get(block.hash) ?? 0} />
        ))}
      </ol>
      <span className="as-sr" role="status">
        {tip ? `Block ${tip.height.toLocaleString("en")}` : ""}
      </span>
    </section>
  );
}
