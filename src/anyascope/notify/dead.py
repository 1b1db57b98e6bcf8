"""Dead letters: what failed for good, whole, until somebody has it sent again or the journal forgets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from anyascope.clock import Clock
from anyascope.errors import ConflictError, NotFoundError
from anyascope.model.documents import Change, Delete, Put
from anyascope.model.notifications import DeliveryStatus, JournalEntry, Notification, Replay
from anyascope.notify.records import Records
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.notification_documents import (
    KIND_DEAD,
    KIND_JOURNAL,
    KIND_OUTBOX,
    journal_body,
    journal_entry_of,
    notification_body,
    notification_of,
)


class DeadLetters:
    """Counts them, and takes one back to life."""

    def __init__(self, documents: DocumentStore, records: Records, *, clock: Clock) -> None:
        self._documents = documents
        self._records = records
        self._clock = clock

    async def load(self) -> Mapping[str, int]:
        """How many there are, by integration.

        Raises:
            UnavailableError: the store cannot be read.
        """
        counts: Counter[str] = Counter()
        async for document in every_document(self._documents, KIND_DEAD):
            counts[str(document.body["integration"])] += 1
        return counts

    async def revive(self, identity: str, *, by: str) -> tuple[Notification, JournalEntry]:
        """The notification, back in the outbox, and its entry, which says who wanted it.

        Raises:
            NotFoundError: the journal has no such notification.
            ConflictError: it did not fail, was told by another, or is no longer held whole.
            UnavailableError: the store cannot be used now.
        """
        stored = await self._records.read(KIND_JOURNAL, identity)
        if stored is None:
            raise NotFoundError(f"the journal has no notification {identity!r}")
        entry = journal_entry_of(stored)
        if entry.told_in:
            raise ConflictError(f"it was told in notification {entry.told_in}: send that one again")
        if entry.status is not DeliveryStatus.FAILED:
            raise ConflictError(f"only what failed is sent again, and this one is {entry.status.value}")
        dead = await self._records.read(KIND_DEAD, identity)
        if dead is None:
            raise ConflictError("it is no longer held whole, only its journal entry is left")
        notification = notification_of(dead)
        replays = (*entry.replays, Replay(self._clock.now_ns(), by))
        entry = replace(entry, status=DeliveryStatus.QUEUED, replays=replays)
        # The version says whether somebody else was faster; while records are held in memory there is none.
        version = None if len(self._records) else stored.version
        changes: list[Change] = [
            Put(KIND_JOURNAL, identity, journal_body(entry), expected_version=version),
            Put(KIND_OUTBOX, identity, notification_body(notification)),
            Delete(KIND_DEAD, identity),
        ]
        await self._records.write(changes)
        return notification, entry
