"""What frees a stuck transaction, and what it costs."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from anyascope.collect.collectors.bitcoin.transactions.bump import (
    Case,
    OwnOutput,
    Till,
    bump_of,
    rate_up,
    why_no_replacement,
)
from anyascope.collect.collectors.bitcoin.transactions.nouns import Direction, Facts
from anyascope.collect.collectors.bitcoin.transactions.pool import PoolEntry, deficit_sats, effective_rate, entry_of

PAYMENT = Facts("aa", Direction.WITHDRAWAL, 1_000, fee_sats=200, spends_ours=True, is_signalling=True, vsize=200)
ENTRY = PoolEntry(200, 200, 200, 200)
TILL = Till(10.0, minimum=1.0, version=290_000, wallet="hot wallet")
DEPOSIT = Facts("dd", Direction.DEPOSIT, 50_000)
P2WPKH = "0014" + "00" * 20


def test_a_replacement_is_at_the_market():
    """200 virtual bytes at 10 sats: 2000 instead of 200; the command is what the wallet takes."""
    bump, lacks = bump_of(Case(PAYMENT, ENTRY), TILL)
    assert bump is not None
    assert not lacks
    assert (bump.kind, bump.fee_rate_sat_per_vb, bump.fee_sats, bump.extra_sats) == ("rbf", 10.0, 2_000, 1_800)
    client, wallet, method, txid, options = shlex.split(bump.command)
    assert (client, wallet, method, txid) == ("bitcoin-cli", "-rpcwallet=hot wallet", "bumpfee", "aa")
    assert json.loads(options) == {"fee_rate": 10.0}


def test_a_replacement_pays_for_its_own_relay():
    """BIP 125: where the market is hardly higher than what it pays, the increment is the least."""
    bump, _ = bump_of(Case(PAYMENT, ENTRY), Till(1.2, version=290_000, increment=1.0))
    assert bump is not None
    assert (bump.fee_rate_sat_per_vb, bump.fee_sats) == (2.0, 400)


@pytest.mark.parametrize(
    ("vsize", "inputs", "added"),
    [
        (191, 1, 181),  # P2PKH, as a real wallet paid: 372 virtual bytes for it
        (110, 1, 100),  # P2WPKH
        (1_524, 10, 182),
        (3_500, 1, 182),  # a batch: what its coin takes cannot be told from its outputs
    ],
)
def test_without_change_the_wallet_adds_a_coin(vsize: int, inputs: int, added: int):
    """Its size is paid, too, since nothing of the transaction could be cut."""
    facts = replace(PAYMENT, inputs=tuple(f"bb:{number}" for number in range(inputs)))
    bump, _ = bump_of(Case(facts, PoolEntry(vsize, 200, vsize, 200), lacks_change=True), TILL)
    assert bump is not None
    assert bump.fee_sats == 10 * (vsize + added)
    assert "adds a coin" in bump.note


def test_a_replacement_lifts_its_ancestors():
    """A parent of 100 virtual bytes that pays 1 lacks 900: the wallet adds it since 26; an older one is asked for a higher rate."""
    case = Case(PAYMENT, PoolEntry(200, 200, 300, 300, ancestors=2), {"pp": PoolEntry(100, 100, 100, 100)})
    bump, _ = bump_of(case, TILL)
    assert bump is not None
    assert (bump.fee_sats, json.loads(shlex.split(bump.command)[-1])) == (2_900, {"fee_rate": 10.0})
    older, _ = bump_of(case, Till(10.0, version=210_400))
    assert older is not None
    assert (older.fee_sats, json.loads(shlex.split(older.command)[-1])) == (2_900, {"fee_rate": 14.5})


def test_a_wallet_without_keys_makes_a_draft():
    """The signer is elsewhere."""
    bump, _ = bump_of(Case(PAYMENT, ENTRY), Till(10.0, version=290_000, has_keys=False))
    assert bump is not None
    assert "psbtbumpfee" in bump.command


@pytest.mark.parametrize(
    ("facts", "entry", "version", "lacks"),
    [
        (PAYMENT, ENTRY, 290_000, ""),
        (PAYMENT, None, 290_000, ""),
        (DEPOSIT, ENTRY, 290_000, "its inputs are not ours"),
        (PAYMENT, PoolEntry(200, 250, 200, 250), 290_000, "not all of its inputs are ours"),
        (PAYMENT, PoolEntry(200, 200, 200, 200, descendants=2), 290_000, "its outputs are spent already"),
        (
            Facts("aa", Direction.WITHDRAWAL, 1, fee_sats=200, spends_ours=True),
            ENTRY,
            290_000,
            "it does not signal that it may be replaced",
        ),
        (Facts("aa", Direction.WITHDRAWAL, 1, fee_sats=200, spends_ours=True), ENTRY, 300_000, ""),
        (Facts("aa", Direction.WITHDRAWAL, 1, fee_sats=200, spends_ours=True), None, 300_000, "its size is not known"),
    ],
)
def test_what_cannot_be_replaced_says_why(facts, entry, version, lacks):
    """As `bumpfee` would."""
    assert why_no_replacement(facts, entry, Till(10.0, version=version)) == lacks


def test_where_nothing_is_replaced_a_child_pays():
    """Litecoin's nodes: a payment that signals gets a child, too."""
    case = Case(PAYMENT, ENTRY, outputs=[OwnOutput(1, 50_000, P2WPKH)])
    bump, _ = bump_of(case, Till(10.0, version=210_400, replaces=False))
    assert bump is not None
    assert bump.kind == "cpfp"


def test_a_child_pays_for_both():
    """A parent of 200 and a child of 110 virtual bytes at 10 sats cost 3100, of which 200 are paid."""
    case = Case(DEPOSIT, ENTRY, outputs=[OwnOutput(0, 600), OwnOutput(1, 50_000, P2WPKH)])
    bump, _ = bump_of(case, TILL)
    assert bump is not None
    assert (bump.kind, bump.fee_sats, bump.extra_sats, bump.child_vsize) == ("cpfp", 2_900, 2_900, 110)
    assert bump.command.endswith("""null unset 10 '{"inputs": [{"txid": "dd", "vout": 1}]}'""")
    assert "sendall" in bump.command


def test_a_child_of_an_older_wallet_says_its_amount():
    """What is left after the fee, to the sat."""
    case = Case(DEPOSIT, ENTRY, outputs=[OwnOutput(1, 50_000, P2WPKH)])
    bump, _ = bump_of(case, Till(10.0, version=210_400, client=("litecoin-cli", "-chain=test"), wallet="w"))
    assert bump is not None
    assert bump.command.startswith("litecoin-cli -chain=test -rpcwallet=w sendrawtransaction")
    assert ":0.00047100}" in bump.command


@pytest.mark.parametrize(
    ("entry", "outputs", "why"),
    [
        (None, [OwnOutput(0, 50_000)], "it is not in the mempool"),
        (ENTRY, [], "none of its outputs is ours and unspent"),
        (ENTRY, [OwnOutput(0, 3_000, P2WPKH)], "the child would cost 2900 sats, and spend 3000"),
    ],
)
def test_what_nothing_frees_says_why(entry, outputs, why):
    """No advice rather than a wrong one."""
    bump, lacks = bump_of(Case(DEPOSIT, entry, outputs=outputs), TILL)
    assert bump is None
    assert lacks.startswith(f"no replacement: its inputs are not ours; no child: {why}")


def test_a_rich_ancestor_pays_for_nobody():
    """It is mined by itself: its surplus is gone before."""
    rich, poor = PoolEntry(100, 10_000, 100, 10_000), PoolEntry(100, 100, 200, 10_100, depends=("rich",))
    assert deficit_sats({"rich": rich, "poor": poor}, 10.0) == 900
    assert poor.score == 1.0


def test_an_ancestor_that_was_paid_for_needs_nothing():
    """A poor one with a child of its own that pays for both: they are mined together."""
    poor, payer = PoolEntry(100, 100, 100, 100), PoolEntry(100, 4_000, 200, 4_100, depends=("poor",))
    assert deficit_sats({"poor": poor, "payer": payer}, 20.0) == 0
    assert deficit_sats({"poor": poor, "payer": payer}, 30.0) == 30 * 200 - 4_100


def test_several_parents_are_lifted_together():
    """Two that pay one sat, and a rich one beside them that is mined by itself."""
    ancestors = {
        "a": PoolEntry(100, 100, 100, 100),
        "b": PoolEntry(150, 150, 150, 150),
        "c": PoolEntry(100, 9_000, 1, 1),
    }
    assert deficit_sats(ancestors, 10.0) == 900 + 1_350
    assert deficit_sats({}, 10.0) == 0


def test_a_child_lifts_its_parent():
    """The rate by which it will be mined is the better of its own and of a child's package."""
    parent, child = PoolEntry(100, 100, 100, 100, descendants=2), PoolEntry(100, 3_900, 200, 4_000)
    assert effective_rate(parent) == 1.0
    assert effective_rate(parent, [child]) == 20.0


def test_entries_of_nodes_are_read():
    """Amounts in bitcoins become sats; newer nodes say by which rate they mine it; what is no entry is none."""
    told = {"vsize": 100, "fees": {"base": 0.000001, "ancestor": 0.000003}, "ancestorsize": 150, "spentby": ["cc"]}
    assert entry_of(told) == PoolEntry(100, 100, 150, 300, spent_by=("cc",))
    chunk = {**told, "fees": {**told["fees"], "chunk": 0.00002}, "chunkweight": 800}
    assert entry_of(chunk).score == 10.0
    assert entry_of({"vsize": 0, "fees": {"base": 1}}) is None
    assert entry_of(None) is None


@pytest.mark.parametrize(("rate", "up"), [(1.0, 1.0), (1.0001, 1.001), (0.1 + 0.2, 0.3), (12.3456, 12.346)])
def test_rates_are_rounded_up(rate, up):
    """To what a wallet takes; an error of the last bit costs nothing."""
    assert rate_up(rate) == up


def test_what_left_the_mempool_can_be_sent_again():
    """Where it cannot be replaced, nor have a child: from which rate on the node takes it back, and the command."""
    bump, lacks = bump_of(Case(DEPOSIT, None), TILL)
    assert bump is None
    assert "send it once more, which its node takes from 1 sat/vB on: bitcoin-cli sendrawtransaction " in lacks
    assert "'-rpcwallet=hot wallet' gettransaction dd" in lacks
    _, of_litecoin = bump_of(Case(DEPOSIT, None), replace(TILL, coin="litecoin"))
    assert "takes from 1 litoshi/vB on" in of_litecoin


def test_a_wallet_that_cannot_pay_says_so():
    """1800 sats more for the replacement, of 1000: no card that would fail."""
    bump, lacks = bump_of(Case(PAYMENT, ENTRY), replace(TILL, trusted_sats=1_000))
    assert bump is None
    assert lacks.startswith("no replacement: it would cost 1800 sats more, and the wallet can spend 1000; no child:")
    assert bump_of(Case(PAYMENT, ENTRY), replace(TILL, trusted_sats=1_800))[0] is not None
    assert bump_of(Case(PAYMENT, None), replace(TILL, trusted_sats=0))[0] is not None  # its change is not counted


def test_what_has_to_be_done_beside_is_noted():
    """A locked wallet, one without keys, a fee above the wallet's own limit."""
    locked, _ = bump_of(Case(PAYMENT, ENTRY), replace(TILL, is_locked=True))
    assert locked is not None
    assert locked.note == (
        "unlock the wallet first: bitcoin-cli '-rpcwallet=hot wallet' -stdinwalletpassphrase walletpassphrase 60"
    )
    keyless, _ = bump_of(Case(PAYMENT, ENTRY), replace(TILL, has_keys=False))
    assert keyless is not None
    assert "sign the PSBT" in keyless.note
    dear, _ = bump_of(Case(PAYMENT, ENTRY), replace(TILL, market=50_001.0))
    assert dear is not None
    assert "-maxtxfee" in dear.note
    plain, _ = bump_of(Case(PAYMENT, ENTRY), TILL)
    assert plain is not None
    assert plain.note == ""


def test_an_old_wallet_without_keys_makes_no_child():
    """It cannot sign, and its raw transaction is no draft."""
    case = Case(DEPOSIT, ENTRY, outputs=[OwnOutput(1, 50_000, P2WPKH)])
    bump, lacks = bump_of(case, Till(10.0, version=210_400, has_keys=False))
    assert bump is None
    assert lacks.endswith("no child: the wallet has no keys to sign one")
