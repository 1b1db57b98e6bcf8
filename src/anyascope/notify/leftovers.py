"""What an earlier life of the process left: an outbox to go on with, and a journal that must not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import UnavailableError
from anyascope.model.documents import Change, Delete, Put
from anyascope.model.notifications import DeliveryStatus
from anyascope.notify.fallback import KIND_DIVERSION, diversion_of
from anyascope.notify.lane import Item, item_of
from anyascope.notify.receipts import Receipts
from anyascope.notify.records import RECORDS_PER_COMMIT_MAX, Records
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.notification_documents import (
    KIND_DEAD,
    KIND_JOURNAL,
    KIND_OUTBOX,
    journal_entry_of,
    notification_of,
)

KIND_COURIER: Final = "courier"
KEY_LIFE: Final = "life"  # stands while a courier runs: what finds it at its start follows one that was killed
BODIES_RECOVERED_MAX = 1_000  # notifications kept whole in memory at start; the rest is read when its turn comes
PRUNE_EVERY_S = 3600.0

log = structlog.get_logger("anyascope.notify")


class Leftovers:
    """Reads the outbox at the start, and prunes the journal."""

    def __init__(self, documents: DocumentStore, records: Records, *, clock: Clock, receipts: Receipts) -> None:
        self._documents = documents
        self._receipts = receipts
        self._records = records
        self._clock = clock
        self._pruner: asyncio.Task[None] | None = None

    async def take_up(self) -> AsyncIterator[Item]:
        """What is still to be sent, oldest first. After a crash each may have arrived already, or has, and is marked so.

        Raises:
            UnavailableError: the store cannot be read.
        """
        was_killed = await self._documents.get(KIND_COURIER, KEY_LIFE) is not None
        taken, pending, recovered = self._receipts.take_up(), list[str](), 0
        async for document in every_document(self._documents, KIND_OUTBOX):
            journal = await self._documents.get(KIND_JOURNAL, document.key)
            item = item_of(notification_of(document), journal_entry_of(journal) if journal is not None else None)
            item.is_taken = document.key in taken
            item.is_doubtful = was_killed and not item.is_taken
            if item.is_taken:
                pending.append(document.key)
            if recovered >= BODIES_RECOVERED_MAX:
                item.notification = None
            recovered += 1
            yield item
        if recovered:
            log.warning("outbox_recovered", notifications=recovered, after_crash=was_killed, arrived=len(pending))
        self._receipts.begin(pending)
        await self._records.write([Put(KIND_COURIER, KEY_LIFE, {"since_ns": self._clock.now_ns()})])

    async def stop(self, *, is_clean: bool) -> None:
        """Prune no longer; `is_clean` says that every attempt is on record."""
        if self._pruner is not None:
            self._pruner.cancel()
            await asyncio.gather(self._pruner, return_exceptions=True)
            self._pruner = None
        if is_clean:
            await self._records.write([Delete(KIND_COURIER, KEY_LIFE)])

    def start_pruning(self, journal_s: Callable[[], float]) -> None:
        """Forget, each hour, what is older than `journal_s`."""
        self._pruner = asyncio.create_task(self._prune_regularly(journal_s))

    async def _prune_regularly(self, journal_s: Callable[[], float]) -> None:
        while True:
            try:
                await self.prune(journal_s=journal_s())
            except UnavailableError as error:
                log.warning("journal_prune_deferred", detail=str(error))
            except Exception:  # one entry that cannot be read must not let the journal grow for good
                log.exception("journal_prune_broke")
            await self._clock.sleep(PRUNE_EVERY_S)

    async def prune(self, *, journal_s: float) -> None:
        """Forget what is older; what is still queued never is.

        Raises:
            UnavailableError: the store cannot be used now.
        """
        oldest_ns = self._clock.now_ns() - int(journal_s * NS_PER_S)
        pruned: list[Change] = []
        async for document in every_document(self._documents, KIND_JOURNAL):
            # Keys sort by time, so the first young entry ends the search.
            entry = journal_entry_of(document)
            if entry.at_ns >= oldest_ns:
                break
            if entry.status is not DeliveryStatus.QUEUED:
                pruned += [Delete(KIND_JOURNAL, entry.id), Delete(KIND_DEAD, entry.id)]
        async for document in every_document(self._documents, KIND_DIVERSION):
            if diversion_of(document).at_ns < oldest_ns:
                pruned.append(Delete(KIND_DIVERSION, document.key))
        for start in range(0, len(pruned), RECORDS_PER_COMMIT_MAX):
            await self._documents.commit(pruned[start : start + RECORDS_PER_COMMIT_MAX])
