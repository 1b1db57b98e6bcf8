"""The journal of notifications, for people: who was told what, when and why, and what came of it."""

from __future__ import annotations

from anyascope.errors import InvalidInputError
from anyascope.model.notifications import DeliveryStatus, JournalEntry, JournalPage
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.notification_documents import KIND_JOURNAL, journal_entry_of

LIMIT_MAX = 1_000  # entries an answer; a page of history is a hundred
SCANNED_MAX = 20_000  # entries looked at for one answer, so that a rare filter does not read a month at once
_READ = 500


async def read_journal(
    documents: DocumentStore,
    *,
    limit: int = 100,
    cursor: str = "",
    receiver: str = "",
    status: DeliveryStatus | None = None,
) -> JournalPage:
    """Entries, newest first, of a receiver and status where these are given. An answer may be short and have a cursor.

    Raises:
        InvalidInputError: the limit is not 1 to `LIMIT_MAX`, or the cursor is not one of ours.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InvalidInputError(f"limit must be 1 to {LIMIT_MAX}, got {limit}", path="limit")
    if cursor and (len(cursor) != 32 or not cursor.isalnum() or not cursor.isascii()):
        raise InvalidInputError("cursor is not one that an answer gave", path="cursor")
    found: list[JournalEntry] = []
    scanned = 0
    while scanned < SCANNED_MAX:
        page = await documents.page(KIND_JOURNAL, after=cursor, limit=_READ, descending=True)
        for document in page.documents:
            scanned += 1
            cursor = document.key
            entry = journal_entry_of(document)
            if receiver not in ("", entry.receiver) or status not in (None, entry.status):
                continue
            found.append(entry)
            if len(found) == limit:
                is_last = not page.next_key and document is page.documents[-1]
                return JournalPage(tuple(found), "" if is_last else cursor)
        if not page.next_key:
            return JournalPage(tuple(found))
    return JournalPage(tuple(found), cursor)
