"""The door to control state: silences, timers, the outbox, rule state, the notification journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from anyascope.model.documents import Change, Document, DocumentPage

PAGE_DOCUMENTS = 500  # read at a time where all are wanted: about a megabyte of notifications, the largest kind


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


async def every_document(documents: DocumentStore, kind: str, *, prefix: str = "") -> AsyncIterator[Document]:
    """All documents of a kind whose keys begin so, by key, read page by page; what changes meanwhile is seen or not.

    Raises:
        UnavailableError: the store cannot be read.
    """
    after = ""
    while True:
        page = await documents.page(kind, prefix=prefix, after=after, limit=PAGE_DOCUMENTS)
        for document in page.documents:
            yield document
        if not page.next_key:
            return
        after = page.next_key
