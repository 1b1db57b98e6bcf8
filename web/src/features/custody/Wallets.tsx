import { memo } from "react";

import { networkName } from "../../model/bitcoin";
import { coinText, feeRateText, satsText, type Coins, type Wallet } from "../../model/custody";
import { formatValue } from "../../model/units";
import { placeOfWallet } from "../../model/verdict";

function Funds({ name, sats, coin }: { name: string; sats: number; coin: string }) {
  if (sats === 0) return null;
  return (
    <span className="as-small">
      <span className="as-dim">{name}</span> {coinText(sats, coin)}
    </span>
  );
}

function Pieces({ coins, wallet }: { coins: Coins; wallet: Wallet }) {
  return (
    <div className="as-small">
      {formatValue(coins.coins, "count")} {coins.coins === 1 ? "output" : "outputs"}
      {coins.dust_coins ? (
        <>
          , <span className="as-warn-text">{coins.dust_coins.toLocaleString("en")} of them dust</span> ({satsText(coins.dust_sats, wallet.coin)})
        </>
      ) : null}
      {coins.spend_cost_sats !== null && coins.coins > 0 && (
        <>
          {" "}
          · to spend it all today: {satsText(coins.spend_cost_sats, wallet.coin)}
          {wallet.fee && ` at ${feeRateText(wallet.fee.sat_per_vb, wallet.coin)}`}
          {coins.spend_transactions > 1 && `, in ${coins.spend_transactions.toLocaleString("en")} transactions`}
        </>
      )}
    </div>
  );
}

function Hint({ coins, wallet }: { coins: Coins; wallet: Wallet }) {
  const plan = coins.consolidation;
  if (plan === null || plan.transactions === 0) return null;
  if (plan.is_advised) {
    return (
      <div className="as-warning as-wallet-hint">
        Fees are low: put {plan.coins.toLocaleString("en")} outputs together for {satsText(plan.cost_sats, wallet.coin)} and save {satsText(plan.saving_sats, wallet.coin)} later.
      </div>
    );
  }
  const median = wallet.fee?.median_sat_per_vb ?? null;
  return (
    <div className="as-small as-dim">
      Putting {plan.coins.toLocaleString("en")} outputs together costs {satsText(plan.cost_sats, wallet.coin)}:{" "}
      {median === null ? "whether that is cheap is known after two days of fees" : `cheap well below the median of ${feeRateText(median, wallet.coin)}`}.
    </div>
  );
}

const WalletCard = memo(function WalletCard({ wallet }: { wallet: Wallet }) {
  const { funds, coins } = wallet;
  return (
    <li className="as-wallet" data-testid="wallet" data-at={placeOfWallet(wallet.name)}>
      <div className="as-row">
        <strong>{wallet.name}</strong>
        <span className="as-dim as-small">
          {wallet.node} · {networkName(wallet)}
        </span>
        {!wallet.is_loaded && <span className="as-chip as-chip-error as-end">not loaded at the node</span>}
        {wallet.is_scanning && <span className="as-chip as-chip-warn as-end">goes through old blocks: not final</span>}
      </div>
      {wallet.fault && <div className="as-small as-break as-error-text">{wallet.fault}</div>}
      {funds && (
        <>
          <div>
            <span className="as-wallet-funds">{coinText(funds.trusted_sats, wallet.coin)}</span> <span className="as-dim as-small">{satsText(funds.trusted_sats, wallet.coin)}</span>
          </div>
          <div className="as-row">
            <Funds name="pending" sats={funds.pending_sats} coin={wallet.coin} />
            <Funds name="immature" sats={funds.immature_sats} coin={wallet.coin} />
          </div>
        </>
      )}
      {coins && <Pieces coins={coins} wallet={wallet} />}
      {coins && <Hint coins={coins} wallet={wallet} />}
    </li>
  );
});

/** Each wallet: what it holds, in how many pieces, and what it would cost to move. */
export function Wallets({ wallets }: { wallets: readonly Wallet[] }) {
  return (
    <ul className="as-rows" tabIndex={0} aria-label="Wallets">
      {wallets.map((wallet) => (
        <WalletCard key={`${wallet.node}/${wallet.name}`} wallet={wallet} />
      ))}
    </ul>
  );
}
