"""The courier's records: written at once, and where the store cannot write, kept in memory until it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from anyascope.clock import Clock
from anyascope.errors import AnyascopeError, ConflictError, UnavailableError
from anyascope.model.documents import Change, Document, Put
from anyascope.notify.tally import Tally
from anyascope.store.api.documents import DocumentStore, every_document

RECORDS_HELD_MAX = 50_000  # about 100 MB; a full disk of a day at a notification each two seconds
RECORDS_PER_COMMIT_MAX = 500  # one commit blocks the store for some milliseconds, not for a second
RETRY_S = 5.0  # where the store does not say when to come back
RETRY_S_MIN = 0.1  # a store that cannot write says when to come back; never a busy loop

log = structlog.get_logger("anyascope.notify")

_Place = tuple[str, str]


class Records:
    """Writes outbox and journal. While something is held, all that follows is held behind it, so that order is kept."""

    def __init__(self, documents: DocumentStore, *, clock: Clock, tally: Tally) -> None:
        self._documents = documents
        self._clock = clock
        self._tally = tally
        self._held: dict[_Place, Change] = {}
        self._writer: asyncio.Task[None] | None = None
        self.behind_since_ns = 0  # since when the store cannot write; 0 while it can
        self.fault = ""

    def __len__(self) -> int:
        """How many records wait in memory."""
        return len(self._held)

    async def write(self, changes: Sequence[Change]) -> None:
        """Make these durable; where that is impossible now, hold them and return: what was sent was sent.

        Raises:
            ConflictError: one expected another version; nothing was written.
        """
        if self._held:
            self.hold(changes)
            return
        try:
            await self._documents.commit(changes)
        except ConflictError:
            raise
        except AnyascopeError as error:
            self.fault = str(error)
            self.hold(changes)

    def hold(self, changes: Sequence[Change]) -> None:
        """Keep these in memory and write them once the store can."""
        if not self._held:
            self.behind_since_ns = self._clock.now_ns()
            log.error("journal_behind", detail=self.fault, effect="notifications are sent from memory")
        for change in changes:
            place = (change.kind, change.key)
            if place not in self._held and len(self._held) >= RECORDS_HELD_MAX:
                self._tally.unrecorded.inc()
                continue
            self._held.pop(place, None)  # what is newer goes behind what came before it
            self._held[place] = change
        if self._writer is None and self._held:
            self._writer = asyncio.create_task(self._catch_up())

    async def read(self, kind: str, key: str) -> Document | None:
        """The document as it is, or will be once everything held is written.

        Raises:
            UnavailableError: the store cannot be read.
        """
        held = self._held.get((kind, key))
        if held is not None:
            return Document(kind, key, held.body, version=1) if isinstance(held, Put) else None
        return await self._documents.get(kind, key)

    def every(self, kind: str) -> AsyncIterator[Document]:
        """All documents of a kind that are written."""
        return every_document(self._documents, kind)

    async def close(self) -> None:
        """Try once more to write what is held, and stop."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        try:
            await self._write_held()
        except AnyascopeError as error:
            log.error("records_lost", records=len(self._held), detail=str(error))  # noqa: TRY400  # the message says all

    async def _catch_up(self) -> None:
        try:
            while self._held:
                try:
                    await self._write_held()
                except AnyascopeError as error:
                    self.fault = str(error)
                    retry_s = error.retry_after_s if isinstance(error, UnavailableError) else RETRY_S
                    await self._clock.sleep(max(retry_s, RETRY_S_MIN))
            self.behind_since_ns, self.fault = 0, ""
            log.info("journal_caught_up")
        finally:
            self._writer = None

    async def _write_held(self) -> None:
        while self._held:
            part = list(self._held.items())[:RECORDS_PER_COMMIT_MAX]
            await self._documents.commit([change for _, change in part])
            for place, change in part:
                if self._held.get(place) is change:
                    del self._held[place]
