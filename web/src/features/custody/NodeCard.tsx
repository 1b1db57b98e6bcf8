import { memo } from "react";

import type { BitcoinNode } from "../../model/bitcoin";
import { formatVsize, gapFrequency, gapLevel, gapProbability, networkName, tipAgeS, type GapLevel } from "../../model/bitcoin";
import { feeRateNumber, feeRateText, feeRateUnit } from "../../model/custody";
import { HEALTH_LOOKS } from "../../model/health";
import { formatDuration, formatValue } from "../../model/units";
import { placeOfNode } from "../../model/verdict";
import { href } from "../../state/location";
import { useTick } from "../../state/tick";
import { Link } from "../../ui/Link";

const GAP_COLORS: Record<GapLevel, string> = { calm: "var(--as-dim)", warn: "var(--as-warn)", act: "var(--as-error)" };
const FEES_SHOWN = [1, 3, 6, 12, 144];

function Tip({ node }: { node: BitcoinNode }) {
  const ageS = tipAgeS(node, useTick());
  const probability = gapProbability(node, ageS);
  return (
    <div className="as-node-tip">
      <div>
        <span className="as-node-height" data-testid="height">
          {node.height === null ? "–" : node.height.toLocaleString("en")}
        </span>
        <span className="as-dim as-small">
          {node.headers !== null && node.height !== null && node.headers > node.height ? ` of ${node.headers.toLocaleString("en")} headers` : " height"}
        </span>
      </div>
      <div>
        <span className="as-node-age">{ageS === null ? "–" : formatDuration(Math.floor(ageS))}</span>
        <span className="as-dim as-small"> since its newest block</span>
      </div>
      {probability !== null && node.block_spacing_s !== null && (
        <div className="as-small" style={{ color: GAP_COLORS[gapLevel(probability)] }}>
          a gap this long comes {gapFrequency(probability, node.block_spacing_s)}
        </div>
      )}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Facts({ node }: { node: BitcoinNode }) {
  const { mempool } = node;
  const fees = node.fee_estimates.filter((one) => FEES_SHOWN.includes(one.target_blocks));
  return (
    <dl className="as-node-facts">
      <Fact name="Peers">
        {formatValue(node.peers_in)} in, {formatValue(node.peers_out)} out
      </Fact>
      <Fact name="Mempool">
        {mempool.transactions === null ? "–" : `${mempool.transactions.toLocaleString("en")} ${mempool.transactions === 1 ? "transaction" : "transactions"}, ${formatVsize(mempool.bytes ?? 0)}`}
      </Fact>
      <Fact name="Its memory">
        {formatValue(mempool.usage_bytes, "bytes")} of {formatValue(mempool.max_bytes, "bytes")}
      </Fact>
      <Fact name="Lowest fee">{feeRateText(mempool.min_fee_sat_per_vb, node.coin)}</Fact>
      <Fact name="Fee to confirm">
        {fees.length === 0 ? (
          <span className="as-dim">no estimate: too few transactions seen</span>
        ) : (
          <span className="as-fees">
            {fees.map((one) => (
              <span key={one.target_blocks}>
                <span className="as-dim">
                  in {one.target_blocks} {one.target_blocks === 1 ? "block" : ""}
                </span>{" "}
                {feeRateNumber(one.sat_per_vb)}
              </span>
            ))}
            <span className="as-dim">{feeRateUnit(node.coin)}</span>
          </span>
        )}
      </Fact>
      <Fact name="Blocks by">
        {node.zmq.addresses === 0 ? "polling: the node has no ZMQ" : node.zmq.silent_tip ? "polling: ZMQ is silent" : "ZMQ"}
        {node.zmq.lost > 0 && <span className="as-dim">, {node.zmq.lost.toLocaleString("en")} messages lost</span>}
      </Fact>
      {node.behind_blocks !== null && node.behind_blocks > 0 && (
        <Fact name="Behind">
          {node.behind_blocks} blocks{node.tip_lag_s ? ` for ${formatDuration(node.tip_lag_s)}` : ""}
        </Fact>
      )}
      <Fact name="Program">
        <span className="as-break">{node.program.replace(/^\/|\/$/g, "") || "–"}</span>
      </Fact>
    </dl>
  );
}

/** One node: how it is, where its chain ends and since when, who it talks to, what waits and what it costs. */
export const NodeCard = memo(function NodeCard({ node }: { node: BitcoinNode }) {
  const looks = HEALTH_LOOKS[node.status];
  return (
    <article className="as-node" style={{ borderTopColor: looks.color }} aria-label={`Node ${node.name}`} data-testid="node" data-at={placeOfNode(node.name)}>
      <header className="as-row">
        <span className="as-dot" style={{ color: looks.color }} />
        <h3>{node.name}</h3>
        {node.chain && <span className="as-chip">{networkName(node)}</span>}
        {node.is_settled === false && node.is_up && !node.is_downloading && <span className="as-chip">just started</span>}
        <span className="as-end as-small" style={{ color: looks.color }}>
          {looks.word}
        </span>
      </header>
      {node.status !== "healthy" && (
        <div className="as-small">
          <div className="as-break">{node.message}</div>
          {node.advice && <div className="as-dim">→ {node.advice}</div>}
        </div>
      )}
      <Tip node={node} />
      {node.is_downloading && node.progress !== null && (
        <div>
          <progress className="as-progress" max={1} value={node.progress} aria-label="Initial download" />
          <span className="as-small as-dim"> {formatValue(node.progress, "ratio")} downloaded</span>
        </div>
      )}
      {node.is_up && <Facts node={node} />}
      <footer className="as-row as-small">
        <Link className="as-link" href={href("logs", { q: `attributes.bitcoin.node:"${node.name}"`, from: "-24h" })}>
          Events
        </Link>
        <Link className="as-link" href={href("metrics", { q: `anya_bitcoin_tip_age_seconds{node="${node.name}"}`, from: "-24h" })}>
          Tip age over a day
        </Link>
      </footer>
    </article>
  );
});
