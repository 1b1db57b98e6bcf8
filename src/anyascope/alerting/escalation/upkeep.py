"""Forgets time lines as old as the journal's entries, beside everything else."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from anyascope.alerting.escalation.events import KIND_EVENT, KIND_TOLD
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import UnavailableError
from anyascope.model.documents import Change, Delete
from anyascope.store.api.documents import DocumentStore

KEPT_S: Final = 30 * 86_400.0  # as the journal's, which a time line takes its notifications from
PRUNE_EVERY_S: Final = 6 * 3_600.0  # all are read for it: 100,000 take some seconds, page by page
PAGE: Final = 500  # read and deleted at a time: one commit blocks the store for some milliseconds, not for a second

log = structlog.get_logger("anyascope.alerting")


class TimelineUpkeep:
    """Runs until it is stopped."""

    def __init__(self, documents: DocumentStore, *, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now, and then every few hours."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def prune(self) -> int:
        """Forget what is too old; how many documents that were.

        Raises:
            UnavailableError: the store cannot be read or written; the rest is for the next time.
        """
        oldest_ns = self._clock.now_ns() - int(KEPT_S * NS_PER_S)
        count = 0
        for kind in (KIND_EVENT, KIND_TOLD):
            after = ""
            while True:
                page = await self._documents.page(kind, after=after, limit=PAGE)
                old: list[Change] = [Delete(kind, one.key) for one in page.documents if one.updated_ns < oldest_ns]
                if old:
                    await self._documents.commit(old)
                    count += len(old)
                if not page.next_key:
                    break
                after = page.next_key
        return count

    async def _run(self) -> None:
        while True:
            try:
                count = await self.prune()
                if count:
                    log.info("timelines_pruned", documents=count)
            except UnavailableError as error:
                log.warning("timelines_prune_deferred", detail=str(error))
            except Exception:  # a fault of ours in one round must not let them grow for good
                log.exception("timelines_prune_broke")
            await self._clock.sleep(PRUNE_EVERY_S)
