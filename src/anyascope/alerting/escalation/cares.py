"""All cares, and when something of one runs out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from anyascope.alerting.escalation.care import KIND_CARE, Care, care_of, lapses_ns, put_care
from anyascope.model.documents import Change, Delete
from anyascope.store.api.documents import DocumentStore, every_document


class Cares:
    """By fingerprint. In memory; whoever changes one stores it first."""

    def __init__(self) -> None:
        self._cares: dict[str, Care] = {}
        self._heap: list[tuple[int, str]] = []
        self._stored: set[str] = set()

    async def load(self, documents: DocumentStore, *, now_ns: int) -> None:
        """Read what is stored. An episode of the future was stored before the wall clock was set back: it goes on from now."""
        async for document in every_document(documents, KIND_CARE):
            self._stored.add(document.key)
            care = care_of(document)
            self.hold(care.moved(by_ns=min(now_ns - care.latest_ns, 0)))

    def __iter__(self) -> Iterator[Care]:
        return iter(self._cares.values())

    def __len__(self) -> int:
        return len(self._cares)

    def get(self, fingerprint: str) -> Care | None:
        """How people stand to an alert; None where nothing is known that the alert does not say."""
        return self._cares.get(fingerprint)

    def changes_for(self, cares: Iterable[Care]) -> list[Change]:
        """What stores these, as far as they need it."""
        return [
            Delete(KIND_CARE, care.fingerprint) if care.is_plain else put_care(care)
            for care in cares
            if not care.is_plain or care.fingerprint in self._stored
        ]

    def hold(self, *cares: Care) -> None:
        """These are stored, as far as they need it."""
        for care in cares:
            (self._stored.discard if care.is_plain else self._stored.add)(care.fingerprint)
            self._cares[care.fingerprint] = care
            at_ns = 0 if care.ended_ns else lapses_ns(care)
            if at_ns:
                heapq.heappush(self._heap, (at_ns, care.fingerprint))

    def next_ns(self) -> int | None:
        """When the next one may run out."""
        return self._heap[0][0] if self._heap else None

    def due(self, *, now_ns: int) -> list[Care]:
        """Those of which something has run out, the first ones first."""
        return list(self._due(now_ns).values())

    def passed(self, *, now_ns: int) -> None:
        """What was due has been seen to."""
        while self._heap and self._heap[0][0] <= now_ns:
            heapq.heappop(self._heap)

    def forget(self, fingerprint: str) -> None:
        """Nothing is to be known any longer."""
        del self._cares[fingerprint]
        self._stored.discard(fingerprint)

    def is_stored(self, fingerprint: str) -> bool:
        """Whether there is a document of it."""
        return fingerprint in self._stored

    def restart(self) -> None:
        """Times have changed: what is held is looked at anew."""
        self._heap.clear()
        self.hold(*self._cares.values())

    def _due(self, now_ns: int) -> dict[str, Care]:
        times = sorted(entry for entry in self._heap if entry[0] <= now_ns) if self._is_due(now_ns) else []
        found = ((fingerprint, self._cares.get(fingerprint)) for _, fingerprint in times)
        return {fingerprint: care for fingerprint, care in found if care is not None and not care.ended_ns}

    def _is_due(self, now_ns: int) -> bool:
        return bool(self._heap) and self._heap[0][0] <= now_ns
