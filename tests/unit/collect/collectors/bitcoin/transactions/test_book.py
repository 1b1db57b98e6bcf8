"""What is known of one wallet, and how it is kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.collectors.bitcoin.transactions.book import EXPIRED_S, HEAD_KIND, WalletBook, movements_of
from anyascope.collect.collectors.bitcoin.transactions.figures import tell_wallet
from anyascope.collect.collectors.bitcoin.transactions.movements import Movement
from anyascope.collect.collectors.bitcoin.transactions.nouns import (
    BlockPlace,
    Direction,
    Facts,
    Standing,
    Status,
)
from anyascope.model.documents import Document, Put

NOW_S = 10_000_000.0
FACTS = Facts("aa", Direction.WITHDRAWAL, 1_000, fee_sats=10, spends_ours=True, received_s=int(NOW_S))
WAITS = Standing("aa", Status.OPEN, is_in_pool=True)


def begun(height: int = 500) -> WalletBook:
    book = WalletBook("node", "hot/wallet", now_s=lambda: NOW_S)
    book.reach(BlockPlace(height, f"b{height}"), genesis="g", listed=())
    return book


def kinds(book: WalletBook) -> list[str]:
    return [each.kind.value for each in book.happened]


def meet(book: WalletBook, facts: Facts = FACTS, standing: Standing = WAITS) -> None:
    book.meet(facts, standing, height=book.head.since.height, now_s=NOW_S)


def kept(book: WalletBook) -> WalletBook:
    """Another book that takes up what this one keeps, over its JSON."""
    puts = [each for each in book.changes() if isinstance(each, Put)]
    found = [Document(put.kind, put.key, json.loads(json.dumps(put.body))) for put in puts]
    again = WalletBook("node", "hot/wallet", now_s=lambda: NOW_S)
    again.restore(
        next(each for each in found if each.kind == HEAD_KIND), [each for each in found if each.kind != HEAD_KIND]
    )
    return again


def test_a_first_look_is_no_news():
    """What is there before the watch began is known, and told only when it changes."""
    book = WalletBook("node", "w", now_s=lambda: NOW_S)
    book.meet(FACTS, WAITS, height=500, now_s=NOW_S)
    assert not book.happened
    book.reach(BlockPlace(500, "b"), genesis="g", listed=())
    book.follow(Standing("aa", Status.CONFIRMED, BlockPlace(501, "c")), height=501)
    assert kinds(book) == ["confirmed"]


def test_counts_follow_what_happens():
    """Seen, moved and ended; a replacement moves only what is more."""
    book = begun()
    meet(book)
    meet(book, Facts("bb", Direction.WITHDRAWAL, 1_300, replaces="aa", received_s=1), replace(WAITS, txid="bb"))
    book.follow(Standing("aa", Status.REPLACED, replaced_by="bb"), height=500)
    counts = book.head.counts
    assert counts.seen["withdrawal"] == 2
    assert counts.moved_sats["withdrawal"] == 1_300
    assert counts.ended["replaced"] == 1


@pytest.mark.parametrize("order", [("aa", "bb", "cc"), ("cc", "bb", "aa"), ("bb", "cc", "aa")])
def test_a_payment_that_was_bumped_twice_is_settled_by_the_last(order):
    """Whichever is looked at first: once a block has the last, none of those before it is told any more."""
    book = begun()
    for txid in ("aa", "bb", "cc"):
        meet(book, replace(FACTS, txid=txid), replace(WAITS, txid=txid))
    book.follow(Standing("aa", Status.REPLACED, replaced_by="bb"), height=500)
    assert [each.txid for each in book.head.ended] == ["aa"]
    stands = {
        "aa": Standing("aa", Status.REPLACED, replaced_by="bb"),
        "bb": Standing("bb", Status.REPLACED, replaced_by="cc"),
        "cc": Standing("cc", Status.CONFIRMED, BlockPlace(501, "b")),
    }
    for txid in order:
        book.follow(stands[txid], height=501)
    assert book.head.ended == ()
    assert book.head.counts.ended["replaced"] == 2


def test_replacements_in_a_circle_end():
    """Answers of different moments may say so: neither has come."""
    book = begun()
    for txid, by in (("aa", "bb"), ("bb", "aa")):
        meet(book, replace(FACTS, txid=txid), replace(WAITS, txid=txid))
        book.follow(Standing(txid, Status.REPLACED, replaced_by=by), height=500)
    assert [each.txid for each in book.head.ended] == ["aa", "bb"]


def test_a_rescan_is_no_news():
    """Transactions long since in blocks that were looked at, and those that no mempool has had for weeks, are history."""
    book = begun(500)
    meet(book, replace(FACTS, txid="old"), Standing("old", Status.CONFIRMED, BlockPlace(400, "x")))
    meet(book, replace(FACTS, txid="gone", received_s=int(NOW_S) - EXPIRED_S - 1), Standing("gone", Status.OPEN))
    assert not book.owned
    meet(book, replace(FACTS, txid="late"), Standing("late", Status.CONFIRMED, BlockPlace(401, "x")))
    assert kinds(book) == ["seen", "confirmed"]


def test_what_is_kept_comes_back_whole():
    """Owned, counts, histories and the block go through JSON; nothing is left to write after it was written."""
    book = begun()
    book.start_history({Direction.WITHDRAWAL: [Movement(5, 100)]}, since_s=5)
    meet(book)
    book.follow(Standing("aa", Status.CONFIRMED, BlockPlace(501, "c")), height=501)
    again = kept(book)
    assert again.owned == book.owned
    assert again.head == book.head
    assert not again.changes()
    book.written()
    assert not book.changes()


def test_what_is_over_is_deleted():
    """A hundred blocks later, and not while the wallet still lists it."""
    book = begun(500)
    meet(book, FACTS, Standing("aa", Status.CONFIRMED, BlockPlace(500, "b500")))
    book.written()
    book.reach(BlockPlace(600, "b600"), genesis="g", listed=["aa"])
    assert "aa" in book.owned
    book.reach(BlockPlace(600, "b600"), genesis="g", listed=())
    assert not book.owned
    assert [each.key for each in book.changes()] == ["node/hot%2Fwallet", "node/hot%2Fwallet/aa"]


def test_what_the_wallet_lost_is_given_up():
    """A transaction that it knows no more is told as abandoned, and forgotten."""
    book = begun()
    meet(book)
    book.lose("aa", height=501)
    assert kinds(book) == ["seen", "abandoned"]
    assert not book.owned


def test_a_broken_document_is_no_end():
    """A head in another form begins anew; a transaction in another form is met again."""
    book = WalletBook("node", "w", now_s=lambda: NOW_S)
    book.restore(Document(HEAD_KIND, "node/w", {"since": "x"}), [])
    assert not book.has_begun
    book.restore(
        Document(HEAD_KIND, "node/w", {"since": {"height": 1, "hash": "b"}}), [Document("t", "k", {"facts": 1})]
    )
    assert book.has_begun
    assert not book.owned


def test_movements_are_one_a_transaction():
    """Outputs are added up; change and what goes within the wallet is no deposit; abandoned ones never moved."""
    movements, since_s = movements_of(
        [
            {"txid": "p", "category": "send", "amount": -0.5, "time": 20},
            {"txid": "p", "category": "send", "amount": -0.25, "time": 20},
            {"txid": "p", "category": "receive", "amount": 0.25, "time": 20},
            {"txid": "d", "category": "receive", "amount": 1.0, "time": 10},
            {"txid": "x", "category": "send", "amount": -1.0, "time": 5, "abandoned": True},
            {"txid": "y", "category": "send", "amount": -1.0, "time": 5, "confirmations": -3},
            {"txid": "m", "category": "generate", "amount": 50.0, "time": 1},
        ]
    )
    assert movements == {
        Direction.WITHDRAWAL: [Movement(20, 75_000_000)],
        Direction.DEPOSIT: [Movement(10, 100_000_000)],
    }
    assert since_s == 10


def told_of(book: WalletBook) -> dict[str, list[dict[str, str]]]:
    """The labels of series by txid, by metric."""
    sheet = Sheet("main", "litecoin")
    tell_wallet(sheet, book, ("wallet", "w"), height=500, now_s=NOW_S)
    named = {
        family.name: [dict(labels) for labels, _ in family.points if "txid" in dict(labels)]
        for family in sheet.families()
    }
    return {name: series for name, series in named.items() if series}


def test_what_ended_has_a_series_of_its_own_over_restarts():
    """With its direction, how it ended, and the coin; none where it is alive again."""
    book = begun()
    meet(book)
    book.follow(Standing("aa", Status.CONFLICTED), height=500)
    again = kept(book)
    assert told_of(again) == {
        "anya_bitcoin_wallet_ended_transaction_sats": [
            {
                "chain": "main",
                "coin": "litecoin",
                "wallet": "w",
                "txid": "aa",
                "direction": "withdrawal",
                "outcome": "conflicted",
            }
        ]
    }
    again.follow(WAITS, height=501)
    assert told_of(again) == {}


def test_an_unusual_withdrawal_has_a_series_of_its_own_over_restarts():
    """By its txid; the usual ones before it have none."""
    book = begun()
    usual = [Movement(int(NOW_S) - 9_000 * number, 1_000) for number in range(1, 40)]
    book.start_history({Direction.WITHDRAWAL: usual}, since_s=1)
    meet(book, replace(FACTS, amount_sats=50_000))
    assert told_of(kept(book)) == {
        "anya_bitcoin_wallet_unusual_transaction_score": [
            {"chain": "main", "coin": "litecoin", "wallet": "w", "direction": "withdrawal", "txid": "aa"}
        ]
    }
