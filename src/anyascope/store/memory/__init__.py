"""The store in plain memory: the same doors and meanings as on disk, kept until the process ends."""

from anyascope.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
