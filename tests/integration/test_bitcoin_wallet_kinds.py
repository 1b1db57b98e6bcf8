"""Wallets of all kinds on a real node: what is told of their transactions is what the node says they move and pay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.bitcoin_looks import TransactionLooks, looking, looking_at_wallets
from support.bitcoin_room import NOBODY
from support.regtest import RegtestNode, regtest_nodes

SETTINGS = ("-keypool=10", "-unsafesqlitesync=1")
RATE_SAT_PER_VB = 10
RECIPIENTS = 600
ODD_NAMES = ("", "a b", "ünï/çode", "x/y/z", "p%20q", 'q"uote', "back\\slash")
MANY_WALLETS = 30


def keys(node: RegtestNode, wallet: str, *, private: bool = False) -> str:
    """The expression of a wallet's keys for P2WPKH."""
    told = node.call("listdescriptors", private, wallet=wallet)["descriptors"]
    found = next(each["desc"] for each in told if each["desc"].startswith("wpkh(") and not each["internal"])
    return found.removeprefix("wpkh(").partition(")")[0]


def imported(node: RegtestNode, wallet: str, descriptor: str, *, count: int, private: bool) -> str:
    """A wallet that has nothing but one descriptor; the descriptor with its checksum."""
    checked = f"{descriptor}#{node.call('getdescriptorinfo', descriptor)['checksum']}"
    node.call("createwallet", wallet, not private, True)
    asked = [{"desc": checked, "timestamp": "now", "range": [0, count - 1]}]
    [told] = node.call("importdescriptors", asked, wallet=wallet)
    assert told["success"], told
    return checked


def addresses(node: RegtestNode, checked: str, count: int) -> list[str]:
    """The first of a descriptor."""
    return node.call("deriveaddresses", checked, [0, count - 1])


@pytest.mark.long
async def test_wallets_of_all_kinds_are_told_as_the_node_tells_them(tmp_path):
    """On one node: shared and only watching, many recipients and many inputs, to itself, locked, with a history, of any name."""
    with regtest_nodes(tmp_path, 1, *SETTINGS) as [node]:
        await asyncio.to_thread(lambda: node.mine(20, to=node.funded_wallet("miner")))
        async with looking(node) as looks:
            await looks.look()
            await _a_vault_without_keys_pays(node, looks)
            await _six_hundred_come_and_go(node, looks)
            await _a_payment_to_oneself(node, looks)
            await _a_locked_wallet_had_paid(node, looks)
            await _keys_with_a_history_are_imported(node, looks)
            await _wallets_of_any_name_are_told(node, looks)


async def _a_vault_without_keys_pays(node: RegtestNode, looks: TransactionLooks) -> None:
    """Two of three, watched by a wallet without a key: its payments are withdrawals that spend its coins, with their fee."""
    signers = ("first", "second", "third")
    for name in signers:
        node.call("createwallet", name)
    shared = f"wsh(sortedmulti(2,{','.join(keys(node, name) for name in signers)}))"
    checked = imported(node, "vault", shared, count=5, private=False)
    for name in signers[:2]:
        own = shared.replace(keys(node, name), keys(node, name, private=True))
        imported(node, f"{name} of the vault", own, count=5, private=True)
    await looks.look()  # what a wallet has at the first look is history
    first, second, change, *_ = addresses(node, checked, 5)
    deposit = node.call("sendmany", "", {first: 1, second: 2}, wallet="miner")
    node.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(deposit, "vault") == ["seen", "confirmed"]
    came = looks.last(deposit, "vault")
    assert (came["transaction.direction"], came["transaction.amount_sats"]) == ("deposit", 300_000_000)
    assert came["transaction.spends_ours"] is False
    assert "transaction.fee_sats" not in came  # the miner's

    how = {"fee_rate": RATE_SAT_PER_VB, "changeAddress": change}
    funded = node.call("walletcreatefundedpsbt", [], [{NOBODY: 2.5}], 0, how, wallet="vault")
    psbt = funded["psbt"]
    for name in signers[:2]:
        psbt = node.call("walletprocesspsbt", psbt, wallet=f"{name} of the vault")["psbt"]
    payment = node.call("sendrawtransaction", node.call("finalizepsbt", psbt)["hex"])
    await looks.look()
    for wallet in ("vault", "first of the vault"):
        went = looks.last(payment, wallet)
        assert (went["transaction.direction"], went["transaction.amount_sats"]) == ("withdrawal", 250_000_000)
        assert went["transaction.fee_sats"] == round(funded["fee"] * 1e8)
        assert went["transaction.spends_ours"] is True
        assert len(_inputs(went)) == 2


async def _six_hundred_come_and_go(node: RegtestNode, looks: TransactionLooks) -> None:
    """One payment to six hundred addresses of a wallet, which spends them all at once, for just what was told that it costs."""
    node.call("createwallet", "payroll")
    checked = imported(node, "crowd", f"wpkh({keys(node, 'payroll', private=True)})", count=RECIPIENTS, private=True)
    to = addresses(node, checked, RECIPIENTS)
    await looks.look()
    paid = node.call("sendmany", "", dict.fromkeys(to, 0.001), wallet="miner")
    node.mine(1, to=NOBODY)
    await looks.look()
    went, came = looks.last(paid, "miner"), looks.last(paid, "crowd")
    assert went["transaction.amount_sats"] == came["transaction.amount_sats"] == 100_000 * RECIPIENTS
    assert went["transaction.fee_sats"] == round(-node.call("gettransaction", paid, wallet="miner")["fee"] * 1e8)

    async with looking_at_wallets(node, wallets=("crowd",)) as wallets:
        figures = await wallets.look()
    rate = figures["fee_rate_sat_per_vb crowd"]
    swept = node.call("sendall", [NOBODY], None, "unset", rate, wallet="crowd")["txid"]
    await looks.look()
    all_went = looks.last(swept, "crowd")
    assert all_went["transaction.fee_sats"] == figures["spend_cost_sats crowd"]
    assert node.call("getmempoolentry", swept)["vsize"] <= figures["spend_vbytes crowd"]
    assert all_went["transaction.amount_sats"] == 100_000 * RECIPIENTS - figures["spend_cost_sats crowd"]
    assert len(_inputs(all_went)) == 100  # the first


async def _a_payment_to_oneself(node: RegtestNode, looks: TransactionLooks) -> None:
    """Internal, with what was moved and the fee."""
    txid = node.call("sendtoaddress", node.call("getnewaddress", wallet="miner"), 3, wallet="miner")
    await looks.look()
    said = looks.last(txid, "miner")
    assert (said["transaction.direction"], said["transaction.amount_sats"]) == ("internal", 300_000_000)
    assert said["transaction.fee_sats"] == round(node.call("getmempoolentry", txid)["fees"]["base"] * 1e8)


async def _a_locked_wallet_had_paid(node: RegtestNode, looks: TransactionLooks) -> None:
    """What needs its passphrase to pay needs none to be watched."""
    node.call("createwallet", "locked", False, False, "a passphrase")
    node.call("sendtoaddress", node.call("getnewaddress", wallet="locked"), 1, wallet="miner")
    node.mine(1, to=NOBODY)
    node.call("walletpassphrase", "a passphrase", 600, wallet="locked")
    txid = node.call("sendtoaddress", NOBODY, 0.2, wallet="locked")
    node.call("walletlock", wallet="locked")
    await looks.look()
    said = looks.last(txid, "locked")
    assert (said["transaction.direction"], said["transaction.amount_sats"]) == ("withdrawal", 20_000_000)
    async with looking_at_wallets(node, wallets=("locked",)) as wallets:
        figures = await wallets.look()
        assert wallets.watch.sights[0].is_locked is True
    assert figures["funds_sats locked trusted"] == round(
        node.call("getbalances", wallet="locked")["mine"]["trusted"] * 1e8
    )


async def _keys_with_a_history_are_imported(node: RegtestNode, looks: TransactionLooks) -> None:
    """A rescan brings them what was long since in blocks: no news, but followed; what comes then is news."""
    node.call("createwallet", "late", False, True)
    await looks.look()
    active = [each for each in node.call("listdescriptors", True, wallet="miner")["descriptors"] if each["active"]]
    asked = [
        {"desc": each["desc"], "internal": each["internal"], "active": True, "timestamp": 0, "range": [0, 30]}
        for each in active
    ]
    assert all(each["success"] for each in node.call("importdescriptors", asked, wallet="late"))
    found = {each["txid"] for each in node.call("listtransactions", "*", 1_000, wallet="late")}
    assert len(found) > 100
    figures = await looks.look()
    assert [txid for txid in found if looks.told(txid, "late")] == []
    assert figures["transactions_total late withdrawal"] == figures["moved_sats_total late deposit"] == 0
    assert figures["movement_score late withdrawal"] == 0

    node.call("unloadwallet", "late")
    assert "transactions_total late withdrawal" not in await looks.look()
    txid = node.call("sendtoaddress", NOBODY, 1, wallet="miner")
    [block] = node.mine(1, to=NOBODY)
    node.call("loadwallet", "late")
    await looks.look()
    assert looks.told(txid, "late") == ["seen", "confirmed"]

    node.call("invalidateblock", block)  # the other thing that a wallet may find in heights that were looked at
    node.mine(2, to=node.call("getnewaddress", wallet="miner"))
    await looks.look()
    assert looks.told(txid, "late") == ["seen", "confirmed", "unconfirmed", "confirmed"]


async def _wallets_of_any_name_are_told(node: RegtestNode, looks: TransactionLooks) -> None:
    """Blanks, slashes, quotes, what looks encoded, none at all; and thirty more, in one look."""
    for name in ODD_NAMES:
        node.call("createwallet", name)
    for number in range(MANY_WALLETS):
        node.call("createwallet", f"branch {number}", False, True)
    figures = await looks.look()
    assert looks.round.faults == ()
    for number in range(MANY_WALLETS):
        assert figures[f"stuck_transactions branch {number}"] == 0
    # The one without a name has no address of its own to be called by.
    paid = {
        name: node.call("sendtoaddress", node.call("getnewaddress", wallet=name), 0.1, wallet="miner")
        for name in ODD_NAMES
        if name
    }
    node.mine(1, to=NOBODY)
    figures = await looks.look()
    for name, txid in paid.items():
        assert looks.told(txid, name) == ["seen", "confirmed"]
    assert figures["unconfirmed_transactions default deposit"] == 0
    async with looking_at_wallets(node) as wallets:
        figures = await wallets.look()
        assert wallets.round.faults == ()
    for name in paid:
        assert figures[f"funds_sats {name} trusted"] == 10_000_000
    assert figures["loaded default"] == 1


def _inputs(said: dict[str, Any]) -> list[str]:
    return said["transaction.inputs"]
