import { formatFeeRate } from "../../model/bitcoin";
import { btcText, satsText, type Wallet } from "../../model/custody";
import { formatValue } from "../../model/units";

function Funds({ name, sats }: { name: string; sats: number | null }) {
  if (!sats) return null;
  return (
    <span className="as-small">
      <span className="as-dim">{name}</span> {btcText(sats)}
    </span>
  );
}

function Hint({ wallet }: { wallet: Wallet }) {
  if (wallet.consolidation_advised === null) return null;
  if (!wallet.consolidation_advised) {
    return wallet.consolidation_saving_sats && wallet.consolidation_saving_sats > 0 ? (
      <span className="as-small as-dim">consolidating now is not cheap</span>
    ) : null;
  }
  return (
    <div className="as-warning as-wallet-hint">
      Fees are low: consolidate for {satsText(wallet.consolidation_cost_sats)} and save {satsText(wallet.consolidation_saving_sats)} later.
    </div>
  );
}

function WalletCard({ wallet }: { wallet: Wallet }) {
  return (
    <li className="as-wallet" data-testid="wallet">
      <div className="as-row">
        <strong>{wallet.wallet}</strong>
        <span className="as-dim as-small">
          {wallet.node} · {wallet.chain}
        </span>
        {!wallet.is_loaded && <span className="as-chip as-chip-error as-end">not loaded at the node</span>}
      </div>
      {wallet.is_loaded && (
        <>
          <div>
            <span className="as-wallet-funds">{wallet.trusted_sats === null ? "–" : `${btcText(wallet.trusted_sats)} BTC`}</span>{" "}
            <span className="as-dim as-small">{satsText(wallet.trusted_sats)}</span>
          </div>
          <div className="as-row">
            <Funds name="pending" sats={wallet.pending_sats} />
            <Funds name="immature" sats={wallet.immature_sats} />
          </div>
          <div className="as-small">
            {formatValue(wallet.utxos, "count")} outputs
            {wallet.dust_utxos ? (
              <span>
                , <span style={{ color: "var(--as-warn)" }}>{wallet.dust_utxos.toLocaleString("en")} of them dust</span> ({satsText(wallet.dust_sats)})
              </span>
            ) : null}
            {wallet.spend_cost_sats !== null && (
              <>
                {" "}
                · to spend it all today: {satsText(wallet.spend_cost_sats)} at {formatFeeRate(wallet.fee_rate_sat_per_vb)}
              </>
            )}
          </div>
          <Hint wallet={wallet} />
        </>
      )}
    </li>
  );
}

/** Each wallet: what it holds, in how many pieces, and what it would cost to move. */
export function Wallets({ wallets }: { wallets: readonly Wallet[] }) {
  return (
    <ul className="as-rows">
      {wallets.map((wallet) => (
        <WalletCard key={`${wallet.node}/${wallet.wallet}`} wallet={wallet} />
      ))}
    </ul>
  );
}
