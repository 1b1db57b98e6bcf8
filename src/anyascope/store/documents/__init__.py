"""Control state: SQLite on disk, or memory."""

from anyascope.store.documents.memory import MemoryDocuments

__all__ = ["MemoryDocuments"]
