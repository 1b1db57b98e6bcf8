"""What a node says of its chain, as points.

Names beginning with `bitcoin_` are those of jvstein's bitcoin-prometheus-exporter, with its meanings and units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from anyascope.collect.collectors.bitcoin.sheet import SATS, Facts, Sheet, facts_of, scaled

HASHRATES = {
    120: ("bitcoin_hashps", "Estimated network hash rate per second for the last 120 blocks."),
    -1: ("bitcoin_hashps_neg1", "Estimated network hash rate per second since the last difficulty change."),
    1: ("bitcoin_hashps_1", "Estimated network hash rate per second for the last block."),
}
_DEPLOYMENT_STATES = ("defined", "started", "locked_in", "active", "failed")


def tell_chain(sheet: Sheet, info: Facts) -> None:
    """From `getblockchaininfo`."""
    blocks = info.get("blocks")
    sheet.gauge("bitcoin_blocks", "Block height.", blocks)
    sheet.gauge("anya_bitcoin_block_height", "Height of the best block that the node knows.", blocks)
    sheet.gauge("anya_bitcoin_headers", "Height of the best header that the node knows.", info.get("headers"))
    sheet.gauge("bitcoin_difficulty", "Difficulty.", info.get("difficulty"))
    sheet.gauge("bitcoin_size_on_disk", "Estimated size of the block and undo files.", info.get("size_on_disk"))
    sheet.gauge(
        "bitcoin_verification_progress", "Estimate of verification progress [0..1].", info.get("verificationprogress")
    )
    sheet.gauge(
        "anya_bitcoin_initial_download",
        "Whether the node is in its initial download.",
        info.get("initialblockdownload"),
    )
    sheet.gauge("anya_bitcoin_tip_timestamp_seconds", "Time in the header of the best block.", info.get("time"))
    sheet.gauge("anya_bitcoin_median_time_seconds", "Median time of the last 11 blocks.", info.get("mediantime"))
    sheet.gauge("anya_bitcoin_pruned", "Whether the node deletes old blocks.", info.get("pruned"))
    sheet.gauge("anya_bitcoin_prune_height", "The lowest block that a pruned node has.", info.get("pruneheight"))
    text = "What a pruned node may take of the disk for blocks."
    sheet.gauge("anya_bitcoin_prune_target_bytes", text, info.get("prune_target_size"))


def tell_tips(sheet: Sheet, tips: Sequence[Facts]) -> None:
    """From `getchaintips`."""
    sheet.gauge("bitcoin_num_chaintips", "Number of known blockchain branches.", len(tips))
    states = Counter(str(tip.get("status")) for tip in tips)
    for status in ("active", "valid-fork", "valid-headers", "headers-only", "invalid"):
        sheet.gauge("anya_bitcoin_chain_tips", "Known branches by status.", states[status], ("status", status))


def tell_latest_block(sheet: Sheet, stats: Facts) -> None:
    """From `getblockstats` of the best block."""
    for part, field, text in (
        ("height", "height", "Height or index of latest block."),
        ("size", "total_size", "Size of latest block in bytes, without its coinbase."),
        ("weight", "total_weight", "Weight of latest block according to BIP 141, without its coinbase."),
        ("txs", "txs", "Number of transactions in latest block."),
        ("inputs", "ins", "Number of inputs in transactions of latest block."),
        ("outputs", "outs", "Number of outputs in transactions of latest block."),
    ):
        sheet.gauge(f"bitcoin_latest_block_{part}", text, stats.get(field))
    total, fee = scaled(stats.get("total_out"), 1 / SATS), scaled(stats.get("totalfee"), 1 / SATS)
    sheet.gauge("bitcoin_latest_block_value", "Bitcoin value of all transactions in the latest block.", total)
    sheet.gauge("bitcoin_latest_block_fee", "Total fee to process the latest block, in bitcoins.", fee)
    rates = stats.get("feerate_percentiles")
    for share, rate in zip((10, 25, 50, 75, 90), rates if isinstance(rates, list) else (), strict=False):
        sheet.gauge(
            "anya_bitcoin_latest_block_fee_sat_per_vb",
            "Fee rates of the latest block, by percentile of weight.",
            rate,
            ("percentile", str(share)),
        )


def tell_transactions(sheet: Sheet, stats: Facts) -> None:
    """From `getchaintxstats` of the last 144 blocks."""
    sheet.gauge("bitcoin_txcount", "Number of transactions since the genesis block.", stats.get("txcount"))
    text = "Transactions a second in the last 144 blocks, by their median times."
    sheet.gauge("anya_bitcoin_chain_transactions_per_second", text, stats.get("txrate"))


def tell_indexes(sheet: Sheet, indexes: Mapping[str, object]) -> None:
    """From `getindexinfo`."""
    for name, told in indexes.items():
        label, index = ("index", name), facts_of(told)
        sheet.gauge("anya_bitcoin_index_synced", "Whether the index has all blocks.", index.get("synced"), label)
        height = index.get("best_block_height")
        sheet.gauge("anya_bitcoin_index_height", "The last block in the index.", height, label)


def tell_deployments(sheet: Sheet, deployments: Mapping[str, object]) -> None:
    """From `getdeploymentinfo`, or `softforks` of older nodes."""
    for name, told in deployments.items():
        label, deployment = ("deployment", name), facts_of(told)
        sheet.gauge("anya_bitcoin_deployment_active", "Whether the rules hold.", deployment.get("active"), label)
        status = facts_of(deployment.get("bip9")).get("status")
        for state in _DEPLOYMENT_STATES if status else ():
            text = "The state of a deployment by BIP 9: 1 of one state."
            sheet.gauge("anya_bitcoin_deployment_state", text, state == status, label, ("state", state))
