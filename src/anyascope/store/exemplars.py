"""Exemplars that are new: a sender repeats its newest one with every scrape or push."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from anyascope.model.labels import Labels
from anyascope.model.metrics import Exemplar

SERIES_MAX = 100_000  # series whose newest exemplar is remembered; some 1 kB each


class NewestExemplars:
    """The newest exemplar of each series, so that its repeats are not stored again.

    Source: Prometheus' exemplar storage drops what equals the newest of its series.
    """

    def __init__(self, *, series_max: int = SERIES_MAX) -> None:
        self._series_max = series_max
        self._newest: OrderedDict[Labels, Exemplar] = OrderedDict()

    def fresh(self, exemplars: Sequence[Exemplar]) -> tuple[Exemplar, ...]:
        """Those that are no repeats of what `stored` was told, nor of each other."""
        newest: dict[Labels, Exemplar] = {}
        kept: list[Exemplar] = []
        for exemplar in exemplars:
            known = newest.get(exemplar.series) or self._newest.get(exemplar.series)
            if known != exemplar:
                newest[exemplar.series] = exemplar
                kept.append(exemplar)
        return tuple(kept)

    def stored(self, exemplars: Sequence[Exemplar]) -> None:
        """These are stored, in this order."""
        for exemplar in exemplars:
            self._newest[exemplar.series] = exemplar
            self._newest.move_to_end(exemplar.series)
        while len(self._newest) > self._series_max:
            self._newest.popitem(last=False)

    def forget(self) -> None:
        """Something was deleted: what comes again is new."""
        self._newest.clear()


def in_order(exemplars: Iterable[Exemplar]) -> list[Exemplar]:
    """By series and time, each once: a repeat after a restart was stored again."""
    return sorted(dict.fromkeys(exemplars), key=lambda exemplar: (exemplar.series, exemplar.time_ms))
