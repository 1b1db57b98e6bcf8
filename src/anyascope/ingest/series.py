"""Which series each source has, so that known ones are not checked again and new ones have a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from anyascope.clock import NS_PER_S, Clock
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.tally import Reason
from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.model.metrics import Numbered, Numbers


def label_fault(labels: Labels, options: AdmitOptions) -> Reason | None:
    """What is wrong with a label set, if anything."""
    if len(labels) > options.labels_max:
        return Reason.LABELS_COUNT
    previous = ""
    for name, value in labels:
        if len(name) > options.label_name_chars_max or len(value) > options.label_value_chars_max:
            return Reason.LABEL_LENGTH
        if name <= previous:  # sorted, so that a name that is empty or stands twice shows here
            return Reason.LABEL_INVALID
        previous = name
    return None if any(name == METRIC_NAME for name, _ in labels) else Reason.LABEL_INVALID


@dataclass(slots=True)
class _Source:
    """Two generations: what was seen in this period, and in the one before and not in this one.

    `numbers` says by the numbers of series which of them are in `current`.
    """

    began_ns: int
    current: set[int] = field(default_factory=set)
    previous: set[int] = field(default_factory=set)
    numbers: WeakKeyDictionary[Numbers, NDArray[np.bool_]] = field(default_factory=WeakKeyDictionary)
    renamed: dict[int, Labels] = field(default_factory=dict)


class KnownSeries:
    """The series of all sources, by id; one that says nothing for one to two periods is forgotten."""

    def __init__(self, options: AdmitOptions, *, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._sources: dict[str, _Source] = {}

    def unknown(self, source: str, ids: Sequence[int]) -> set[int]:
        """Which of these ids the source has not sent of late; the others are marked as seen."""
        seen = self._source(source)
        missing = set(ids).difference(seen.current)
        if missing and seen.previous:
            again = missing & seen.previous
            seen.current |= again
            seen.previous -= again
            missing -= again
        return missing

    def are_known(self, source: str, numbered: Numbered | None) -> bool:
        """Whether all of these series have been seen in this period, by their numbers alone; False where that is not sure."""
        if numbered is None:
            return False
        marks = self._source(source).numbers.get(numbered.by)
        numbers = numbered.numbers
        return marks is not None and bool(numbers.max(initial=0) < len(marks)) and bool(marks[numbers].all())

    def note(self, source: str, numbered: Numbered, ids: Sequence[int]) -> None:
        """Remember the numbers of those of these series that are known."""
        seen = self._source(source)
        marks = seen.numbers.get(numbered.by)
        room = int(numbered.numbers.max(initial=0)) + 2  # the last entry is that of number -1, and stays False
        if marks is None or len(marks) < room:
            grown = np.zeros(2 * room, np.bool_)
            if marks is not None:
                grown[: len(marks)] = marks
            marks = seen.numbers[numbered.by] = grown
        known = np.fromiter((each in seen.current for each in ids), np.bool_, len(ids))
        marks[numbered.numbers[known & (numbered.numbers >= 0)]] = True

    def admit(self, source: str, new_id: int) -> Reason | None:
        """Remember a new series; why not, where its source or all of them have their fill."""
        seen = self._source(source)
        if self.count(source) >= self._options.series_max:
            return Reason.SERIES_LIMIT
        if sum(self.counts().values()) >= self._options.series_total_max:
            return Reason.SERIES_TOTAL
        seen.current.add(new_id)
        return None

    def rename(self, source: str, known_id: int, labels: Labels) -> None:
        """Remember which labels stand for a series whose own may not be stored."""
        self._source(source).renamed[known_id] = labels

    def renamed(self, source: str) -> dict[int, Labels]:
        """The source's series that are stored under other labels, by their own ids."""
        return self._source(source).renamed

    def count(self, source: str) -> int:
        """How many series count against the source's limit."""
        seen = self._source(source)
        return len(seen.current) + len(seen.previous)

    def counts(self) -> dict[str, int]:
        """How many of each source; a series that two of them send counts twice."""
        return {source: len(seen.current) + len(seen.previous) for source, seen in self._sources.items()}

    def _source(self, name: str) -> _Source:
        now_ns = self._clock.monotonic_ns()
        seen = self._sources.get(name)
        if seen is None:
            seen = self._sources[name] = _Source(now_ns)
        elif now_ns - seen.began_ns > self._options.series_forgotten_after_s * NS_PER_S:
            seen.began_ns = now_ns
            seen.previous, seen.current = seen.current, set()
            seen.numbers.clear()
            seen.renamed = {key: labels for key, labels in seen.renamed.items() if key in seen.previous}
        return seen
