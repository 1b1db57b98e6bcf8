"""Own transactions that lose, on real nodes: double spends and what hangs on them, rewards that are orphaned, what is given up.

The nodes do not know each other: the test hands over the blocks of one to the other, and nothing depends on when a peer speaks.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from anyascope.collect.collectors.bitcoin import patience
from support.bitcoin_looks import TransactionLooks, copy_wallet, hand_over, looking, looking_at_wallets, spend_coin
from support.bitcoin_room import NOBODY
from support.regtest import RegtestNode, free_base, litecoin_node, regtest_node

SETTINGS = ("-keypool=10", "-unsafesqlitesync=1")
NEITHER_KEPT_NOR_SENT = ("-persistmempool=0", "-walletbroadcast=0")
REWARD_SATS = 50 * 100_000_000


class Stage:
    """Two nodes whose wallet `w` has the same keys, and wallet `shop` of the first; all of the first are watched."""

    def __init__(self, here: RegtestNode, there: RegtestNode) -> None:
        self.here, self.there = here, there
        here.mine(12, to=here.funded_wallet("w"))
        here.call("createwallet", "shop")
        hand_over(here, there)
        copy_wallet(here, there, "w")

    def coin(self) -> dict[str, Any]:
        """One of `w` that is confirmed, and that no transaction of either node spends."""
        spent = {each["txid"] for each in self.there.call("listunspent", 1, wallet="w")}
        return next(each for each in self.here.call("listunspent", 1, wallet="w") if each["txid"] in spent)

    def address(self, wallet: str) -> str:
        return self.here.call("getnewaddress", wallet=wallet)

    def wins(self, *transactions: str) -> str:
        """The other node's branch, with these in its first block, gets longer than this one's; that block."""
        first = self.there.call("generateblock", NOBODY, list(transactions))["hash"]
        self.there.mine(self.here.call("getblockcount") + 1 - self.there.call("getblockcount"), to=NOBODY)
        hand_over(self.there, self.here)
        assert self.here.call("getbestblockhash") == self.there.call("getbestblockhash")
        return first


@pytest.mark.long
async def test_what_loses_is_told(tmp_path, monkeypatch):
    """Each act is one way to lose, on the same two nodes."""
    monkeypatch.setattr(patience, "SLOW_S", 60.0)  # two calls in a row that a busy machine slows would be made rarely
    base = free_base(2)
    with (
        regtest_node(tmp_path / "here", base, *SETTINGS) as here,
        regtest_node(tmp_path / "there", base + 3, *SETTINGS) as there,
    ):
        stage = await asyncio.to_thread(Stage, here, there)
        async with looking(here) as looks:
            await looks.look()
            await _a_double_spend_wins_by_its_branch(stage, looks)
            await _a_sender_takes_back_what_he_paid(stage, looks)
            await _another_program_with_our_keys_bumps(stage, looks)
            await _we_take_back_what_we_paid(stage, looks)
            await _a_reward_is_orphaned(stage, looks)
            documents = looks.documents
            height = here.call("getblockcount")
        here.stop()
        with regtest_node(tmp_path / "here", base, *SETTINGS, *NEITHER_KEPT_NOR_SENT) as again:
            for wallet in ("w", "shop"):
                again.call("loadwallet", wallet)
            async with looking(again, documents=documents) as looks:
                await looks.look()
                assert looks.watch._tip[1] == height
                await _what_nobody_has_is_given_up(again, looks)


@pytest.mark.long
async def test_litecoins_daemon_tells_what_loses(tmp_path):
    """An old dialect, and a key that somebody else has, too: the other branch pays him, and takes a reward back."""
    with (
        litecoin_node(tmp_path / "here", "-keypool=10") as here,
        litecoin_node(tmp_path / "there", "-keypool=10") as there,
    ):
        address = await asyncio.to_thread(here.funded_wallet, "w")
        here.call("createwallet", "shop")
        for name in ("stranger", "thief"):
            there.call("createwallet", name)
        nobody = there.call("getnewaddress", wallet="stranger")
        await asyncio.to_thread(hand_over, here, there)
        async with looking(here) as looks:
            await looks.look()
            [coin] = here.call("listunspent", wallet="w")
            there.call("importprivkey", here.call("dumpprivkey", coin["address"], wallet="w"), "", True, wallet="thief")
            _, payment = spend_coin(here, "w", coin, here.call("getnewaddress", wallet="shop"))
            [block] = here.mine(1, to=address)
            reward = here.call("getblock", block)["tx"][0]
            await looks.look()
            assert looks.told(payment, "w") == looks.told(payment, "shop") == ["seen", "confirmed"]

            stolen, theft = spend_coin(there, "thief", coin, nobody, send=False)
            there.call("generateblock", nobody, [stolen])
            there.mine(1, to=nobody)
            await asyncio.to_thread(hand_over, there, here)
            await looks.look()
            for wallet in ("w", "shop"):
                assert looks.told(payment, wallet) == ["seen", "confirmed", "unconfirmed", "conflicted"]
            assert looks.told(theft, "w") == ["seen", "confirmed"]
            assert looks.told(reward, "w") == ["seen", "confirmed", "unconfirmed", "abandoned"]
            assert looks.round.faults == ()


async def _a_double_spend_wins_by_its_branch(stage: Stage, looks: TransactionLooks) -> None:
    """A payment to `shop`, which pays on, is confirmed; the other branch pays a thief with the same coin, and loses again."""
    here, coin = stage.here, stage.coin()
    _, payment = spend_coin(here, "w", coin, stage.address("shop"))
    _, child = spend_coin(here, "shop", {"txid": payment, "vout": 0, "amount": coin["amount"] - 0.0001}, NOBODY)
    here.mine(1, to=NOBODY)
    await looks.look()
    honest = ((payment, "w"), (payment, "shop"), (child, "shop"))
    for txid, wallet in honest:
        assert looks.told(txid, wallet) == ["seen", "confirmed"]

    stolen, theft = spend_coin(stage.there, "w", coin, NOBODY, send=False)
    first = stage.wins(stolen)
    assert here.call("gettransaction", payment, wallet="w")["confirmations"] < 0
    figures = await looks.look()
    for txid, wallet in honest:
        assert looks.told(txid, wallet) == ["seen", "confirmed", "unconfirmed", "conflicted"]
    assert looks.last(payment, "w")["transaction.replaced_by"] == theft
    assert looks.told(theft, "w") == ["seen", "confirmed"]
    for name, count in (("conflicted_total w", 1), ("replaced_total w", 0), ("conflicted_total shop", 2)):
        assert figures[name] == count
    for name in ("reorged_transactions_total", "reopened_transactions"):
        assert [figures[f"{name} {which}"] for which in ("w withdrawal", "shop deposit", "shop withdrawal")] == [
            1,
            1,
            1,
        ]
    assert {each.status for each in looks.watch.open_transactions()} == {"conflicted"}

    here.call("invalidateblock", first)  # until the first branch is the longer one
    here.mine(3, to=NOBODY)
    here.call("reconsiderblock", first)
    hand_over(here, stage.there)
    figures = await looks.look()
    for txid, wallet in honest:
        assert looks.told(txid, wallet)[-1] == "confirmed"
    assert looks.told(theft, "w") == ["seen", "confirmed", "unconfirmed", "conflicted"]
    assert figures["reopened_transactions shop deposit"] == 0
    assert figures["reopened_transactions w withdrawal"] == 1  # the theft


async def _a_sender_takes_back_what_he_paid(stage: Stage, looks: TransactionLooks) -> None:
    """His replacement, which pays `shop` nothing, and which its wallet does not have: first in the mempool, then in a block."""
    here, coin = stage.here, stage.coin()
    _, payment = spend_coin(here, "w", coin, stage.address("shop"))
    await looks.look()
    _, back = spend_coin(here, "w", coin, NOBODY, fee_sats=50_000)
    await looks.look()
    assert looks.told(payment, "shop") == looks.told(payment, "w") == ["seen", "replaced"]
    assert looks.last(payment, "shop")["transaction.replaced_by"] == back
    here.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(payment, "shop") == looks.told(payment, "w") == ["seen", "replaced", "conflicted"]
    here.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(payment, "shop")[-1] == "conflicted"
    hand_over(here, stage.there)


async def _another_program_with_our_keys_bumps(stage: Stage, looks: TransactionLooks) -> None:
    """It pays the same with a higher fee, and the wallet does not know it for a bump: replaced, and no conflict when it is mined."""
    here, coin, to = stage.here, stage.coin(), stage.address("shop")
    _, payment = spend_coin(here, "w", coin, to)
    await looks.look()
    raw, bump = spend_coin(stage.there, "w", coin, to, fee_sats=50_000, send=False)
    here.call("sendrawtransaction", raw)
    await looks.look()
    here.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(payment, "w") == ["seen", "replaced"]
    assert looks.last(payment, "w")["transaction.replaced_by"] == bump
    assert looks.told(bump, "w") == looks.told(bump, "shop") == ["seen", "confirmed"]
    hand_over(here, stage.there)


async def _we_take_back_what_we_paid(stage: Stage, looks: TransactionLooks) -> None:
    """By a transaction to ourselves that the wallet does not know for a bump: no double spend of ours, but of who was to be paid."""
    here, coin = stage.here, stage.coin()
    _, payment = spend_coin(here, "w", coin, stage.address("shop"))
    await looks.look()
    raw, back = spend_coin(stage.there, "w", coin, stage.address("w"), fee_sats=50_000, send=False)
    here.call("sendrawtransaction", raw)
    here.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(payment, "w") == ["seen", "replaced"]
    assert looks.told(payment, "shop") == ["seen", "conflicted"]
    assert looks.told(back, "w") == ["seen", "confirmed"]
    hand_over(here, stage.there)


async def _a_reward_is_orphaned(stage: Stage, looks: TransactionLooks) -> None:
    """Its block loses against another one: it is worth nothing, and the wallet's immature funds say so."""
    here = stage.here
    async with looking_at_wallets(here) as wallets:
        before = (await wallets.look())["funds_sats w immature"]
        [block] = here.mine(1, to=stage.address("w"))  # and one that was immature is not any more
        reward = here.call("getblock", block)["tx"][0]
        await looks.look()
        assert looks.told(reward, "w") == ["seen", "confirmed"]
        assert (await wallets.look())["funds_sats w immature"] == before
        stage.wins()
        figures = await looks.look()
        assert looks.told(reward, "w") == ["seen", "confirmed", "unconfirmed", "abandoned"]
        assert figures["reopened_transactions w deposit"] == 0
        assert (await wallets.look())["funds_sats w immature"] == before - 2 * REWARD_SATS


async def _what_nobody_has_is_given_up(node: RegtestNode, looks: TransactionLooks) -> None:
    """In no mempool, as a node with an empty one does not send it; given up by its owner, and mined after all."""
    txid = node.call("sendtoaddress", NOBODY, 1, wallet="w")
    assert node.call("getrawmempool") == []
    await looks.look()
    node.call("abandontransaction", txid, wallet="w")
    given_up = (await looks.look())["abandoned_total w"]
    assert looks.told(txid, "w") == ["seen", "abandoned"]
    assert given_up == 2  # the reward was the first
    assert txid not in {each.txid for each in looks.watch.open_transactions()}
    node.call("sendrawtransaction", node.call("gettransaction", txid, wallet="w")["hex"])
    node.mine(1, to=NOBODY)
    await looks.look()
    assert looks.told(txid, "w") == ["seen", "abandoned", "confirmed"]
