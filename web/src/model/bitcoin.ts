/** Watched Bitcoin nodes as the server tells them, and what a reader wants to know of them. */

import type { HealthStatus } from "./health";
import type { LogRow } from "./logs";
import { parseNanos } from "./time";

export interface Block {
  readonly height: number;
  readonly hash: string;
  readonly seen_at: string | null;
}

export interface BitcoinNode {
  readonly name: string;
  readonly chain: string;
  /** `litecoin`; empty for Bitcoin. Chains of two coins have the same names. */
  readonly coin: string;
  readonly status: HealthStatus;
  readonly message: string;
  readonly advice: string;
  readonly since: string | null;
  readonly looked_at: string | null;
  readonly is_up: boolean;
  readonly program: string;
  readonly version: number | null;
  readonly height: number | null;
  readonly headers: number | null;
  readonly tip_hash: string;
  readonly tip_time: string | null;
  readonly tip_age_s: number | null;
  readonly gap_probability: number | null;
  readonly block_spacing_s: number | null;
  readonly tip_lag_s: number | null;
  readonly is_settled: boolean | null;
  readonly is_downloading: boolean | null;
  readonly progress: number | null;
  readonly peers_in: number | null;
  readonly peers_out: number | null;
  readonly mempool: {
    readonly transactions: number | null;
    readonly bytes: number | null;
    readonly usage_bytes: number | null;
    readonly max_bytes: number | null;
    readonly min_fee_sat_per_vb: number | null;
  };
  readonly fee_estimates: readonly { readonly target_blocks: number; readonly sat_per_vb: number }[];
  readonly behind_blocks: number | null;
  readonly others_on_another_branch: readonly string[];
  readonly reorgs: number;
  readonly reorg: { readonly depth_blocks: number; readonly fork_height: number; readonly seen_at: string | null } | null;
  readonly zmq: { readonly addresses: number; readonly messages: number; readonly lost: number; readonly silent_tip: string };
  readonly blocks: readonly Block[];
}

export interface NodeList {
  readonly nodes: readonly BitcoinNode[];
}

const SECONDS_A_DAY = 86_400;

/** Unix milliseconds of a time of the server's; null where there is none. */
export function millisOf(time: string | null): number | null {
  return time === null ? null : Number(parseNanos(time) / 1_000_000n);
}

/** Seconds since the tip came: what the node told, and the time since then; null where it told nothing. */
export function tipAgeS(node: BitcoinNode, nowMs: number): number | null {
  const lookedMs = millisOf(node.looked_at);
  if (node.tip_age_s === null || lookedMs === null) return null;
  return Math.max(0, node.tip_age_s + (nowMs - lookedMs) / 1000);
}

/** How likely a healthy network leaves a gap of at least this age; null where its spacing is not known. */
export function gapProbability(node: BitcoinNode, ageS: number | null): number | null {
  if (ageS === null || !node.block_spacing_s) return node.gap_probability;
  return Math.exp(-ageS / node.block_spacing_s);
}

function count(value: number): string {
  return value >= 10 ? String(Math.round(value)) : value.toPrecision(2).replace(/\.0$/, "");
}

/** How often a gap so unlikely comes, at this spacing: `53 times a day`, `every 2.8 days`. */
export function gapFrequency(probability: number, spacingS: number): string {
  const aDay = (SECONDS_A_DAY / spacingS) * probability;
  if (aDay >= 1.5) return `${count(aDay)} times a day`;
  if (aDay >= 0.75) return "once a day";
  if (aDay < 1 / 3_652) return "less than once in ten years";
  return `every ${count(1 / aDay)} days`;
}

export type GapLevel = "calm" | "warn" | "act";

const RARE = 0.0025; // over 60 minutes on the main network, every 2.8 days
const UNHEARD = 0.000125; // over 90 minutes, every 56 days

/** How a gap is to be looked at. */
export function gapLevel(probability: number | null): GapLevel {
  if (probability === null || probability > RARE) return "calm";
  return probability > UNHEARD ? "warn" : "act";
}

/** A block of the strip: who has it in its best chain, and since when it was seen first. */
export interface StripBlock {
  readonly height: number;
  readonly hash: string;
  readonly seenMs: number | null;
  readonly nodes: readonly string[];
  /** Whether another block has its height: the nodes disagree. */
  readonly isContested: boolean;
}

export interface Strip {
  readonly network: string;
  /** How many nodes are on it. */
  readonly nodes: number;
  readonly blocks: readonly StripBlock[];
}

/** A network as people call it: `main`, `Litecoin main`; empty where the node never told its chain. */
export function networkName({ coin, chain }: Pick<BitcoinNode, "coin" | "chain">): string {
  return coin && chain ? `${coin.slice(0, 1).toUpperCase()}${coin.slice(1)} ${chain}` : chain;
}

/** The newest blocks of each network over all its nodes, the newest first. */
export function strips(nodes: readonly BitcoinNode[], limit: number): readonly Strip[] {
  const networks = [...new Set(nodes.map(networkName).filter((network) => network !== ""))];
  return networks
    .map((network) => {
      const members = nodes.filter((node) => networkName(node) === network);
      return { network, nodes: members.length, blocks: newest(members, limit) };
    })
    .filter((strip) => strip.blocks.length > 0);
}

function newest(nodes: readonly BitcoinNode[], limit: number): StripBlock[] {
  const found = new Map<string, { height: number; seenMs: number | null; nodes: string[] }>();
  for (const node of nodes) {
    for (const block of node.blocks) {
      const known = found.get(block.hash) ?? { height: block.height, seenMs: null, nodes: [] };
      const seenMs = millisOf(block.seen_at);
      known.nodes.push(node.name);
      if (seenMs !== null && (known.seenMs === null || seenMs < known.seenMs)) known.seenMs = seenMs;
      found.set(block.hash, known);
    }
  }
  const heights = [...found.values()].map((block) => block.height);
  return [...found.entries()]
    .map(([hash, block]) => ({ hash, ...block, isContested: heights.filter((height) => height === block.height).length > 1 }))
    .sort((a, b) => b.height - a.height || a.hash.localeCompare(b.hash))
    .slice(0, limit);
}

const REORG_SHOWN_MS = 6 * 3_600_000; // a reorg is over after an hour; its consequences are looked after for a shift

/** Nodes whose last reorg is recent enough to be told, and those that disagree now. */
export function troubledChains(nodes: readonly BitcoinNode[], nowMs: number): { reorged: readonly BitcoinNode[]; parted: readonly BitcoinNode[] } {
  const isRecent = (node: BitcoinNode) => {
    const seenMs = millisOf(node.reorg?.seen_at ?? null);
    return seenMs !== null && nowMs - seenMs < REORG_SHOWN_MS;
  };
  return { reorged: nodes.filter(isRecent), parted: nodes.filter((node) => node.others_on_another_branch.length > 0) };
}

/** How many transactions of ours each block confirmed, by its hash; from records of `bitcoin.transaction.confirmed`. */
export function ownByBlock(rows: readonly LogRow[]): ReadonlyMap<string, number> {
  const found = new Map<string, Set<string>>();
  for (const row of rows) {
    const block = row.attributes["bitcoin.block.hash"];
    const txid = row.attributes["bitcoin.transaction.id"];
    if (typeof block !== "string" || typeof txid !== "string") continue;
    found.set(block, (found.get(block) ?? new Set()).add(txid));
  }
  return new Map([...found].map(([block, txids]) => [block, txids.size]));
}

/** A hash as people compare it: its end, which differs; its beginning is zeros. */
export function shortHash(hash: string): string {
  return hash.length > 12 ? `…${hash.slice(-8)}` : hash;
}

/** Virtual bytes in the unit that reads well: `140 vB`, `12.3 kvB`, `84.1 MvB`. */
export function formatVsize(vbytes: number): string {
  if (vbytes < 1_000) return `${vbytes.toLocaleString("en")} vB`;
  return vbytes < 1_000_000 ? `${Number((vbytes / 1_000).toPrecision(3))} kvB` : `${(vbytes / 1_000_000).toFixed(1)} MvB`;
}
