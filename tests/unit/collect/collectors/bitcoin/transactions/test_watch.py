"""The watch over a node's wallets, on a node that is moved by hand."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.transactions.stuck import ABSENT_S
from anyascope.collect.collectors.bitcoin.transactions.watch import ASKED_MAX, SELDOM_S, TransactionsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Round
from anyascope.errors import UnavailableError
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import Refusal
from support.collecting import RecordingIntake, until
from support.pretend_node import PretendNode

INTERVAL_S = 15.0


class QuickClock:
    """Time passes where somebody waits for it, and never otherwise."""

    def __init__(self) -> None:
        self.passed_ns = 0

    def now_ns(self) -> int:
        return 1_000_000 * NS_PER_S + self.passed_ns

    def monotonic_ns(self) -> int:
        return self.passed_ns

    async def sleep(self, seconds: float) -> None:
        self.passed_ns += round(max(seconds, 0.0) * NS_PER_S)
        await asyncio.sleep(0)


class Site:
    """A node, its watch, and what came of it."""

    def __init__(self, **options) -> None:
        self.node = PretendNode()
        self.clock = QuickClock()
        self.intake = RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)
        self.options = BitcoinNodeOptions("n", "http://h:1", interval_s=INTERVAL_S, **options)
        self.watch = self.start()

    def start(self) -> TransactionsWatch:
        """The server starts again: what is not kept is gone."""
        self.watch = TransactionsWatch(
            self.options,
            intake=self.intake,
            documents=self.documents,
            clock=self.clock,
            client=self.node,
        )
        return self.watch

    async def look(self, after_s: float = INTERVAL_S) -> Round:
        await self.clock.sleep(after_s)
        return await self.watch.gather()

    async def block(self, *txids: str) -> Round:
        self.node.mine(txids)
        self.watch.on_block()
        return await self.look(0)

    def told(self, txid: str) -> list[str]:
        events = [each for each in self.intake.log_records if each.correlation_id == txid]
        return [each.event_name.rpartition(".")[2] for each in events]


def value(found: Round, name: str, **labels: str) -> float | None:
    wanted = set(labels.items())
    points = [point for family in found.families if family.name == name for point in family.points]
    return next((number for known, number in points if wanted <= set(known)), None)


async def test_a_message_is_followed_at_once():
    """The wallet is asked of the transaction that the mempool took, and of no other; the figures follow."""
    site = Site()
    await site.look()
    running = asyncio.create_task(site.watch.run())
    txid = site.node.pay()
    site.node.asked.clear()
    site.watch.on_transaction(txid, True)
    site.watch.on_transaction("of somebody else", True)
    await until(lambda: site.told(txid) == ["seen"] and site.watch.nudge.is_set())  # it is set a few turns later
    assert site.node.asked[:3] == ["gettransaction", "gettransaction", "getmempoolentry"]
    site.watch.on_transaction("unknown, and left", False)
    await until(lambda: not site.watch._stir.is_set())
    running.cancel()
    found = await site.watch.gather()
    assert value(found, "anya_bitcoin_wallet_unconfirmed_transactions", direction="withdrawal", wallet="w") == 1


async def test_a_message_during_a_look_is_followed_between_two_wallets():
    """A spend that is named while everything is looked at does not wait for the end of that."""
    site = Site()
    site.node.wallets = ["w", "x"]
    await site.look()
    listed, txid = site.node._listsinceblock, ""

    def pays_meanwhile(*asked):
        nonlocal txid
        found = listed(*asked)
        if not txid:  # the wallet's list is older than the payment
            txid = site.node.pay()
            site.watch.on_transaction(txid, True)
        return found

    site.node._listsinceblock = pays_meanwhile
    site.node.asked.clear()
    await site.block()

    asked = site.node.asked
    first, second = (at for at, method in enumerate(asked) if method == "listsinceblock")
    assert "gettransaction" in asked[first:second]
    assert site.told(txid) == ["seen", "seen"]  # of either wallet


@pytest.mark.parametrize("method", ["getblockchaininfo", "listwallets", "listsinceblock"])
async def test_what_is_named_while_the_node_does_not_answer_is_found_soon(method):
    """A look that fails is made again long before the next interval; what messages named in between is found then."""
    site = Site()
    await site.look()
    site.node.refused[method] = Refusal("http_503", "work queue depth exceeded")
    await site.block()
    running = asyncio.create_task(site.watch.run())
    failed_ns = site.clock.passed_ns
    txid = site.node.pay()
    site.watch.on_transaction(txid, True)
    await until(site.watch.nudge.is_set)
    site.node.refused.clear()
    await site.watch.gather()
    running.cancel()

    assert site.told(txid) == ["seen"]
    assert site.clock.passed_ns - failed_ns <= 2 * NS_PER_S


async def test_a_look_that_goes_on_failing_is_made_ever_more_seldom():
    """A node that is down is asked after one second, two, four, and so on up to the interval, and at once after it is back."""
    site = Site()
    await site.look()
    site.node.refused["getblockchaininfo"] = Refusal("unreachable", "refused")
    await site.block()
    running = asyncio.create_task(site.watch.run())
    times_ns = [site.clock.passed_ns]
    for _ in range(6):
        await until(site.watch.nudge.is_set)
        await site.watch.gather()
        times_ns.append(site.clock.passed_ns)
    running.cancel()

    waits_s = [(later - sooner) / NS_PER_S for sooner, later in itertools.pairwise(times_ns)]
    assert waits_s == pytest.approx([1, 2, 4, 8, 15, 15], abs=0.5)


async def test_a_wallet_that_takes_it_after_seconds_is_looked_at_once_more():
    """Where no wallet had it each time that they were asked, their newest entries are looked at a little later."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    payment, has, asked = site.node.payments.pop(txid), site.node._gettransaction, []

    def takes_it_then(named, *more):
        asked.append(named)
        answer = has(named, *more)
        if len(asked) == ASKED_MAX:
            site.node.payments[txid] = payment
        return answer

    site.node._gettransaction = takes_it_then
    began_ns = site.clock.passed_ns
    running = asyncio.create_task(site.watch.run())
    site.watch.on_transaction(txid, True)
    await until(lambda: site.told(txid) == ["seen"])
    running.cancel()

    assert asked == [txid] * (ASKED_MAX + 1)
    assert site.clock.passed_ns - began_ns < 5 * NS_PER_S


async def test_two_messages_at_once_are_two_events():
    """Transactions that are named together, and named again meanwhile, are told once each."""
    site = Site()
    await site.look()
    running = asyncio.create_task(site.watch.run())
    txids = [site.node.pay() for _ in range(3)]
    for txid in (*txids, *txids):
        site.watch.on_transaction(txid, True)
    await until(lambda: all(site.told(txid) for txid in txids))
    site.watch.on_transaction(txids[0], True)
    await until(lambda: not site.watch._stir.is_set())
    running.cancel()

    assert [site.told(txid) for txid in txids] == [["seen"]] * 3


async def test_a_slow_wallet_keeps_no_other_waiting():
    """What one wallet has is told while another has not answered."""
    site = Site()
    site.node.wallets = ["w", "x"]
    await site.look()
    may_answer, looked = asyncio.Event(), site.watch._lookers["x"].look_at_named

    async def slowly(named, *, height):
        await may_answer.wait()
        return await looked(named, height=height)

    site.watch._lookers["x"].look_at_named = slowly
    running = asyncio.create_task(site.watch.run())
    txid = site.node.pay()
    site.watch.on_transaction(txid, True)
    await until(lambda: site.told(txid) == ["seen"])
    may_answer.set()
    await until(lambda: site.told(txid) == ["seen", "seen"])
    running.cancel()


async def test_a_wallet_that_cannot_be_read_hides_no_other():
    """By messages and by polling; the health names it, and it is there again once it can be read."""
    site = Site()
    site.node.wallets = ["odd", "w"]
    await site.look()
    odd = site.watch._lookers["odd"]
    wanted = {name: getattr(odd, name) for name in ("look_at_named", "look_at_all", "look_at_open")}

    async def breaks(*_, **__):
        raise ValueError("an odd answer")

    for name in wanted:
        setattr(odd, name, breaks)
    running = asyncio.create_task(site.watch.run())
    heard = site.node.pay()
    site.watch.on_transaction(heard, True)
    await until(lambda: site.told(heard) == ["seen"])
    running.cancel()
    polled = site.node.pay()
    found = await site.look()
    assert site.told(polled) == ["seen"]
    assert found.faults == ("odd: a fault of the server: ValueError: an odd answer",)
    for name, method in wanted.items():
        setattr(odd, name, method)
    assert (await site.look()).faults == ()
    assert site.told(polled) == ["seen", "seen"]


async def test_a_wallet_that_hears_late_is_asked_again():
    """The node tells of a transaction before its wallets take it; what none takes is not asked for ever."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    has, asked = site.node._gettransaction, []
    site.node._gettransaction = lambda named, *_: has(named if named in asked else asked.append(named))
    running = asyncio.create_task(site.watch.run())
    site.watch.on_transaction(txid, True)
    await until(lambda: site.told(txid) == ["seen"])
    site.node.asked.clear()
    site.watch.on_transaction("nobody's", True)
    await until(lambda: site.node.asked.count("gettransaction") == ASKED_MAX)
    for _ in range(20):
        await asyncio.sleep(0)
    assert site.node.asked.count("gettransaction") == ASKED_MAX
    running.cancel()


async def test_a_refusal_between_a_message_and_its_look_loses_nothing():
    """The look at everything that follows finds the transaction."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    site.node.refused["gettransaction"] = Refusal("busy", "full")
    running = asyncio.create_task(site.watch.run())
    site.watch.on_transaction(txid, True)
    await until(site.watch.nudge.is_set)
    running.cancel()
    site.node.refused.clear()
    await site.look(0)
    assert site.told(txid) == ["seen"]


async def test_without_messages_polling_sees_all():
    """A node without ZMQ: at each look."""
    site = Site()
    await site.look()
    txid = site.node.pay(is_deposit=True)
    await site.look()
    assert site.told(txid) == ["seen"]
    site.node.mine([txid])
    await site.look()
    assert site.told(txid) == ["seen", "confirmed"]


async def test_a_full_intake_loses_nothing():
    """What it does not take waits; what was told is kept only then, so a death before it tells it after the next start."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    site.intake.refusals = 1_000
    await site.look()
    found = await site.look()
    assert found.faults == ("events wait: the intake is full",)
    site.intake.refusals = 0
    site.start()
    await site.look()
    await site.look()
    assert site.told(txid) == ["seen"]


async def test_an_evicted_transaction_is_stuck():
    """Out of the mempool for a minute, whatever it pays; the replacement that would bring it back is told."""
    site = Site()
    await site.look()
    txid = site.node.pay(fee_sats=200)
    await site.look()
    site.node.pool.discard(txid)
    await site.look()
    assert site.told(txid) == ["seen"]
    await site.look(max(ABSENT_S, SELDOM_S))
    assert site.told(txid) == ["seen", "stuck"]
    [waits] = site.watch.open_transactions()
    assert (waits.is_in_mempool, waits.rate_sat_per_vb, waits.is_evicted) == (False, None, True)
    assert waits.bump is not None
    assert (waits.bump.kind, waits.bump.fee_rate_sat_per_vb) == ("rbf", 2.0)
    site.node.pool.add(txid)
    await site.look(SELDOM_S)
    assert site.told(txid) == ["seen", "stuck", "unstuck"]


async def test_stuck_is_told_once_over_restarts():
    """More than six blocks below the market; a server that starts again goes on counting, and repeats nothing."""
    site = Site()
    await site.look()
    site.node.market = 50.0
    txid = site.node.pay()
    await site.look()
    for number in range(8):  # the first says that it is below, the seventh after it that it is stuck
        if number == 3:
            site.start()
        await site.block()
        assert site.told(txid) == (["seen", "stuck"] if number == 7 else ["seen"])
    site.start()
    found = await site.block()
    assert site.told(txid) == ["seen", "stuck"]
    assert value(found, "anya_bitcoin_wallet_stuck_transactions", wallet="w") == 1
    assert value(found, "anya_bitcoin_wallet_stuck_transaction_blocks", txid=txid) == 9
    site.node.market = 5.0
    await site.block()
    assert site.told(txid) == ["seen", "stuck", "unstuck"]


async def test_an_unusual_withdrawal_is_a_figure_for_an_hour():
    """Thirty of a thousand sats, then one of a million."""
    site = Site()
    site.node.now_s -= 10_000
    for _ in range(30):
        site.node.pay()
        site.node.now_s += 10
    await site.look()
    await site.block(*site.node.pool)
    site.node.now_s = site.clock.now_ns() // NS_PER_S
    site.node.pay(1_000_000)
    found = await site.look()
    assert value(found, "anya_bitcoin_wallet_unusual_movement", direction="withdrawal") == 1
    assert value(found, "anya_bitcoin_wallet_movement_score", direction="withdrawal") > 3.5
    assert value(found, "anya_bitcoin_wallet_unusual_movement", direction="deposit") == 0
    found = await site.look(3_600)
    assert value(found, "anya_bitcoin_wallet_unusual_movement", direction="withdrawal") == 0


@pytest.mark.parametrize(
    ("method", "code", "fault"),
    [
        ("getblockchaininfo", "unreachable", "unreachable: down"),
        ("listwallets", "forbidden", "forbidden: down"),
        ("listsinceblock", "timeout", "w: timeout: down"),
    ],
)
async def test_a_refusal_is_said_and_passes(method, code, fault):
    """The health says which; nothing is lost, and nothing is told of what could not be seen."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    site.node.mine([])
    site.node.refused[method] = Refusal(code, "down")
    assert (await site.look()).faults == (fault,)
    site.node.refused.clear()
    await site.look()
    assert site.told(txid) == ["seen"]


async def test_nothing_is_told_of_another_chain_or_of_a_download():
    """The wrong chain is a fault; a download is waited for."""
    site = Site(chain="main")
    found = await site.look()
    assert not found.families
    assert "is on chain regtest, expected main" in found.faults[0]
    site = Site()
    site.node.is_downloading = True
    found = await site.look()
    assert (found.families, found.faults) == ([], ())


@pytest.mark.parametrize("is_store_full", [False, True])
async def test_an_unloaded_wallet_takes_no_memory_and_loses_nothing(is_store_full, monkeypatch):
    """What it missed is news once it is loaded again, and what was told is told once; what cannot be written now is not let go."""
    site = Site()
    site.node.wallets = ["v", "w"]
    await site.look()
    txid = site.node.pay()
    if is_store_full:

        async def full(_: object) -> None:
            raise UnavailableError("full", retry_after_s=1)

        monkeypatch.setattr(site.documents, "commit", full)
    await site.look()
    site.node.wallets = ["v"]
    await site.look()
    assert ("w" in site.watch._lookers) is is_store_full
    monkeypatch.undo()
    await site.block(txid)
    await site.look()
    assert set(site.watch._lookers) == {"v"}
    later = site.node.pay()
    site.node.wallets = ["v", "w"]
    for _ in range(2):
        await site.look()
    assert told_of(site, txid, "w") == ["seen", "confirmed"]
    assert told_of(site, later, "w") == ["seen"]


def told_of(site: Site, txid: str, wallet: str) -> list[str]:
    """The events of one of the wallets that share what the node has."""
    events = [each for each in site.intake.log_records if each.correlation_id == txid]
    return [each.event_name.rpartition(".")[2] for each in events if each.attributes["bitcoin.wallet"] == wallet]


async def test_a_node_without_wallets_is_well():
    """Built without them, or none is loaded; one that is unloaded is told no more."""
    site = Site()
    site.node.pay()
    assert (await site.look()).families
    site.node.wallets.clear()
    found = await site.look()
    assert (found.families, found.faults) == ([], ())
    assert not site.watch.open_transactions()
    site.node.refused["listwallets"] = Refusal("method_not_found", "disablewallet")
    assert (await site.look()).faults == ()


async def test_an_older_node_lists_no_change():
    """It refuses the argument more, and is asked without."""
    site = Site()
    listed = site.node._listsinceblock
    site.node._listsinceblock = lambda *params: (
        Refusal("misc_error", "listsinceblock ( ... )") if len(params) > 4 else listed(*params)
    )
    await site.look()
    txid = site.node.pay()
    await site.block(txid)
    assert site.told(txid) == ["seen", "confirmed"]
    assert site.node.asked.count("listsinceblock") == 3


async def test_a_stuck_one_that_is_evicted_is_told_again():
    """First it pays too little, then nobody has it any more: the event says which, and so does a figure."""
    site = Site()
    await site.look()
    site.node.market = 50.0
    txid = site.node.pay()
    await site.look()
    for _ in range(8):
        await site.block()
    assert site.told(txid) == ["seen", "stuck"]
    site.node.pool.discard(txid)
    await site.look()
    found = await site.look(max(ABSENT_S, SELDOM_S))
    assert site.told(txid) == ["seen", "stuck", "stuck"]
    stuck = [each for each in site.intake.log_records if each.event_name == "bitcoin.transaction.stuck"]
    assert [each.attributes["bitcoin.transaction.stuck_by"] for each in stuck] == ["fee_rate", "eviction"]
    assert "it left the mempool" in stuck[1].body
    assert value(found, "anya_bitcoin_wallet_evicted_transactions", wallet="w") == 1
    site.node.pool.add(txid)
    site.node.market = 5.0
    found = await site.look(SELDOM_S)
    assert site.told(txid)[-1] == "unstuck"
    assert value(found, "anya_bitcoin_wallet_evicted_transactions", wallet="w") == 0


async def test_a_node_that_lost_the_last_block_is_asked_from_there_on():
    """It was restored or synchronised anew, two days later: what came in all that time is told, not the last 100 blocks alone."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    site.node.mine([txid])
    for _ in range(300):
        site.node.mine([])
    del site.node._heights[site.watch._lookers["w"].book.head.since.hash]
    await site.look(SELDOM_S)
    assert site.told(txid) == ["seen", "confirmed"]


@pytest.mark.parametrize(("has_wallet", "more"), [(True, []), (False, ["unconfirmed", "abandoned"])])
async def test_a_node_that_goes_through_its_blocks_once_more_takes_nothing_back(has_wallet, more):
    """Its wallet takes what is in the blocks to come for unconfirmed; one that does not know the payment at all is another wallet."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    await site.block(txid)
    blocks, heights, mined_at = list(site.node.blocks), dict(site.node._heights), dict(site.node._mined_at)
    payments = dict(site.node.payments)
    for block, _ in site.node.blocks[50:]:
        del site.node._heights[block]
    del site.node.blocks[50:], site.node._mined_at[txid]
    if not has_wallet:
        site.node.payments.clear()
    site.watch.on_block()
    found = await site.look(SELDOM_S)
    assert site.told(txid) == ["seen", "confirmed", *more]
    assert found.faults == ()
    assert ("has 101 again" in found.detail) == has_wallet

    site.node.blocks, site.node._heights, site.node._mined_at = blocks, heights, mined_at
    site.node.payments = payments
    await site.block()
    assert site.told(txid)[: 2 + len(more)] == ["seen", "confirmed", *more]


async def test_a_bump_that_was_mined_while_nobody_looked_is_no_double_spend():
    """Made by a service, so that the wallet does not know it for a bump: replaced, and no alarm of a conflict."""
    site = Site()
    await site.look()
    txid = site.node.pay()
    await site.look()
    bump = site.node.bump(txid)
    site.node.payments[txid].replaced_by = site.node.payments[bump].replaces = ""
    site.node.spend_the_same(txid, bump)
    await site.block(bump)
    assert site.told(txid) == ["seen", "replaced"]
    assert site.told(bump) == ["seen", "confirmed"]


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_deposit_that_a_block_double_spends_is_asked_for(forgets):
    """No list has it any more, neither of a node that knows the block that it was in, nor of one that was synchronised anew."""
    site = Site()
    await site.look()
    txid = site.node.pay(is_deposit=True)
    await site.block(txid)
    site.node.undo(1)
    site.node.pool.discard(txid)
    if forgets:
        site.node._stale.clear()
    site.node.mine([])
    site.node.payments[txid].conflicted_at = site.node.height
    found = await site.block()
    assert site.told(txid) == ["seen", "confirmed", "unconfirmed", "conflicted"]
    assert value(found, "anya_bitcoin_wallet_conflicted_total", wallet="w") == 1


async def test_what_a_rescan_finds_is_history():
    """Keys were imported: their payment in a block that was looked at is no news, and is followed from then on."""
    site = Site()
    await site.look()
    for _ in range(3):
        await site.block()
    old = site.node.pay()
    site.node.pool.discard(old)
    site.node._mined_at[old] = site.node.height - 1
    new = site.node.pay()
    found = await site.look()
    assert (site.told(old), site.told(new)) == ([], ["seen"])
    assert value(found, "anya_bitcoin_wallet_transactions_total", direction="withdrawal") == 1
    owned = site.watch._lookers["w"].book.owned[old]
    assert owned.is_history


async def test_what_a_new_branch_brings_in_old_heights_is_news():
    """A reorg to a branch of the same height: its blocks were not looked at."""
    site = Site()
    await site.look()
    await site.block()
    site.node.undo(1)
    txid = site.node.pay()
    await site.block(txid)
    assert site.told(txid) == ["seen", "confirmed"]


async def test_a_reopened_one_is_named():
    """A reorg throws two deposits out: each has a series with what it moves, until a block has it again."""
    site = Site()
    await site.look()
    txids = [site.node.pay(amount, is_deposit=True) for amount in (7_000, 9_000)]
    await site.block(*txids)
    site.node.undo(1)
    site.node.mine([])
    found = await site.block()
    name = "anya_bitcoin_wallet_reopened_transaction_sats"
    assert [value(found, name, txid=txid, direction="deposit") for txid in txids] == [7_000, 9_000]
    assert value(found, "anya_bitcoin_wallet_reopened_transactions", direction="deposit") == 2
    found = await site.block(*txids)
    assert value(found, name, txid=txids[0]) is None


def _history(site: Site, txid: str) -> list[tuple[str, bool]]:
    """What was told of it, and whether as history."""
    events = [each for each in site.intake.log_records if each.correlation_id == txid]
    return [
        (each.event_name.rpartition(".")[2], each.attributes.get("bitcoin.transaction.history") is True)
        for each in events
    ]


async def test_what_waited_before_the_very_first_look_is_history():
    """Silent at that look, told as history when it moves, over a restart too; what comes after the look is none."""
    site = Site()
    site.node.now_s -= 60
    before = site.node.pay()
    await site.look()
    assert site.told(before) == []
    site.node.now_s += 120
    after = site.node.pay()
    await site.look()
    site.start()
    await site.block(before, after)
    assert _history(site, before) == [("confirmed", True)]
    assert _history(site, after) == [("seen", False), ("confirmed", False)]


async def test_what_came_while_the_server_was_down_is_no_history():
    """Although the node's clock goes an hour behind ours."""
    site = Site()
    await site.look()
    site.node.now_s -= 3_600
    missed = site.node.pay()
    site.start()
    await site.block(missed)
    assert _history(site, missed) == [("seen", False), ("confirmed", False)]


async def test_what_came_after_a_first_look_that_failed_is_told():
    """The server began to watch when it first tried: a wallet that does not answer, and a restart, hide nothing."""
    site = Site()
    site.node.now_s -= 60
    before = site.node.pay()
    site.node.refused["listsinceblock"] = Refusal("timeout", "no answer")
    await site.look()
    site.node.refused.clear()
    site.node.now_s += 120
    missed = site.node.pay()
    mined = site.node.pay()
    site.start()
    await site.block(mined)
    assert (_history(site, missed), _history(site, mined)) == (
        [("seen", False)],
        [("seen", False), ("confirmed", False)],
    )
    await site.block(before)
    assert _history(site, before) == [("confirmed", True)]


async def test_a_second_node_makes_no_history_of_what_came_since_the_first():
    """The wallet is watched since the first node's look; what waited before that is history on both."""
    site = Site()
    site.node.now_s -= 60
    before = site.node.pay()
    await site.look()
    site.node.now_s += 120
    missed = site.node.pay()  # the first node is gone by now
    await site.clock.sleep(3_600)
    site.options = BitcoinNodeOptions("second", "http://h:2", interval_s=INTERVAL_S)
    site.start()
    await site.look()
    assert site.told(before) == []
    await site.block(before, missed)
    assert _history(site, before) == [("confirmed", True)]
    assert _history(site, missed) == [("confirmed", False)]
