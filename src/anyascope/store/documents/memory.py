"""Documents in memory, for tests and for `--store memory`."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

import msgspec

from anyascope.clock import Clock
from anyascope.errors import ConflictError
from anyascope.model.documents import Change, Document, DocumentPage, Json, Put


class MemoryDocuments:
    """A `DocumentStore` that forgets when the process ends."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._kinds: dict[str, dict[str, Document]] = {}
        self._sorted: dict[str, list[str]] = {}

    async def get(self, kind: str, key: str) -> Document | None:
        found = self._kinds.get(kind, {}).get(key)
        return None if found is None else own_copy(found)

    async def page(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000, descending: bool = False
    ) -> DocumentPage:
        documents = self._kinds.get(kind, {})
        keys = self._sorted.get(kind)
        if keys is None:
            keys = self._sorted[kind] = sorted(documents)
        keys = keys[bisect.bisect_left(keys, prefix) :]
        keys = keys[: bisect.bisect_left(keys, True, key=lambda key: not key.startswith(prefix))]
        if descending:
            keys = keys[: bisect.bisect_left(keys, after)] if after else keys
            keys = keys[::-1]
        else:
            keys = keys[bisect.bisect_right(keys, after) :] if after else keys
        chosen = keys[:limit]
        return DocumentPage(
            tuple(own_copy(documents[key]) for key in chosen), chosen[-1] if chosen and len(keys) > limit else ""
        )

    async def commit(self, changes: Sequence[Change]) -> None:
        staged: dict[tuple[str, str], Document | None] = {}
        for change in changes:
            place = (change.kind, change.key)
            stored = staged[place] if place in staged else self._kinds.get(change.kind, {}).get(change.key)
            staged[place] = self._changed(change, stored) if isinstance(change, Put) else None
        for (kind, key), document in staged.items():
            documents = self._kinds.setdefault(kind, {})
            if (key in documents) != (document is not None):
                self._sorted.pop(kind, None)
            if document is None:
                documents.pop(key, None)
            else:
                documents[key] = document

    def _changed(self, put: Put, stored: Document | None) -> Document:
        version = stored.version if stored is not None else 0
        check_version(put, version)
        return Document(
            put.kind, put.key, decode_body(encode_body(put.body)), version=version + 1, updated_ns=self._clock.now_ns()
        )

    async def close(self) -> None:
        """Nothing to do."""


def check_version(put: Put, version: int) -> None:
    """Raise where the change expected another version than the stored one (0: not there)."""
    if put.expected_version is not None and put.expected_version != version:
        raise ConflictError(f"{put.kind} {put.key!r} has version {version}, expected {put.expected_version}")


def encode_body(body: Mapping[str, Json]) -> bytes:
    """A body as JSON."""
    return msgspec.json.encode(body)


def decode_body(body: bytes) -> dict[str, Json]:
    """The inverse of `encode_body`."""
    decoded: dict[str, Json] = msgspec.json.decode(body)
    return decoded


def own_copy(document: Document) -> Document:
    """A document whose body the caller may change without changing ours."""
    return Document(
        document.kind,
        document.key,
        decode_body(encode_body(document.body)),
        version=document.version,
        updated_ns=document.updated_ns,
    )
