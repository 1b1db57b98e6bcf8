"""The store on disk: ClickHouse inside the process."""

from anyascope.store.chdb.store import ChdbStore, StoreOptions

__all__ = ["ChdbStore", "StoreOptions"]
