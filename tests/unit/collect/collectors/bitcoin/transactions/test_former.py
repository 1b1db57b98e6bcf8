"""A node that has another name in the settings than it had, and whose wallet is known all the same."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.transactions.watch import TransactionsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import Refusal
from support.collecting import RecordingIntake
from support.pretend_node import PretendNode


class StoppedClock:
    """Time passes where the test says so."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now_ns(self) -> int:
        return round((1_000_000 + self.passed_s) * NS_PER_S)

    def monotonic_ns(self) -> int:
        return round(self.passed_s * NS_PER_S)

    async def sleep(self, seconds: float) -> None:
        self.passed_s += max(seconds, 0.0)
        await asyncio.sleep(0)


class Site:
    """One node, and what servers tell of it that watch it one after the other, each by another name."""

    def __init__(self) -> None:
        self.node, self.clock, self.intake = PretendNode(), StoppedClock(), RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)

    async def look(self, name: str, *configured: str, node: PretendNode | None = None, known: bool = True):
        """A server starts, looks once, and ends."""
        watch = TransactionsWatch(
            BitcoinNodeOptions(name, "http://h:1"),
            intake=self.intake,
            documents=self.documents,
            clock=self.clock,
            client=node or self.node,
            configured=(name, *configured) if known else None,
        )
        self.clock.passed_s += 60
        self.node.now_s += 60
        return await watch.gather()

    def told(self, txid: str) -> list[str]:
        found = [each for each in self.intake.log_records if each.correlation_id == txid]
        return [f"{each.attributes['bitcoin.node']} {each.event_name.rpartition('.')[2]}" for each in found]

    async def kept(self) -> set[str]:
        kinds = ("collect.bitcoin.wallet", "collect.bitcoin.transaction")
        return {each.key.partition("/")[0] for kind in kinds for each in (await self.documents.page(kind)).documents}


async def test_what_happened_under_another_name_is_news():
    """Confirmed, thrown out of its block, or new: told once by the new name, and nothing is kept under the old one."""
    site = Site()
    await site.look("old")
    waits, lost = site.node.pay(), site.node.pay()
    site.node.mine([lost])
    await site.look("old")
    site.node.undo(1)
    site.node.mine([waits])
    came = site.node.pay()
    for _ in range(2):
        await site.look("new")
    assert site.told(waits) == ["old seen", "new confirmed"]
    assert site.told(lost) == ["old seen", "old confirmed", "new unconfirmed"]
    assert site.told(came) == ["new seen"]
    assert await site.kept() == {"new"}


async def test_counts_go_on():
    """What was counted under the old name is counted on."""
    site = Site()
    await site.look("old")
    site.node.pay()
    await site.look("old")
    site.node.pay()
    found = await site.look("new")
    [seen] = [each for each in found.families if each.name == "anya_bitcoin_wallet_transactions_total"]
    assert max(value for _, value in seen.points) == 2


def stranger(site: Site) -> PretendNode:
    """A node with another wallet of the same name, which has one of the transactions, too: it got what the first one sent."""
    other = PretendNode()
    other.payments = {
        txid: type(each)(txid, each.amount_sats, is_deposit=True, received_s=each.received_s)
        for txid, each in site.node.payments.items()
    }
    other.pool = set(site.node.pool)
    return other


@pytest.mark.parametrize("case", ["configured", "stranger", "empty", "not asked"])
async def test_what_another_wallet_had_is_not_taken(case):
    """Two nodes of the settings, wallets with other keys, and those that prove nothing begin anew: what they have is history."""
    site = Site()
    await site.look("old")
    txid = site.node.pay()
    await site.look("old")
    before = list(site.told(txid))
    match case:
        case "configured":
            await site.look("new", "old")
        case "stranger":
            await site.look("new", node=stranger(site))
        case "empty":
            await site.look("new", node=PretendNode())
        case _:
            await site.look("new", known=False)
    assert site.told(txid) == before
    assert await site.kept() >= {"old"}


async def test_a_quiet_wallet_is_known_by_what_it_moved():
    """Nothing of it is followed any more after a hundred blocks; its older movements say that it is the same."""
    site = Site()
    await site.look("old")
    first = site.node.pay()
    site.node.mine([first])
    await site.look("old")
    for _ in range(120):
        site.node.mine([])
    await site.look("old")
    assert {each.key for each in (await site.documents.page("collect.bitcoin.transaction")).documents} == set()
    came = site.node.pay()
    site.node.mine([came])
    await site.look("new")
    assert site.told(came) == ["new seen", "new confirmed"]


async def test_a_wallet_that_does_not_answer_is_asked_again():
    """Nothing is begun anew for a refusal: what was known is taken over when it answers."""
    site = Site()
    await site.look("old")
    txid = site.node.pay()
    await site.look("old")
    site.node.mine([txid])
    site.node.refused["gettransaction"] = Refusal("http_503", "work queue depth exceeded")
    found = await site.look("new")
    assert "http_503" in found.faults[0]
    site.node.refused.clear()
    await site.look("new")
    assert site.told(txid) == ["old seen", "new confirmed"]
