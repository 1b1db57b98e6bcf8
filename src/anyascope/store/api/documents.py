"""The door to control state: silences, timers, the outbox, rule state, the notification journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from anyascope.model.documents import Change, Document, DocumentPage


class DocumentStore(Protocol):
    """Small documents, changed together or not at all."""

    async def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""

    async def page(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000, descending: bool = False
    ) -> DocumentPage:
        """Documents of a kind whose key starts with `prefix`, by key (code point order), beyond `after`."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes durable, in order, or none.

        Raises:
            ConflictError: a `Put` expected another version.
            UnavailableError: the store cannot write now.
        """
