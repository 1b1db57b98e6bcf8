"""What a remote-write request holds, and the columns that its samples are gathered into."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from anyascope.errors import TooLargeError
from anyascope.model.labels import METRIC_NAME, Labels, metric_of, series_id
from anyascope.model.metrics import MetricBatch, Numbered, Numbers, SampleBatch

KNOWN_MAX = 250_000  # series whose labels are remembered; some 1 kB each, shared with the store's index
KNOWN_CHARS_MAX = 128_000_000  # of names and values of all that is remembered; 250,000 series of 500
KEY_BYTES_MAX = 8 * 1024  # encoded labels that are remembered; those of real series stay below 2 kB
ENTRIES_MAX = 100_000  # of a request, series and texts together; Prometheus sends 2,000 series, vmagent up to 10,000
ENTRY_BYTES_MIN = 2  # on the wire; 32 MB of such would become 16 million objects
FAULTS_TOLD_MAX = 10  # different faults that an answer names; the counts of the others are summed


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request.

    Attributes:
        batch: everything of it that could be read.
        refused: for each fault, how many samples and histograms it cost (a series without any counts as one).
        first: for each fault, where it was met first, such as `timeseries[3]`.
    """

    batch: MetricBatch
    refused: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def reasons(self) -> tuple[str, ...]:
        """A sentence a fault, the most frequent first."""
        told = self.refused.most_common(FAULTS_TOLD_MAX)
        rest = self.refused.total() - sum(count for _, count in told)
        sentences = [f"{count} samples refused: {fault} (first: {self.first[fault]})" for fault, count in told]
        return (*sentences, f"{rest} samples refused for other faults") if rest else tuple(sentences)


def check_entries(body: bytes) -> None:
    """Refuse a request of very many entries before an object is made of each.

    Raises:
        TooLargeError: it has more than ENTRIES_MAX.
    """
    if len(body) < ENTRIES_MAX * ENTRY_BYTES_MIN:
        return
    at, end = 0, len(body)
    for _ in range(ENTRIES_MAX):
        at += 1
        size = shift = 0
        while at < end:
            byte = body[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        at += size
        if at >= end:
            return  # whole, or damaged: who reads it will see
    raise too_many_entries()


def too_many_entries() -> TooLargeError:
    """What says so."""
    return TooLargeError(f"the request has more than {ENTRIES_MAX} entries, send fewer series at a time")


class Series:
    """A label set with its id; there is one object a label set, so that identity tells them apart quickly.

    One that is too large to be remembered has the number -1.
    """

    __slots__ = ("id", "labels", "metric", "number", "numbers")

    def __init__(self, labels: Labels, *, number: int, numbers: Numbers) -> None:
        self.labels = labels
        self.number = number
        self.numbers = numbers
        self.metric = metric_of(labels)
        self.id = series_id(labels)


class FaultError(Exception):
    """Why a series cannot be taken; `rows` is how many samples and histograms that costs."""

    def __init__(self, fault: str, *, rows: int = 1) -> None:
        super().__init__(fault)
        self.fault = fault
        self.rows = rows


class SeriesBook:
    """Every series met of late, by its labels. May be used by several threads: each step is one dictionary operation."""

    def __init__(self, *, known_max: int = KNOWN_MAX) -> None:
        self._known_max = known_max
        self._by_labels: dict[Labels, Series] = {}
        self._chars = 0  # of what is remembered, about
        self._numbering = (Numbers(), count())  # exchanged together: of two threads none may mix them

    @property
    def numbers(self) -> Numbers:
        """Who gives numbers to series that are new."""
        return self._numbering[0]

    def series(self, pairs: Sequence[tuple[str, str]]) -> Series:
        """The series of these labels, in any order; empty values are left out.

        Raises:
            FaultError: a name is empty or stands twice, or there is no metric name.
        """
        intern = sys.intern  # the same names and values come back in a thousand series
        labels = tuple(sorted((intern(name), intern(value)) for name, value in pairs if value))
        names = [name for name, _ in labels]
        if not all(names):
            raise FaultError("a label's name is empty")
        if len(set(names)) < len(names):
            twice = next(name for name, after in pairwise(names) if name == after)
            raise FaultError(f"the label {twice[:64]!r} stands twice")
        if METRIC_NAME not in names:
            raise FaultError("there is no metric name")
        known = self._by_labels.get(labels)
        if known is None:
            chars = sum(len(name) + len(value) for name, value in labels)
            if chars > KEY_BYTES_MAX:
                return Series(labels, number=-1, numbers=self.numbers)
            self._chars += chars
            if len(self._by_labels) >= self._known_max or self._chars > KNOWN_CHARS_MAX:
                self._chars = 0
                self._by_labels.clear()
                self._numbering = (Numbers(), count())
            numbers, following = self._numbering
            known = self._by_labels.setdefault(labels, Series(labels, number=next(following), numbers=numbers))
        return known


@dataclass(slots=True)
class Samples:
    """Samples as they are gathered, in pieces.

    Attributes:
        series: one a sample; they may repeat.
        places: for each sample, which entry of the request it comes from.
    """

    series: list[Series] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    times_ms: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)

    def add(
        self,
        series: Sequence[Series],
        times_ms: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        places: Sequence[int],
    ) -> None:
        """Take in a piece: one of each a sample."""
        self.series.extend(series)
        self.places.extend(places)
        self.times_ms.append(times_ms)
        self.values.append(values)

    def batch(self) -> SampleBatch:
        """All of them; a series' own are in the order of the request, because the last of equal times stays."""
        if not self.series:
            return SampleBatch.empty()
        series = self.series
        times_ms, values = np.concatenate(self.times_ms), np.concatenate(self.values)
        distinct = dict.fromkeys(series)
        if len(distinct) == len(series):
            rows = np.arange(len(series), dtype=np.uint32)
        else:
            row_of = {each: row for row, each in enumerate(distinct)}
            rows = np.fromiter((row_of[each] for each in series), np.uint32, len(series))
            order = np.argsort(np.array(self.places), kind="stable")
            rows, times_ms, values = rows[order], times_ms[order], values[order]
        by = series[0].numbers
        numbers = np.fromiter((each.number if each.numbers is by else -1 for each in distinct), np.int64, len(distinct))
        return SampleBatch(
            series=[each.labels for each in distinct],
            series_ids=np.fromiter((each.id for each in distinct), np.uint64, len(distinct)),
            rows=rows,
            times_ms=times_ms,
            values=values,
            numbered=Numbered(by, numbers),
        )
