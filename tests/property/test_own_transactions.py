"""Whatever happens to a wallet, and whenever the server starts again: each change that a look finds is told, once."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import booleans, data, integers, sampled_from

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.transactions.watch import TransactionsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake
from support.pretend_node import PretendNode

LEGAL = {
    "": {"seen"},
    "open": {"confirmed", "replaced", "conflicted", "abandoned", "stuck", "unstuck"},
    "confirmed": {"unconfirmed", "unstuck"},
    "replaced": {"seen", "confirmed", "conflicted", "abandoned", "unstuck"},
    "conflicted": {"seen", "confirmed", "abandoned", "unstuck"},
    "abandoned": {"seen", "confirmed", "unstuck"},
}
THEN = sampled_from(["look", "restart", "hear", "poll", "refuse", ""])
BECOMES = {"seen": "open", "unconfirmed": "open"}


class QuickClock:
    """Never waits; its time is told by hand."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return 1_000_000 * NS_PER_S + self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns

    async def sleep(self, seconds: float) -> None:
        self.time_ns += round(max(0.0, seconds) * NS_PER_S)


class Walk(RuleBasedStateMachine):
    """A wallet that pays, is paid, bumps, abandons; blocks that come and go; a server that looks, stops and starts."""

    @initialize()
    def begin(self) -> None:
        self.node, self.clock, self.intake = PretendNode(), QuickClock(), RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)
        self.before = self.node.pay()  # known before the watch: no news
        self.checked = 0
        self.states: dict[str, str] = {self.before: "open"}
        self.restart()
        self.look(is_block=True)

    @rule(deposit=booleans(), fee=integers(200, 20_000), then=THEN)
    def pay(self, *, deposit: bool, fee: int, then: str) -> None:
        self.node.pay(self.node.now_s % 977 + 1, is_deposit=deposit, fee_sats=fee)
        self.go_on(then)

    @rule(left=integers(0, 2), then=THEN)
    def mine(self, left: int, then: str) -> None:
        pool = sorted(self.node.pool)
        self.node.mine(pool[: len(pool) - left] if left < len(pool) else [])
        self.go_on(then)

    @rule(depth=integers(1, 3), again=booleans(), then=THEN)
    def reorg(self, *, depth: int, again: bool, then: str) -> None:
        self.node.undo(depth)
        self.node.mine(list(self.node.pool) if again else [])
        for _ in range(depth):
            self.node.mine([])
        self.go_on(then)

    @precondition(lambda self: self.node.pool)
    @rule(draw=data(), then=THEN)
    def bump(self, draw, then: str) -> None:
        txid = draw.draw(sampled_from(sorted(self.node.pool)))
        if not self.node.payments[txid].replaced_by:
            self.node.bump(txid)
        self.go_on(then)

    @precondition(lambda self: self.node.pool)
    @rule(draw=data(), then=THEN)
    def abandon(self, draw, then: str) -> None:
        self.node.abandon(draw.draw(sampled_from(sorted(self.node.pool))))
        self.go_on(then)

    # --- what the server does -----------------------------------------------------------------------------------------

    def go_on(self, then: str) -> None:
        match then:
            case "look":
                self.look(is_block=True)
            case "poll":
                self.look(is_block=False)
            case "hear":
                for txid in self.node.pool:
                    self.watch.on_transaction(txid, True)
                asyncio.run(self.watch._follow_mempool())
            case "restart":
                self.restart()
                self.look(is_block=True)
            case "refuse":
                self.intake.refusals = 1
                self.look(is_block=True)

    def restart(self) -> None:
        options = BitcoinNodeOptions("n", "http://h:1")
        self.watch = TransactionsWatch(
            options, intake=self.intake, documents=self.documents, clock=self.clock, client=self.node
        )

    def look(self, *, is_block: bool) -> None:
        if is_block:
            self.watch.on_block()
        self.clock.time_ns += 20 * NS_PER_S
        asyncio.run(self.watch.gather())

    @invariant()
    def each_change_is_told_once(self) -> None:
        if not hasattr(self, "watch"):
            return
        for record in self.intake.log_records[self.checked :]:
            kind, txid = record.event_name.rpartition(".")[2], record.correlation_id
            state = self.states.get(txid, "")
            assert kind in LEGAL[state], (txid, state, kind)
            if kind not in ("stuck", "unstuck"):
                self.states[txid] = BECOMES.get(kind, kind)
        self.checked = len(self.intake.log_records)

    def teardown(self) -> None:
        """In the end a last look has told everything."""
        if not hasattr(self, "watch"):
            return
        self.intake.refusals = 0
        self.look(is_block=True)
        self.look(is_block=True)
        self.each_change_is_told_once()
        for txid in self.node.payments:
            assert self.states[txid] == self.node.status(txid) or self._is_quiet(txid), txid

    def _is_quiet(self, txid: str) -> bool:
        """What ended one way and is now ended in another, or in no mempool, is no news."""
        ended = {"replaced", "conflicted", "abandoned"}
        return self.states[txid] in ended and self.node.status(txid) in ended | {"open"} and txid not in self.node.pool


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
