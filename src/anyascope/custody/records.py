"""What is on record about the spends that are open: heard as it arrives, and asked of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog

from anyascope.custody.docket import Common
from anyascope.custody.ledger import Ledger
from anyascope.custody.matching import CLOCK_SKEW_NS
from anyascope.custody.nouns import Evidence, EvidenceKind, Spend, SpendKey
from anyascope.custody.waiting import Pending
from anyascope.errors import AnyascopeError

LOOKUPS_MAX = 4  # questions to the store at once, so that a burst of spends leaves it to others too
RETRY_S = 1.0  # a store that cannot write may do so by then

log = structlog.get_logger("anyascope.custody")


class Records:
    """Learns what services put on record, and touches each spend that it is about."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self._docket = common.docket
        self._ledger = Ledger()
        self._lookups = asyncio.Semaphore(LOOKUPS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._since_ns = common.clock.now_ns()  # when it began to listen

    async def stop(self) -> None:
        """Ask the store nothing more."""
        tasks, self._tasks = list(self._tasks), set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def learn(self, evidence: Iterable[Evidence]) -> None:
        """This is on record now."""
        news = self._ledger.add(evidence)
        for joined in news:
            self._docket.touch(self._docket.pendings.about((joined, *self._ledger.names(joined))))

    def note(self, evidence: Iterable[Evidence]) -> None:
        """This will be on record: known already, and no news to those that are open."""
        self._ledger.add(evidence)

    def dossiers_of(self, pending: Pending) -> Mapping[str, frozenset[Evidence]]:
        """By correlation id, of the operations that named the spend, or the one that it replaces."""
        return self._ledger.dossiers_of(pending.spend, pending.inherited)

    def strangers(self, pending: Pending) -> set[str]:
        """Operations that name the spend and began before this room listened: more of them may lie in the store."""
        dossiers = self.dossiers_of(pending)
        begun = (each for one in dossiers.values() for each in one if each.kind is EvidenceKind.BEGAN)
        heard = {each.correlation_id for each in begun if each.at_ns > self._since_ns + CLOCK_SKEW_NS}
        return dossiers.keys() - heard - pending.answered

    def ask(self, pending: Pending) -> None:
        """Ask the store what it has on record about a spend, and about the operations that have come to name it."""
        joined = {*self.dossiers_of(pending), *pending.item.correlation_ids}
        pending.asked |= joined
        pending.asking += 1
        task = asyncio.create_task(self._look_up(pending.spend, tuple(joined)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_up(self, spend: Spend, joined: Sequence[str]) -> None:
        while self._docket.pendings.get(spend.key) is not None:
            try:
                async with self._lookups:
                    found = await self._common.lookup.evidence(spend, joined, horizon_s=self._common.options.horizon_s)
                    await self._note_gone(spend, found)
            except AnyascopeError as error:
                self._docket.trouble = f"the store cannot be asked: {error}"
                await self._common.clock.sleep(RETRY_S)
                continue
            except Exception:
                # Asking again would end the same way: the spend is judged when its grace is over, by what is known.
                log.exception("lookup_failed", txid=spend.txid, chain=spend.chain)
                self._answer(spend.key, ())
                return
            self.learn(found)
            self._answer(spend.key, (*joined, *(each.correlation_id for each in found)))
            return

    def _answer(self, key: SpendKey, joined: Iterable[str]) -> None:
        """A question about a spend is over: of these operations the store has told what it has."""
        if (pending := self._docket.pendings.get(key)) is not None:
            pending.answered |= set(joined)
            pending.asking -= 1
        self._docket.touch([key])
        self._docket.wake.set()

    async def _note_gone(self, spend: Spend, found: Iterable[Evidence]) -> None:
        """Learn which other spends of the same operations move nothing any more."""
        for txid in sorted({each.txid for each in found if each.kind is EvidenceKind.SPENT} - {spend.txid}):
            item = await self._common.book.find((spend.chain, txid))
            if item is not None and item.is_gone:
                self._docket.gone.add(txid)
