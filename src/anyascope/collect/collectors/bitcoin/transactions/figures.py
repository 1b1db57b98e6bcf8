"""What is told of own transactions, as points."""

from __future__ import annotations

from collections.abc import Sequence

from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.collectors.bitcoin.transactions.book import MOVED, WalletBook
from anyascope.collect.collectors.bitcoin.transactions.ended import still_told
from anyascope.collect.collectors.bitcoin.transactions.movements import UNUSUAL_SCORE
from anyascope.collect.collectors.bitcoin.transactions.nouns import Direction, Owned
from anyascope.collect.collectors.bitcoin.transactions.stuck import STUCK_TOLD_MAX

REOPENED_TOLD_MAX = 20  # with a series of their own; a message names the first of them, the events name all

Label = tuple[str, str]


def tell_wallet(sheet: Sheet, book: WalletBook, wallet: Label, *, height: int, now_s: float) -> None:
    """One wallet: what waits, what is stuck, what happened, how unusual it was."""
    waiting = book.open()
    for direction in Direction:
        _tell_waiting(
            sheet,
            [each for each in waiting if each.facts.direction is direction],
            (wallet, ("direction", direction.value)),
            height=height,
            now_s=now_s,
        )
    _tell_stuck(sheet, [each for each in waiting if each.is_stuck], wallet, height=height)
    _tell_counts(sheet, book, wallet)
    _tell_lately(sheet, book, wallet, now_s=now_s)
    for direction in MOVED:
        history = book.head.histories.get(direction.value)
        score = history.score(now_s) if history is not None else 0.0
        labels = (wallet, ("direction", direction.value))
        text = "How unusual the most unusual movement of the last hour was, against the wallet's history: robust deviations."
        sheet.gauge("anya_bitcoin_wallet_movement_score", text, score, *labels)
        text = f"Whether a movement of the last hour was unusual: a score above {UNUSUAL_SCORE:g}."
        sheet.gauge("anya_bitcoin_wallet_unusual_movement", text, score > UNUSUAL_SCORE, *labels)


def _tell_waiting(
    sheet: Sheet, waiting: Sequence[Owned], labels: Sequence[Label], *, height: int, now_s: float
) -> None:
    text = "Own transactions that wait for a block."
    sheet.gauge("anya_bitcoin_wallet_unconfirmed_transactions", text, len(waiting), *labels)
    text = "What waits for a block."
    amount = sum(each.facts.amount_sats for each in waiting)
    sheet.gauge("anya_bitcoin_wallet_unconfirmed_sats", text, amount, *labels)
    text = "How long the oldest of them waits; 0 where none does."
    age_s = max((now_s - each.facts.received_s for each in waiting), default=0.0)
    sheet.gauge("anya_bitcoin_wallet_unconfirmed_oldest_seconds", text, max(0.0, age_s), *labels)
    text = "How many blocks came without the oldest of them; 0 where none waits."
    blocks = max((height - each.height for each in waiting), default=0)
    sheet.gauge("anya_bitcoin_wallet_unconfirmed_oldest_blocks", text, max(0, blocks), *labels)


def _tell_stuck(sheet: Sheet, stuck: Sequence[Owned], wallet: Label, *, height: int) -> None:
    text = "Own transactions that are stuck: below the market's fee rate for more than 6 blocks, or evicted."
    sheet.gauge("anya_bitcoin_wallet_stuck_transactions", text, len(stuck), wallet)
    text = "Own transactions that left the mempool without a block: it was full, they expired, or the node forgot them."
    sheet.gauge("anya_bitcoin_wallet_evicted_transactions", text, sum(each.is_evicted for each in stuck), wallet)
    for owned in sorted(stuck, key=lambda each: each.height)[:STUCK_TOLD_MAX]:
        text = f"For how many blocks a stuck transaction waits; of the {STUCK_TOLD_MAX} oldest of a wallet."
        blocks, label = max(0, height - owned.height), ("txid", owned.facts.txid)
        sheet.gauge("anya_bitcoin_wallet_stuck_transaction_blocks", text, blocks, wallet, label)


def _tell_lately(sheet: Sheet, book: WalletBook, wallet: Label, *, now_s: float) -> None:
    text = "What a transaction moved that was replaced, conflicted or abandoned within the last hour."
    for each in still_told(book.head.ended, now_s=now_s):
        labels = (wallet, ("direction", each.direction), ("outcome", each.outcome), ("txid", each.txid))
        sheet.gauge("anya_bitcoin_wallet_ended_transaction_sats", text, each.amount_sats, *labels)
    text = "How unusual a transaction of the last hour was that is told by itself."
    for found in book.head.unusual:
        if found.is_told(now_s=now_s):
            marks = (wallet, ("direction", found.direction), ("txid", found.txid))
            sheet.gauge("anya_bitcoin_wallet_unusual_transaction_score", text, found.score, *marks)


def _tell_counts(sheet: Sheet, book: WalletBook, wallet: Label) -> None:
    counts = book.head.counts
    for direction in Direction:
        name, labels = direction.value, (wallet, ("direction", direction.value))
        text = "Own transactions that were seen."
        sheet.counter("anya_bitcoin_wallet_transactions_total", text, counts.seen.get(name, 0), *labels)
        text = "What they moved, without fees; of a replacement what it moves beyond the replaced one."
        sheet.counter("anya_bitcoin_wallet_moved_sats_total", text, counts.moved_sats.get(name, 0), *labels)
        text = "Own transactions that lost their confirmations."
        sheet.counter("anya_bitcoin_wallet_reorged_transactions_total", text, counts.reorged.get(name, 0), *labels)
        reopened = [each for each in book.owned.values() if each.is_reopened and each.facts.direction is direction]
        text = "Own transactions that lost their confirmations and did not get others yet."
        sheet.gauge("anya_bitcoin_wallet_reopened_transactions", text, len(reopened), *labels)
        text = f"What such a transaction moves; of the {REOPENED_TOLD_MAX} largest of a wallet and direction."
        for owned in sorted(reopened, key=lambda each: -each.facts.amount_sats)[:REOPENED_TOLD_MAX]:
            amount, label = owned.facts.amount_sats, ("txid", owned.facts.txid)
            sheet.gauge("anya_bitcoin_wallet_reopened_transaction_sats", text, amount, *labels, label)
    for name, text in (
        ("replaced", "Own transactions in whose place another one came."),
        ("conflicted", "Own transactions whose inputs a block spent by another one."),
        ("abandoned", "Own transactions that were given up."),
    ):
        sheet.counter(f"anya_bitcoin_wallet_{name}_total", text, counts.ended.get(name, 0), wallet)
