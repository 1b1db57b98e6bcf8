import { shortHash, type Strip, type StripBlock } from "../../model/bitcoin";
import { formatAgo } from "../../model/time";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";

const NEW_MS = 12_000; // long enough to be seen by who looks up, short enough to be news

interface Props {
  strip: Strip;
  own: ReadonlyMap<string, number>;
  nowMs: number;
}

/** A block that some of the network's `nodes` lack says who has it. */
function BlockTile({ block, nodes, own, nowMs }: { block: StripBlock; nodes: number; own: number; nowMs: number }) {
  const isNew = block.seenMs !== null && nowMs - block.seenMs < NEW_MS;
  return (
    <li className="as-block" data-new={isNew} data-contested={block.isContested} data-testid="block" data-height={block.height}>
      <strong>{block.height.toLocaleString("en")}</strong>
      <span className="as-small as-dim">{block.seenMs === null ? "before start" : formatAgo(block.seenMs, nowMs)}</span>
      <Link className="as-mono as-link" href={href("logs", { q: `correlation_id:"${block.hash}"`, from: "-7d" })} title={block.hash}>
        {shortHash(block.hash)}
      </Link>
      {own > 0 && (
        <span className="as-chip as-chip-good" title="Transactions of ours that it confirmed">
          {own} of ours
        </span>
      )}
      {block.nodes.length < nodes && <span className="as-small as-block-nodes">only {block.nodes.join(", ")}</span>}
    </li>
  );
}

/** The newest blocks of one network, the newest at the left; one that just came shows it. */
export function BlockStrip({ strip, own, nowMs }: Props) {
  const tip = strip.blocks[0];
  return (
    <section className="as-card" aria-label={`Newest blocks of ${strip.network}`}>
      <h2 className="as-card-title">
        Newest blocks <span className="as-chip">{strip.network}</span>
      </h2>
      <ol className="as-blocks" tabIndex={0} aria-label="Blocks, the newest first">
        {strip.blocks.map((block) => (
          <BlockTile key={block.hash} block={block} nodes={strip.nodes} own={own.get(block.hash) ?? 0} nowMs={nowMs} />
        ))}
      </ol>
      <span className="as-sr" role="status">
        {tip ? `Block ${tip.height.toLocaleString("en")}` : ""}
      </span>
    </section>
  );
}
