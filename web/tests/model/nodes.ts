/** A node as the server tells it, with what a test changes of it. */

import type { BitcoinNode } from "../../src/model/bitcoin";

export const LOOKED = "2026-12-01T12:00:00.000000000Z";
export const LOOKED_MS = Date.parse("2026-12-01T12:00:00Z");

export function node(changes: Partial<BitcoinNode> = {}): BitcoinNode {
  return {
    ...{ name: "core-1", chain: "main", coin: "", status: "healthy", message: "", advice: "", since: null, looked_at: LOOKED, is_up: true, program: "/Satoshi:30.0.0/" },
    ...{ version: 300000, height: 102, headers: 102, tip_hash: "b", tip_time: LOOKED, tip_age_s: 300, gap_probability: 0.6, block_spacing_s: 600 },
    ...{ tip_lag_s: 0, is_settled: true, is_downloading: false, progress: 1, peers_in: 1, peers_out: 10, fee_estimates: [], behind_blocks: 0 },
    mempool: { transactions: 1, bytes: 200, usage_bytes: 1_000, max_bytes: 300_000_000, min_fee_sat_per_vb: 1 },
    ...{ others_on_another_branch: [], reorgs: 0, reorg: null, zmq: { addresses: 1, messages: 1, lost: 0, silent_tip: "" } },
    blocks: [
      { height: 102, hash: "b", seen_at: LOOKED },
      { height: 101, hash: "a", seen_at: null },
    ],
    ...changes,
  };
}
