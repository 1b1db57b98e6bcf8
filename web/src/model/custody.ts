/** Wallets, our own open transactions, and spends against what was signed and asked for. */

const SMALLEST_IN_COIN = 100_000_000n;

/** Units of a coin by its label, as amounts are written; without a label it is Bitcoin. */
const UNITS: Readonly<Record<string, { readonly coin: string; readonly smallest: string }>> = {
  "": { coin: "BTC", smallest: "sat" },
  litecoin: { coin: "LTC", smallest: "litoshi" },
};

const unitsOf = (coin: string) => UNITS[coin] ?? { coin, smallest: `10⁻⁸ ${coin}` };

export interface Wallet {
  readonly node: string;
  readonly chain: string;
  /** `litecoin`, whose amounts are in litoshis; empty for Bitcoin. */
  readonly coin: string;
  readonly name: string;
  readonly looked_at: string | null;
  readonly is_loaded: boolean;
  readonly fault: string;
  readonly funds: { readonly trusted_sats: number; readonly pending_sats: number; readonly immature_sats: number } | null;
  readonly fee: { readonly sat_per_vb: number; readonly median_sat_per_vb: number | null; readonly source: string } | null;
  readonly coins: Coins | null;
  readonly keypool_size: number | null;
  readonly is_scanning: boolean;
}

/** What a wallet can spend, in how many pieces. */
export interface Coins {
  readonly coins: number;
  readonly sats: number;
  readonly sizes: readonly { readonly up_to_sats: number; readonly coins: number }[];
  readonly dust_coins: number | null;
  readonly dust_sats: number | null;
  readonly spend_vbytes: number;
  readonly spend_transactions: number;
  readonly spend_cost_sats: number | null;
  readonly consolidation: Consolidation | null;
}

/** Putting all coins together at today's fee; the saving is against spending them one by one at the median fee. */
export interface Consolidation {
  readonly is_advised: boolean;
  readonly coins: number;
  readonly transactions: number;
  readonly cost_sats: number;
  readonly saving_sats: number | null;
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
  /** What has to be done beside the command, such as unlocking the wallet. */
  readonly note: string;
}

export interface OwnTransaction {
  readonly chain: string;
  readonly coin: string;
  readonly node: string;
  readonly wallet: string;
  readonly txid: string;
  readonly direction: "deposit" | "withdrawal" | "internal";
  readonly status: "open" | "conflicted";
  readonly amount_sats: number;
  readonly fee_sats: number | null;
  readonly seen_at: string | null;
  readonly age_blocks: number;
  readonly is_in_mempool: boolean;
  readonly is_stuck: boolean;
  /** It is stuck since the mempool of its node does not have it any more. */
  readonly is_evicted: boolean;
  readonly is_reopened: boolean;
  readonly rate_sat_per_vb: number | null;
  readonly market_sat_per_vb: number | null;
  readonly bump: Bump | null;
  /** Why nothing here can free a stuck one. */
  readonly lacks: string;
}

export interface TransactionList {
  readonly transactions: readonly OwnTransaction[];
}

/** How the signature of a spend is known; empty where it lacks, or is not judged yet. */
export type SignatureProof = "carried" | "told" | "";

export type SpendState = "unmatched" | "waiting" | "late" | "accepted" | "matched" | "history";

export interface Spend {
  readonly chain: string;
  readonly coin: string;
  readonly txid: string;
  readonly wallet: string;
  readonly node: string;
  readonly direction: string;
  readonly amount_sats: number;
  readonly fee_sats: number;
  readonly state: SpendState;
  readonly lacks: readonly string[];
  readonly correlation_ids: readonly string[];
  readonly operation: string;
  readonly replaces: string;
  readonly is_gone: boolean;
  readonly seen_at: string | null;
  readonly signature: SignatureProof;
  /** The wallet's other transactions that spend one of the same outputs. */
  readonly rivals: readonly string[];
  readonly accepted_by: string;
  readonly note: string;
}

export interface SpendList {
  readonly spends: readonly Spend[];
}

/** Whole sats in their coin, to the last one: `0.00012345 BTC`, `0.50000000 LTC` where the coin is `litecoin`. */
export function coinText(sats: number, coin: string): string {
  const whole = BigInt(sats);
  const size = whole < 0n ? -whole : whole;
  return `${whole < 0n ? "-" : ""}${(size / SMALLEST_IN_COIN).toLocaleString("en")}.${String(size % SMALLEST_IN_COIN).padStart(8, "0")} ${unitsOf(coin).coin}`;
}

/** Whole sats with their unit: `1,234 sat`, `1,234 litoshi` where the coin is `litecoin`. */
export function satsText(sats: number | null, coin: string): string {
  return sats === null ? "–" : `${sats.toLocaleString("en")} ${unitsOf(coin).smallest}`;
}

/** The unit of a coin's fee rates: `sat/vB`, `litoshi/vB` where the coin is `litecoin`. */
export function feeRateUnit(coin: string): string {
  return `${unitsOf(coin).smallest}/vB`;
}

/** A fee rate as rates are compared, one decimal below 10, without its unit. */
export function feeRateNumber(ratePerVb: number | null): string {
  if (ratePerVb === null) return "–";
  return (ratePerVb >= 10 ? Math.round(ratePerVb) : Number(ratePerVb.toFixed(ratePerVb < 1 ? 2 : 1))).toLocaleString("en");
}

/** A fee rate with its unit: `2.5 sat/vB`, `13 litoshi/vB` where the coin is `litecoin`. */
export function feeRateText(ratePerVb: number | null, coin: string): string {
  return ratePerVb === null ? "–" : `${feeRateNumber(ratePerVb)} ${feeRateUnit(coin)}`;
}

/** Stuck ones first, then those that lost their confirmation, then the oldest. */
export function byUrgency(transactions: readonly OwnTransaction[]): readonly OwnTransaction[] {
  const rank = (one: OwnTransaction) => (one.is_stuck ? 0 : one.is_reopened ? 1 : 2);
  return [...transactions].sort((a, b) => rank(a) - rank(b) || b.age_blocks - a.age_blocks || a.txid.localeCompare(b.txid));
}

const LACK_WORDS: Readonly<Record<string, string>> = {
  request: "no request",
  approval: "no approval",
  signature: "no signature",
  amount: "more than was asked for, or too high a fee",
};

/** What is missing of a spend, in words: `no request`. */
export function lackWords(lack: string): string {
  return LACK_WORDS[lack] ?? `no ${lack}`;
}

/** How a spend stands to what it needs, as the end of a sentence: `no request, no approval`. */
export function standingText({ state, lacks }: Pick<Spend, "state" | "lacks">): string {
  if (state === "history") return "its wallet was not watched yet when it was made: not compared";
  if (state === "waiting") return "its request, approval and signature are being looked for";
  const words = lacks.map(lackWords).join(", ");
  if (!words) return "request, approval and signature are there";
  return state === "late" ? `all is there now; it came with ${words}` : words;
}

export const PROOF_WORDS: Record<Exclude<SignatureProof, "">, { readonly short: string; readonly long: string }> = {
  carried: { short: "signature found in it", long: "The transaction carries a signature of which the signer put the name on record when it was made." },
  told: { short: "signature told of", long: "A signer told of a signature at that time, and not of which: nothing shows that this is the one." },
};

const STATE_RANK: Record<SpendState, number> = { unmatched: 0, waiting: 1, late: 2, accepted: 2, matched: 2, history: 2 };

/** What nobody asked for first, then what is still waited for, then the newest. */
export function byConcern(spends: readonly Spend[]): readonly Spend[] {
  return [...spends].sort((a, b) => STATE_RANK[a.state] - STATE_RANK[b.state] || (b.seen_at ?? "").localeCompare(a.seen_at ?? ""));
}

/** How a fee rate stands to what the market asks: `half the market`, `1.4× the market`. */
export function againstMarket(rate: number | null, market: number | null): string | null {
  if (rate === null || !market) return null;
  const share = rate / market;
  if (share > 0.95 && share < 1.05) return "as the market";
  return `${share >= 10 ? Math.round(share) : Number(share.toPrecision(2))}× the market`;
}
