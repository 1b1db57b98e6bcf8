import { memo } from "react";

import { shortHash } from "../../model/bitcoin";
import { againstMarket, byUrgency, coinText, feeRateText, satsText, type Bump, type OwnTransaction } from "../../model/custody";
import { placeOfTransaction } from "../../model/verdict";
import { href } from "../../state/location";
import { Command } from "../../ui/Command";
import { Link } from "../../ui/Link";
import { TickingAgo } from "../../ui/Ticking";

const BUMPS: Record<Bump["kind"], string> = {
  rbf: "Replace it by one that pays more (RBF)",
  cpfp: "Spend its output with a child that pays for both (CPFP)",
};

/** What would confirm a stuck transaction, what that costs, and how it is done. */
function BumpCard({ bump, node, coin }: { bump: Bump; node: string; coin: string }) {
  return (
    <div className="as-bump">
      <div>
        <strong>{BUMPS[bump.kind]}</strong>: {feeRateText(bump.fee_rate_sat_per_vb, coin)}, a fee of {satsText(bump.fee_sats, coin)}, {satsText(bump.extra_sats, coin)} more
        than now.
      </div>
      <div>Type this where {node} runs:</div>
      <Command text={bump.command} what="the command" />
      {bump.note && <div className="as-small as-break">→ {bump.note}</div>}
    </div>
  );
}

function Age({ one }: { one: OwnTransaction }) {
  return (
    <span className="as-small as-dim">
      {one.age_blocks.toLocaleString("en")} {one.age_blocks === 1 ? "block" : "blocks"} without it
      {one.seen_at && (
        <>
          , seen <TickingAgo at={one.seen_at} />
        </>
      )}
    </span>
  );
}

const Row = memo(function Row({ one }: { one: OwnTransaction }) {
  const market = againstMarket(one.rate_sat_per_vb, one.market_sat_per_vb);
  return (
    <li className="as-tx" data-stuck={one.is_stuck} data-testid={one.is_stuck ? "stuck" : "transaction"} data-at={placeOfTransaction(one.txid)}>
      <div className="as-row">
        {one.is_stuck && <span className="as-chip as-chip-error">{one.is_evicted ? "thrown out of the mempool" : "stuck"}</span>}
        {one.status === "conflicted" && <span className="as-chip as-chip-error">another one has its inputs</span>}
        {one.is_reopened && <span className="as-chip as-chip-warn">lost its confirmation</span>}
        <strong>{one.direction}</strong>
        <span className="as-dim as-small">{one.wallet}</span>
        <Link className="as-mono as-link" href={href(`correlation/${one.txid}`)} title={one.txid}>
          {shortHash(one.txid)}
        </Link>
        <span className="as-end as-nowrap">
          {coinText(one.amount_sats, one.coin)} <span className="as-dim as-small">{satsText(one.amount_sats, one.coin)}</span>
        </span>
      </div>
      <div className="as-row">
        <Age one={one} />
        <span className="as-small as-end">
          {one.rate_sat_per_vb === null ? (
            <span className="as-dim">{one.is_in_mempool ? "fee not known" : "not in the mempool"}</span>
          ) : (
            <>
              {feeRateText(one.rate_sat_per_vb, one.coin)}
              {market && (
                <span className="as-dim">
                  , {market} ({feeRateText(one.market_sat_per_vb, one.coin)})
                </span>
              )}
            </>
          )}
        </span>
      </div>
      {one.is_evicted && (
        <div className="as-small">
          The mempool of {one.node} has it no more: it was full, kept it too long, or the node forgot it. No block brings it until it is sent again, or
          replaced; but others may have it still, so pay nobody a second time.
        </div>
      )}
      {one.bump && <BumpCard bump={one.bump} node={one.node} coin={one.coin} />}
      {one.is_stuck && !one.bump && one.lacks && <div className="as-small as-break">Cannot be bumped here: {one.lacks}</div>}
    </li>
  );
});

/** Our open transactions: the stuck ones first, with what would confirm them. */
export function Transactions({ transactions }: { transactions: readonly OwnTransaction[] }) {
  return (
    <ul className="as-rows">
      {byUrgency(transactions).map((one) => (
        <Row key={`${one.node}/${one.wallet}/${one.txid}`} one={one} />
      ))}
    </ul>
  );
}
