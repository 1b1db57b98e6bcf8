"""What a collector brings: families of points, turned into samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from anyascope.clock import NS_PER_MS
from anyascope.collect.series import Draft, SeriesBook
from anyascope.model.labels import METRIC_NAME, Labels, labels_of
from anyascope.model.metrics import MetricBatch, MetricMetadata, MetricType

PointLabels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs in any order, without the metric's name; an empty value means that the label is absent."""


@dataclass(slots=True)
class Family:
    """A metric and its points now.

    Attributes:
        family: whose part it is, such as the histogram of a `_bucket`; its own name where empty.
    """

    name: str
    type: MetricType
    help: str
    points: list[tuple[PointLabels, float]] = field(default_factory=list)
    family: str = ""

    def add(self, value: float, *labels: tuple[str, str]) -> None:
        """Append one point."""
        self.points.append((labels, value))


def gauge(name: str, text: str, value: float, *labels: tuple[str, str]) -> Family:
    """A gauge with one point."""
    return Family(name, MetricType.GAUGE, text, [(labels, value)])


def counter(name: str, text: str, value: float, *labels: tuple[str, str]) -> Family:
    """A counter with one point."""
    return Family(name, MetricType.COUNTER, text, [(labels, value)])


class PointBook:
    """Turns one collector's families into batches, collection after collection.

    Args:
        target: labels that every series carries, such as job and instance; they win over labels of the points.
    """

    def __init__(self, target: Labels) -> None:
        self._target = dict(target)
        self._book = SeriesBook()
        self._slots: dict[tuple[str, PointLabels], int] = {}
        self._metadata: tuple[MetricMetadata, ...] = ()

    def __len__(self) -> int:
        """How many series are remembered."""
        return len(self._book)

    def draft(self, families: Iterable[Family], *, time_ns: int) -> tuple[Draft, MetricBatch]:
        """What to write, and the same as a batch with the metadata that was not told yet.

        Families without points are left out; a series that the last collection had is marked as ended.
        """
        if self._book.is_overgrown:
            # Interfaces, processes, transactions come and go: forget those that went.
            self._book = SeriesBook(self._book.live())
            self._slots.clear()
        present = [family for family in families if family.points]
        slots = [self._slot(family.name, labels) for family in present for labels, _ in family.points]
        values = [value for family in present for _, value in family.points]
        draft = self._book.draft(
            np.array(slots, dtype=np.int64), np.array(values, dtype=np.float64), time_ms=time_ns // NS_PER_MS
        )
        told = {found.family or found.name: found for found in present}
        metadata = tuple(MetricMetadata(name, found.type, found.help) for name, found in told.items())
        return draft, MetricBatch(samples=draft.samples, metadata=self._news(metadata))

    def commit(self, draft: Draft, batch: MetricBatch) -> None:
        """The batch was stored."""
        self._book.commit(draft)
        if batch.metadata:
            self._metadata = batch.metadata

    def _news(self, metadata: Sequence[MetricMetadata]) -> tuple[MetricMetadata, ...]:
        return tuple(metadata) if tuple(metadata) != self._metadata else ()

    def _slot(self, name: str, labels: PointLabels) -> int:
        slot = self._slots.get((name, labels))
        if slot is None:
            slot = self._book.slot_of(labels_of({**dict(labels), **self._target, METRIC_NAME: name}))
            self._slots[name, labels] = slot
        return slot
