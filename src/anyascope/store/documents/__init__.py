"""Control state: SQLite on disk (PostgreSQL by the same code), or memory."""

from anyascope.store.documents.memory import MemoryDocuments
from anyascope.store.documents.sql import SqlDocuments, open_documents

__all__ = ["MemoryDocuments", "SqlDocuments", "open_documents"]
