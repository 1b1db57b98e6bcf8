"""What a wallet answers, as nouns."""

from __future__ import annotations

import json

import pytest

from anyascope.collect.collectors.bitcoin.transactions.answers import facts_of, rows_of, standing_of
from anyascope.collect.collectors.bitcoin.transactions.nouns import (
    INPUTS_TOLD_MAX,
    BlockPlace,
    Direction,
    Standing,
    Status,
)
from support.components import shared_path

SAMPLES = "components/samples/bitcoin-knots-29.4"
SPENT = {"vin": [{"txid": "ff", "vout": 3}, {"coinbase": "00"}], "vsize": 222}


def answer(**more):
    return {"txid": "aa", "amount": -1.5, "confirmations": 0, "details": [], "decoded": SPENT, **more}


def sample(name: str):
    return json.loads(shared_path(f"{SAMPLES}/{name}.json").read_text())


def test_a_withdrawal_is_read():
    """Amounts in whole sats, the fee apart, the inputs as outpoints."""
    facts = facts_of(answer(fee=-0.0000225, timereceived=7, replaces_txid="bb", **{"bip125-replaceable": "yes"}))
    assert facts is not None
    assert (facts.direction, facts.amount_sats, facts.fee_sats) == (Direction.WITHDRAWAL, 150_000_000, 2_250)
    assert (facts.inputs, facts.vsize, facts.replaces, facts.received_s) == (("ff:3",), 222, "bb", 7)
    assert facts.spends_ours
    assert facts.is_signalling


@pytest.mark.parametrize(
    ("more", "direction", "amount_sats", "fee_sats"),
    [
        ({"amount": 0.7, "details": [{"category": "receive", "amount": 0.7}]}, Direction.DEPOSIT, 70_000_000, None),
        (
            {
                "amount": 0.0,
                "fee": -0.00001,
                "details": [{"category": "send", "amount": -0.7}, {"category": "receive", "amount": 0.7}],
            },
            Direction.INTERNAL,
            70_000_000,
            1_000,
        ),
        (
            {"amount": -1.2, "fee": 0.9},
            Direction.WITHDRAWAL,
            30_000_000,
            None,
        ),  # others pay, too: of what goes to others, theirs is no part
        ({"amount": -0.4, "fee": 0.9}, Direction.DEPOSIT, 50_000_000, None),  # a payment that its receiver joined
        (
            {"amount": 0.0, "details": [{"category": "immature", "amount": 50.0}]},
            Direction.DEPOSIT,
            5_000_000_000,
            None,
        ),
    ],
)
def test_the_direction_is_that_of_the_net_amount(more, direction, amount_sats, fee_sats):
    """What goes from the wallet to itself is internal; what a miner earned is a deposit."""
    facts = facts_of(answer(**more))
    assert facts is not None
    assert (facts.direction, facts.amount_sats, facts.fee_sats) == (direction, amount_sats, fee_sats)


def test_many_inputs_are_cut():
    """A consolidation of thousands is told by its first inputs."""
    facts = facts_of(answer(decoded={"vin": [{"txid": "ff", "vout": at} for at in range(500)]}))
    assert facts is not None
    assert len(facts.inputs) == INPUTS_TOLD_MAX


@pytest.mark.parametrize("broken", [{}, {"txid": 1, "amount": 1}, {"txid": "aa"}, {"txid": "aa", "amount": "1"}])
def test_what_is_no_answer_is_none(broken):
    """A field of another form is not guessed at."""
    assert facts_of(broken) is None


@pytest.mark.parametrize(
    ("more", "pool", "standing"),
    [
        ({}, {"aa"}, Standing("aa", Status.OPEN, is_in_pool=True)),
        ({}, (), Standing("aa", Status.OPEN)),
        (
            {"confirmations": 2, "blockheight": 7, "blockhash": "b7"},
            (),
            Standing("aa", Status.CONFIRMED, BlockPlace(7, "b7")),
        ),
        ({"confirmations": 1, "blockhash": "b7"}, (), Standing("aa", Status.CONFIRMED, BlockPlace(-1, "b7"))),
        ({"confirmations": -1}, (), Standing("aa", Status.CONFLICTED)),
        ({"confirmations": -1, "replaced_by_txid": "bb"}, (), Standing("aa", Status.REPLACED, replaced_by="bb")),
        ({"replaced_by_txid": "bb"}, (), Standing("aa", Status.REPLACED, replaced_by="bb")),
        ({"replaced_by_txid": "bb"}, {"aa"}, Standing("aa", Status.OPEN, is_in_pool=True)),
        ({"mempoolconflicts": ["cc"]}, {"cc"}, Standing("aa", Status.REPLACED, replaced_by="cc")),
        ({"walletconflicts": ["cc", "dd"]}, {"dd"}, Standing("aa", Status.REPLACED, replaced_by="dd")),
        ({"walletconflicts": ["cc"]}, (), Standing("aa", Status.OPEN)),
        ({"details": [{"abandoned": True}]}, (), Standing("aa", Status.ABANDONED)),
        ({"details": [{"category": "orphan"}]}, (), Standing("aa", Status.ABANDONED)),
    ],
)
def test_a_standing_is_read(more, pool, standing):
    """What is in the mempool waits, whatever is said of a replacement; a rival outside of it replaces nothing."""
    assert standing_of(answer(**more), pool) == standing


def test_a_recorded_reorg_is_read():
    """Recordings of a real node: in a block, then thrown out of it."""
    before, after = sample("gettransaction_before_reorg"), sample("gettransaction_after_reorg")
    assert standing_of(before, ()).block == BlockPlace(133, before["blockhash"])
    assert standing_of(after, {after["txid"]}).status is Status.OPEN
    facts = facts_of(before)
    assert facts is not None
    assert (facts.direction, facts.amount_sats, facts.fee_sats) == (Direction.INTERNAL, 70_000_000, 2_250)


def test_entries_are_one_an_output():
    """The rows of one transaction are put together, the oldest first; what is no entry is left out."""
    rows = rows_of([{"txid": "aa", "abandoned": True}, {"txid": "bb"}, {"txid": "aa", "vout": 1}, "x", {"txid": None}])
    assert rows == {"aa": {"txid": "aa", "abandoned": True, "vout": 1}, "bb": {"txid": "bb"}}


def paid(*addresses: str, category: str = "send", **more):
    details = [{"category": category, "address": each, "vout": at} for at, each in enumerate(addresses)]
    return answer(details=details, **more)


def paid_to_ourselves():
    """As a wallet shows it: sent, and received."""
    return answer(details=[{"category": category, "address": "ours", "vout": 0} for category in ("send", "receive")])


@pytest.mark.parametrize(
    ("rival", "status"),
    [
        (paid("x", "y"), Status.REPLACED),
        (paid("x", "y", "z"), Status.REPLACED),  # a bump that pays one more
        (paid("x"), Status.CONFLICTED),
        (paid("thief"), Status.CONFLICTED),
        (paid(), Status.REPLACED),  # back to ourselves: change alone
        (paid_to_ourselves(), Status.REPLACED),
    ],
)
def test_what_a_block_has_in_its_place_is_a_bump_where_it_pays_the_same(rival, status):
    """A bump that nobody saw wait; what pays somebody else is a double spend, also of our own keys."""
    lost = paid("x", "y", confirmations=-2, fee=-0.1, walletconflicts=["bb", "cc"])
    assert standing_of(lost, (), {"cc": rival}) == Standing("aa", status, replaced_by="cc")
    assert standing_of(lost, ()) == Standing("aa", Status.CONFLICTED)


@pytest.mark.parametrize(("amount", "status"), [(2.0, Status.REPLACED), (1.9, Status.CONFLICTED)])
def test_a_deposit_is_replaced_by_what_brings_all_of_it(amount, status):
    """Its sender's bump takes its fee from what is his."""
    lost = paid("ours", category="receive", amount=2.0, confirmations=-1, walletconflicts=["bb"])
    assert standing_of(lost, (), {"bb": paid("ours", category="receive", amount=amount)}).status is status


def test_what_pays_nobody_is_replaced_by_what_pays_nobody():
    """A consolidation, whose outputs are change that no list has."""
    lost = paid(confirmations=-1, fee=-0.1, walletconflicts=["bb"])
    assert standing_of(lost, (), {"bb": paid()}).status is Status.REPLACED
    assert standing_of(lost, (), {"bb": paid("x")}).status is Status.CONFLICTED


def test_rivals_and_shared_inputs_are_told():
    """What else spends the same outputs, and whether others paid, too."""
    facts = facts_of(answer(fee=0.1, walletconflicts=["bb"]))
    assert facts is not None
    assert (facts.rivals, facts.shares_inputs, facts.fee_sats) == (("bb",), True, None)
    alone = facts_of(answer(fee=-0.1))
    assert alone is not None
    assert (alone.rivals, alone.shares_inputs, alone.fee_sats) == ((), False, 10_000_000)
