"""What a channel remembers between notifications, such as which message of a chat tells of which group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import AnyascopeError
from anyascope.model.documents import Delete, Put
from anyascope.store.api.documents import DocumentStore, every_document

KIND_REMEMBERED: Final = "channel_memory"
KEPT_S = 30 * 86_400.0  # as long as the journal
PRUNED_EVERY = 1_000  # writes between two looks at what is too old

log = structlog.get_logger("anyascope.notify")


class ChannelMemory(Protocol):
    """Small facts by key. Losing one costs a message its thread, so that faults of the store are told and borne."""

    async def recall(self, key: str) -> Mapping[str, str]:
        """What was remembered; empty where nothing is."""

    async def remember(self, key: str, facts: Mapping[str, str]) -> None:
        """Keep these facts in place of earlier ones."""

    async def forget(self, key: str) -> None:
        """Keep nothing of this key."""


class NoMemory:
    """Remembers nothing: for a single message."""

    async def recall(self, key: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    async def remember(self, key: str, facts: Mapping[str, str]) -> None:
        """Nothing is kept."""

    async def forget(self, key: str) -> None:
        """Nothing was kept."""


class DocumentMemory:
    """Keeps facts in the store, for thirty days after they were last written."""

    def __init__(self, documents: DocumentStore, *, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._writes = 0

    async def recall(self, key: str) -> Mapping[str, str]:
        try:
            document = await self._documents.get(KIND_REMEMBERED, key)
        except AnyascopeError as error:
            log.warning("channel_memory_unread", key=key, error=str(error))
            return {}
        return {} if document is None else {name: str(value) for name, value in document.body.items()}

    async def remember(self, key: str, facts: Mapping[str, str]) -> None:
        try:
            await self._documents.commit([Put(KIND_REMEMBERED, key, dict(facts))])
            if self._writes % PRUNED_EVERY == 0:
                await self._prune()
            self._writes += 1
        except AnyascopeError as error:
            log.warning("channel_memory_unwritten", key=key, error=str(error))

    async def forget(self, key: str) -> None:
        try:
            await self._documents.commit([Delete(KIND_REMEMBERED, key)])
        except AnyascopeError as error:
            log.warning("channel_memory_unwritten", key=key, error=str(error))

    async def _prune(self) -> None:
        oldest_ns = self._clock.now_ns() - int(KEPT_S * NS_PER_S)
        old = [one.key async for one in every_document(self._documents, KIND_REMEMBERED) if one.updated_ns < oldest_ns]
        if old:
            await self._documents.commit([Delete(KIND_REMEMBERED, key) for key in old])
