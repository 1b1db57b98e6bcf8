"""Whatever becomes of honest payments and of thefts, and whenever the server looks or dies: who is paged for, and who is not.

A pretended node with its wallet, the real watch over its transactions and the real reconciliation, against a model of two sets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.transactions.watch import TransactionsWatch
from anyascope.collect.options import BitcoinNodeOptions
from support.custody_house import CustodyHouse, audit
from support.pretend_node import PretendNode

ACTIONS = (
    "pay",
    "pay late",
    "batch",
    "consolidate",
    "steal",
    "steal by a bump",
    "receive",
    "bump",
    "bump, unnamed",
    "bump by the service",
    "abandon and pay again",
    "mine",
    "mine some",
    "reorg",
    "reorg, mined again",
    "look",
    "restart",
    "kill",
)


class WatchClock:
    """The house's time; who waits is not kept waiting."""

    def __init__(self, house: CustodyHouse) -> None:
        self._clock = house.clock

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        del seconds


@dataclass
class World:
    """What happens, and in `honest` and `stolen` what is right about it; `requests` is txid -> the operations that it carries out."""

    house: CustodyHouse = field(default_factory=CustodyHouse)
    node: PretendNode = field(default_factory=PretendNode)
    honest: set[str] = field(default_factory=set)
    stolen: set[str] = field(default_factory=set)
    requests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _asked: int = 0

    async def begin(self) -> None:
        await self.house.start()
        self.watch_anew()
        await self.look()

    def watch_anew(self) -> None:
        options = BitcoinNodeOptions("n", "http://127.0.0.1:1")
        self.watch = TransactionsWatch(
            options,
            client=self.node,
            intake=self.house.pipe,
            documents=self.house.documents,
            clock=WatchClock(self.house),
        )

    async def look(self) -> None:
        self.watch.on_block()
        await self.watch.gather()
        await self.house.advance(0)

    # --- what happens -------------------------------------------------------------------------------------------------

    async def ask(self, amount: int | None, kind: str = "withdrawal") -> str:
        """An approved request."""
        self._asked += 1
        joined = f"op{self._asked}"
        await self.house.begins(joined, amount=amount, kind=kind)
        await self.house.step(joined)
        return joined

    async def sign(self, joined: str, txid: str, *, is_named: bool = True) -> None:
        """A signature, and whose transaction it is; each takes a moment."""
        await self.house.advance(0.1)
        await self.house.signs(joined)
        await self.house.advance(0.1)
        if is_named:
            said = audit("withdrawal.transaction", "event", custody__operation="withdrawal", transaction_id=txid)
            await self.house.tell(joined, said)
        await self.house.advance(0.1)

    async def pay(self, amount: int, **more: Any) -> str:
        """An honest one; the node takes it, and nobody has looked yet."""
        joined = await self.ask(None if more.get("is_internal") else amount)
        txid = self.node.pay(amount, **more)
        await self.sign(joined, txid)
        self.own((joined,), txid)
        return txid

    def own(self, joined: tuple[str, ...], txid: str) -> None:
        self.requests[txid] = joined
        self.honest.add(txid)

    def waiting(self) -> list[str]:
        """Honest ones in the mempool that nothing replaced."""
        return sorted(txid for txid in self.honest & self.node.pool if not self.node.payments[txid].replaced_by)

    async def bump(self, txid: str, *, is_named: bool = True, by_service: bool = False) -> None:
        made = self.node.bump(txid)
        if by_service:  # the wallet does not know it for a bump, only that both spend the same coins
            self.node.payments[txid].replaced_by = self.node.payments[made].replaces = ""
            self.node.spend_the_same(txid, made)
        for joined in self.requests[txid]:
            await self.sign(joined, made, is_named=is_named)
        self.own(self.requests[txid], made)

    async def act(self, action: str, number: int) -> None:  # noqa: C901, PLR0912, PLR0915  # a list of what can happen
        self.node.now_s = self.house.clock.now_ns() // NS_PER_S
        amount, waiting = 1_000 + number, self.waiting()
        chosen = waiting[number % len(waiting)] if waiting else ""
        match action:
            case "pay":
                await self.pay(amount)
                await self.look()
            case "pay late":
                await self.pay(amount)
            case "batch":
                joined = (await self.ask(amount), await self.ask(7))
                txid = self.node.pay(amount + 7)
                for each in joined:
                    await self.sign(each, txid)
                self.own(joined, txid)
            case "consolidate":
                await self.pay(amount, is_internal=True)
            case "steal":
                self.stolen.add(self.node.pay(amount))
            case "steal by a bump" if chosen:
                await self.look()  # else it is not known what was replaced
                self.stolen.add(self.node.bump(chosen))
            case "receive":
                self.node.pay(amount, is_deposit=True)
            case "bump" if chosen:
                await self.bump(chosen)
            case "bump, unnamed" if chosen and len(self.requests[chosen]) == 1:
                await self.bump(chosen, is_named=False)
            case "bump by the service" if chosen:
                await self.bump(chosen, by_service=True)
            case "abandon and pay again" if chosen:
                for each in (chosen, *self.node._rivals(chosen)):
                    self.node.abandon(each)  # what is not given up could be mined beside the next
                await self.look()
                made = self.node.pay(self.node.payments[chosen].amount_sats)
                self.node.payments[made].is_internal = self.node.payments[chosen].is_internal
                for joined in self.requests[chosen]:
                    await self.sign(joined, made)
                self.own(self.requests[chosen], made)
            case "mine":
                self.node.mine(sorted(self.node.pool))
            case "mine some":
                self.node.mine(sorted(self.node.pool)[: number % 3])
            case "reorg" | "reorg, mined again":
                self.node.undo(1 + number % 3)
                self.node.mine(sorted(self.node.pool) if action != "reorg" else [])
                for _ in range(3):
                    self.node.mine([])
            case "look":
                await self.look()
            case "restart" | "kill":
                await self.house.kill()
                await self.house.advance(number % 40)
                await self.house.start()
                self.watch_anew()
                await self.look()
        await self.house.advance(0.7)


async def live(actions: list[tuple[str, int]]) -> World:
    world = World()
    await world.begin()
    for action, number in actions:
        await world.act(action, number)
    await world.look()
    await world.house.advance(120)
    await world.look()
    await world.house.kill()
    return world


@settings(max_examples=80, deadline=None, phases=[Phase.generate])
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), min_size=3, max_size=14))
def test_every_theft_pages_and_nothing_else(actions: list[tuple[str, int]]) -> None:
    """Mined unseen, replaced, thrown out and mined again, over restarts: each theft once, and no honest payment ever."""
    world = asyncio.run(live(actions))
    told = [
        (record.event_name.rpartition(".")[2], str(record.attributes["bitcoin.transaction.id"]), record.correlation_id)
        for record in world.house.store._records
        if record.stream == "custody"
    ]
    assert len(told) == len(set(told)), "told twice"
    assert {txid for what, txid, _ in told if what == "unmatched"} == world.stolen
    assert set(world.house.paging()) == world.stolen
    assert {txid for what, txid, _ in told if what == "matched"} == world.honest
    assert {what for what, _, _ in told} <= {"matched", "unmatched"}
