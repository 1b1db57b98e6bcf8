"""What a node says of its mempool and of fees, as points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from anyascope.collect.collectors.bitcoin.pool_reader import PoolAges
from anyascope.collect.collectors.bitcoin.sheet import Facts, Sheet, sat_per_vb, sats
from anyascope.model.wallets import WalletCall

FEE_TARGETS = (1, 2, 3, 5, 6, 12, 20, 144)  # blocks; 2, 3, 5 and 20 are the established exporter's


def tell_mempool(sheet: Sheet, pool: Facts) -> None:
    """From `getmempoolinfo`."""
    size = pool.get("size")
    sheet.gauge("bitcoin_mempool_size", "Number of unconfirmed transactions in mempool.", size)
    sheet.gauge("anya_bitcoin_mempool_size", "Transactions in the node's memory pool.", size)
    sheet.gauge("bitcoin_mempool_bytes", "Size of mempool in bytes.", pool.get("bytes"))
    sheet.gauge("bitcoin_mempool_usage", "Total memory usage for the mempool.", pool.get("usage"))
    sheet.gauge(
        "bitcoin_mempool_minfee",
        "Minimum fee rate in BTC/kB for tx to be accepted in mempool.",
        pool.get("mempoolminfee"),
    )
    unbroadcast = pool.get("unbroadcastcount")
    sheet.gauge("bitcoin_mempool_unbroadcast", "Number of transactions waiting for acknowledgment.", unbroadcast)
    sheet.gauge("anya_bitcoin_mempool_max_bytes", "What the mempool may take of memory.", pool.get("maxmempool"))
    sheet.gauge("anya_bitcoin_mempool_loaded", "Whether the mempool was read from disk.", pool.get("loaded"))
    sheet.gauge("anya_bitcoin_mempool_full_rbf", "Whether any transaction may be replaced.", pool.get("fullrbf"))
    sheet.gauge(
        "anya_bitcoin_mempool_fees_sats", "Fees of all transactions in the mempool.", sats(pool.get("total_fee"))
    )
    for kind, field in (("mempool", "mempoolminfee"), ("relay", "minrelaytxfee"), ("increment", "incrementalrelayfee")):
        rate = sat_per_vb(pool.get(field))
        text = "The least fee rate to enter the mempool, to be relayed, and to replace another."
        sheet.gauge("anya_bitcoin_fee_min_sat_per_vb", text, rate, ("kind", kind))


def tell_ages(sheet: Sheet, ages: PoolAges | None, *, expiry_s: float) -> None:
    """How old transactions are, against the age at which the node drops them; the node itself tells neither."""
    text = "Age at which the node drops a transaction, by the settings."
    sheet.gauge("anya_bitcoin_mempool_expiry_seconds", text, expiry_s)
    if ages is None:
        return
    text = "Age of the oldest transaction in the mempool; only where all were read."
    sheet.gauge("anya_bitcoin_mempool_oldest_seconds", text, ages.oldest_s)
    text = "Transactions that the node drops for their age within a day."
    sheet.gauge("anya_bitcoin_mempool_expiring_transactions", text, ages.expiring)
    text = "Transactions that say they may be replaced (BIP 125)."
    sheet.gauge("anya_bitcoin_mempool_replaceable_transactions", text, ages.replaceable)
    text = "Transactions that were read one by one to know of ages: all, or a sample of a large mempool."
    sheet.gauge("anya_bitcoin_mempool_read_transactions", text, ages.read)


def tell_rests(sheet: Sheet, calls: Iterable[WalletCall]) -> None:
    """How rarely it is asked."""
    for call in calls:
        text = "How long a call about a large mempool is not made again, since it took the node more than 0.2 s."
        sheet.gauge("anya_bitcoin_mempool_call_rest_seconds", text, call.rest_s, ("method", call.method))


def tell_passage(sheet: Sheet, entered: int, left: int) -> None:
    """What ZMQ said of the mempool, where it says so."""
    text = "Transactions that the mempool took, by ZMQ."
    sheet.counter("anya_bitcoin_mempool_entered_total", text, entered)
    text = "Transactions that left the mempool without a block, by ZMQ: replaced, evicted, expired or in conflict."
    sheet.counter("anya_bitcoin_mempool_left_total", text, left)


def tell_estimates(sheet: Sheet, estimates: Mapping[int, Facts]) -> None:
    """From `estimatesmartfee` by target; a node that saw too few transactions has no estimate, and no point."""
    for target, estimate in estimates.items():
        rate = estimate.get("feerate")
        text = f"Estimated smart fee per kilobyte for confirmation in {target} blocks."
        sheet.gauge(f"bitcoin_est_smart_fee_{target}", text, rate)
        text = "Estimated fee rate to be confirmed within so many blocks."
        sheet.gauge("anya_bitcoin_fee_estimate_sat_per_vb", text, sat_per_vb(rate), ("target_blocks", str(target)))
