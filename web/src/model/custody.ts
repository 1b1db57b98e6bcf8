/** Wallets, our own open transactions, and spends against what was signed and asked for. */

const SATS_IN_BTC = 100_000_000n;

export interface Wallet {
  readonly chain: string;
  readonly node: string;
  readonly wallet: string;
  readonly is_loaded: boolean;
  readonly trusted_sats: number | null;
  readonly pending_sats: number | null;
  readonly immature_sats: number | null;
  readonly utxos: number | null;
  readonly dust_utxos: number | null;
  readonly dust_sats: number | null;
  readonly spend_vbytes: number | null;
  readonly spend_cost_sats: number | null;
  readonly fee_rate_sat_per_vb: number | null;
  readonly consolidation_advised: boolean | null;
  readonly consolidation_cost_sats: number | null;
  readonly consolidation_saving_sats: number | null;
  readonly keypool_size: number | null;
}

export interface WalletList {
  readonly wallets: readonly Wallet[];
}

export interface Bump {
  readonly kind: "rbf" | "cpfp";
  readonly fee_rate_sat_per_vb: number;
  readonly fee_sats: number;
  readonly extra_sats: number;
  readonly command: string;
}

export interface OwnTransaction {
  readonly chain: string;
  readonly node: string;
  readonly wallet: string;
  readonly txid: string;
  readonly direction: "deposit" | "withdrawal" | "internal";
  readonly amount_sats: number | null;
  readonly fee_sats: number | null;
  readonly fee_rate_sat_per_vb: number | null;
  readonly market_sat_per_vb: number | null;
  readonly seen_at: string | null;
  readonly age_blocks: number | null;
  readonly confirmations?: number | null;
  readonly is_stuck: boolean;
  readonly is_reopened?: boolean;
  readonly replaces?: string | null;
  readonly bump: Bump | null;
}

export interface TransactionList {
  readonly transactions: readonly OwnTransaction[];
}

export interface Spend {
  readonly chain: string;
  readonly wallet: string;
  readonly txid: string;
  readonly result: "matched" | "late" | "unmatched" | "waiting";
  readonly lacks: readonly string[];
  readonly amount_sats: number | null;
  readonly seen_at: string | null;
  readonly correlation_id: string;
  readonly message?: string;
}

export interface SpendList {
  readonly spends: readonly Spend[];
}

/** Whole sats as bitcoins, to the last sat: `0.00012345`. */
export function btcText(sats: number): string {
  const whole = BigInt(sats);
  const size = whole < 0n ? -whole : whole;
  return `${whole < 0n ? "-" : ""}${(size / SATS_IN_BTC).toLocaleString("en")}.${String(size % SATS_IN_BTC).padStart(8, "0")}`;
}

/** Whole sats with their unit: `1,234 sat`. */
export function satsText(sats: number | null): string {
  return sats === null ? "–" : `${sats.toLocaleString("en")} sat`;
}

/** Stuck ones first, then those that lost their confirmation, then the oldest. */
export function byUrgency(transactions: readonly OwnTransaction[]): readonly OwnTransaction[] {
  const rank = (one: OwnTransaction) => (one.is_stuck ? 0 : one.is_reopened ? 1 : 2);
  return [...transactions].sort((a, b) => rank(a) - rank(b) || (b.age_blocks ?? 0) - (a.age_blocks ?? 0) || a.txid.localeCompare(b.txid));
}

const RESULT_RANK: Record<Spend["result"], number> = { unmatched: 0, waiting: 1, late: 2, matched: 3 };

/** What nobody asked for first, then what is still waited for, then the newest. */
export function byConcern(spends: readonly Spend[]): readonly Spend[] {
  return [...spends].sort((a, b) => RESULT_RANK[a.result] - RESULT_RANK[b.result] || (b.seen_at ?? "").localeCompare(a.seen_at ?? ""));
}

/** How a fee rate stands to what the market asks: `half the market`, `1.4× the market`. */
export function againstMarket(rate: number | null, market: number | null): string | null {
  if (rate === null || !market) return null;
  const share = rate / market;
  if (share > 0.95 && share < 1.05) return "as the market";
  return `${share >= 10 ? Math.round(share) : Number(share.toPrecision(2))}× the market`;
}
