"""What is on record about custody operations, as far as it is remembered: the latest, within a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from anyascope.custody.nouns import Evidence, EvidenceKind, Spend

EVIDENCE_MAX = 200_000  # some 60 MB; 10,000 operations of the usual 10 to 20 records: hours of a large exchange. The rest is looked up
EVIDENCE_OF_ONE_MAX = 4_096  # a transaction has at most some 1,500 inputs, each with a signature


class Ledger:
    """Evidence by correlation id; what was touched least lately is forgotten first."""

    def __init__(self, *, evidence_max: int = EVIDENCE_MAX) -> None:
        self._evidence_max = evidence_max
        self._dossiers: OrderedDict[str, set[Evidence]] = OrderedDict()
        self._named: dict[str, set[str]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, evidence: Iterable[Evidence]) -> set[str]:
        """Remember these; the correlation ids about which something is new."""
        news = set()
        for each in evidence:
            dossier = self._dossiers.setdefault(each.correlation_id, set())
            self._dossiers.move_to_end(each.correlation_id)
            if each in dossier or len(dossier) >= EVIDENCE_OF_ONE_MAX:
                continue
            dossier.add(each)
            self._count += 1
            news.add(each.correlation_id)
            if each.kind is EvidenceKind.NAMED:
                self._named.setdefault(each.txid, set()).add(each.correlation_id)
        while self._count > self._evidence_max:
            self._forget()
        return news

    def dossiers_of(self, spend: Spend, inherited: Iterable[str] = ()) -> Mapping[str, frozenset[Evidence]]:
        """Of the operations that named this spend, or the one that it replaces.

        Args:
            inherited: correlation ids under which the replaced spend was matched.
        """
        joined = set(self._named.get(spend.txid, ()))
        if spend.replaces:
            joined |= self._named.get(spend.replaces, set()) | set(inherited)
        return {each: frozenset(self._dossiers.get(each, ())) for each in joined}

    def names(self, correlation_id: str) -> frozenset[str]:
        """The txids that an operation named."""
        dossier = self._dossiers.get(correlation_id, ())
        return frozenset(each.txid for each in dossier if each.kind is EvidenceKind.NAMED)

    def _forget(self) -> None:
        joined, dossier = self._dossiers.popitem(last=False)
        self._count -= len(dossier)
        for each in dossier:
            if each.kind is EvidenceKind.NAMED and (known := self._named.get(each.txid)) is not None:
                known.discard(joined)
                if not known:
                    del self._named[each.txid]
