"""Who keeps what was judged, and tells it: by the book, the events and the figures, each as often as it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog
from prometheus_client import Histogram

from anyascope.clock import NS_PER_MS, NS_PER_S
from anyascope.custody.docket import Common
from anyascope.custody.events import NAMES, batch_of
from anyascope.custody.figures import Figures
from anyascope.custody.nouns import Item, Spend, State
from anyascope.ports import Intake

SOURCE = "custody"
REPORT_EVERY_S = 15.0  # within the five minutes after which a query takes a series for ended
MARK_EVERY_S = 5.0  # a kill costs as much longer a wait at the next start
OVERLAP_NS = 60 * NS_PER_S  # of reading again: a record is stored some time after the time that it carries
PRUNE_EVERY_S = 6 * 3_600.0

log = structlog.get_logger("anyascope.custody")


class Keeper:
    """Makes durable what was judged. An event is told after the commit, so that nothing is told twice and nothing is forgotten by a crash."""

    def __init__(self, common: Common, *, intake: Intake, judged_s: Histogram) -> None:
        self._common = common
        self._docket = common.docket
        self._intake = intake
        self._judged_s = judged_s
        self._figures = Figures()
        self._report_due_ns = self._mark_due_ns = self._prune_due_ns = 0

    @property
    def due_ns(self) -> int:
        """When there is something to do again, on the clock that is not set."""
        return min(self._report_due_ns, self._mark_due_ns, self._prune_due_ns)

    def meet(self, spend: Spend) -> bool:
        """Whether its wallet is new to the figures."""
        return self._figures.meet(spend)

    def report_soon(self) -> None:
        """With the next look: there is news."""
        self._report_due_ns = 0

    async def keep_up(self, *, behind_ns: int) -> None:
        """Prune, report and mark, each where it is due.

        Args:
            behind_ns: since when not everything that nodes told is taken in; 0 where all is.
        """
        mono_ns = self._common.clock.monotonic_ns()
        if self._prune_due_ns <= mono_ns:
            await self._prune()
        if self._report_due_ns <= mono_ns:
            await self.report()
        if self._mark_due_ns <= mono_ns:
            await self._mark(behind_ns)

    async def tell_untold(self) -> None:
        """Store the events that may not be stored."""
        await self._tell(list(self._docket.untold.values()))

    async def settle(self, items: Sequence[Item]) -> None:
        """Keep and tell what was judged."""
        for item in items:
            self._figures.count(item.spend, item.state.value)
            if item.state not in (State.LATE, State.HISTORY):
                self._judged_s.observe(max(item.settled_ns - item.spend.seen_ns, 0) / NS_PER_S)
            self._docket.untold[item.spend.key] = item
            self._docket.settled.add(item.spend.key)
            if item.state is State.UNMATCHED:
                pending = self._docket.pendings.get(item.spend.key)
                assert pending is not None
                self._docket.pendings.put(replace(pending, item=item))
                log.warning("spend_unmatched", txid=item.spend.txid, wallet=item.spend.wallet, chain=item.spend.chain)
            else:
                self._docket.pendings.remove(item.spend.key)
        # Rules, which tell people, read the figures: they need not wait for the record. After a crash in between the spend is found
        # again, and its alert is the same one. The event comes after both, so that it is told once, as it was found.
        outcomes = await asyncio.gather(self._common.book.keep(items), self.report(), return_exceptions=True)
        for fault in outcomes:
            if fault is not None:
                raise fault  # what is untold is kept with the next look
        await self._tell(items, is_fresh=True)

    async def report(self) -> None:
        """Store the figures as they are now."""
        pendings = self._docket.pendings.all()
        batch = self._figures.report(
            open_items=[each.item for each in pendings if each.item.state is State.UNMATCHED],
            waiting=[each.spend for each in pendings if each.item.state is State.WAITING],
            time_ms=self._common.clock.now_ns() // NS_PER_MS,
        )
        self._report_due_ns = self._common.clock.monotonic_ns()  # again at once where it cannot be stored
        if batch.rows:
            await self._intake.metrics(batch, source=SOURCE)
        self._figures.stored(batch)
        self._report_due_ns = self._common.clock.monotonic_ns() + int(REPORT_EVERY_S * NS_PER_S)

    async def _tell(self, items: Sequence[Item], *, is_fresh: bool = False) -> None:
        """Store the events of these, each once: after a crash the store knows whether it has them."""
        if not items:
            return
        end_ns = self._common.clock.now_ns() + OVERLAP_NS
        fresh = []
        for item in items:
            start_ns = min(item.settled_ns, item.spend.seen_ns) - OVERLAP_NS
            if is_fresh or not await self._common.lookup.is_told(
                (NAMES[item.state],), item.spend.txid, start_ns=start_ns, end_ns=end_ns
            ):
                fresh.append(item)
        if fresh:
            await self._intake.logs([batch_of(fresh)], source=SOURCE)
        told = [replace(item, is_told=True) for item in items]
        await self._common.book.keep(told)
        for item in told:
            self._docket.untold.pop(item.spend.key, None)
            if (pending := self._docket.pendings.get(item.spend.key)) is not None:
                pending.item = replace(pending.item, is_told=True)

    async def _mark(self, behind_ns: int) -> None:
        waiting = [each.spend.seen_ns for each in self._docket.pendings.all() if each.item.state is State.WAITING]
        behind = [behind_ns] if behind_ns else []
        await self._common.book.set_mark(min([self._common.clock.now_ns(), *waiting, *behind]))
        self._mark_due_ns = self._common.clock.monotonic_ns() + int(MARK_EVERY_S * NS_PER_S)

    async def _prune(self) -> None:
        before_ns = self._common.clock.now_ns() - int(self._common.options.horizon_s * NS_PER_S)
        for key in await self._common.book.prune(before_ns=before_ns):
            self._docket.pendings.remove(key)
            self._report_due_ns = 0
            self._docket.untold.pop(key, None)
        self._prune_due_ns = self._common.clock.monotonic_ns() + int(PRUNE_EVERY_S * NS_PER_S)
