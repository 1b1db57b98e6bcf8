import { millisOf, troubledChains, type BitcoinNode } from "../../model/bitcoin";
import { formatAgo } from "../../model/time";
import { href } from "../../state/location";
import { useTick } from "../../state/tick";
import { Link } from "../../ui/Link";

/** What shook the chain: nodes that disagree now, and reorgs of the last hours. Nothing where all is calm. */
export function ReorgBanner({ nodes, reopened }: { nodes: readonly BitcoinNode[]; reopened: number }) {
  const nowMs = useTick();
  const { reorged, parted } = troubledChains(nodes, nowMs);
  if (reorged.length === 0 && parted.length === 0) return null;
  return (
    <div className="as-stack" role="alert" data-testid="reorg">
      {parted.map((node) => (
        <div key={node.name} className="as-warning as-warning-error">
          <strong>{node.name}</strong> is on another branch than {node.others_on_another_branch.join(", ")}: trust no confirmation until they
          agree.
        </div>
      ))}
      {reorged.map((node) => (
        <div key={node.name} className="as-warning">
          <strong>Reorg at {node.name}</strong>: {node.reorg?.depth_blocks} {node.reorg?.depth_blocks === 1 ? "block" : "blocks"} above{" "}
          {node.reorg?.fork_height.toLocaleString("en")} left the chain {formatAgo(millisOf(node.reorg?.seen_at ?? null) ?? nowMs, nowMs)}.{" "}
          {reopened > 0 ? `${reopened} of our transactions wait to be confirmed again.` : "None of our open transactions has lost its confirmation."}{" "}
          <Link className="as-link" href={href("logs", { q: `event_name:bitcoin.reorg attributes.bitcoin.node:"${node.name}"`, from: "-24h" })}>
            Which blocks
          </Link>
        </div>
      ))}
    </div>
  );
}
