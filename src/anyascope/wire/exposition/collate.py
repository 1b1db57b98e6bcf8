"""Classic histograms put together: their series of one page become native histograms with custom buckets (NHCB).

Source: Prometheus configuration, `convert_classic_histograms_to_nhcb`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from anyascope.model.labels import METRIC_NAME
from anyascope.model.metrics import HistogramSample, MetricType
from anyascope.wire.exposition.lines import LineExemplar, Pairs, parse_value
from anyascope.wire.exposition.reading import Native, Reading, Resolve
from anyascope.wire.prompb.histograms import SCHEMA_CUSTOM

_SKIPPED = -(2**40)  # instead of a slot: the series is only read as a part of its histogram
_NO_GROUP = -1
_COUNT, _SUM = "count", "sum"


class Collator:
    """Stands between a reader and whoever numbers its series.

    Args:
        resolve: numbers what is left: the histograms, and all series that are no part of one.
        keeps_classics: whether the parts stay as series of their own beside their histogram.
    """

    def __init__(self, resolve: Resolve, *, keeps_classics: bool) -> None:
        self._resolve = resolve
        self._keeps_classics = keeps_classics
        # By the number that the reader was given: the series' slot, the histogram that it is a part of, and which part.
        self._slots: list[int] = []
        self._groups: list[int] = []
        self._parts: list[float | str] = []
        self._group_of: dict[Pairs, int] = {}
        self._group_slots: list[int] = []

    def __len__(self) -> int:
        """How many series are remembered."""
        return len(self._slots)

    def resolve(self, pairs: Pairs, kind: MetricType) -> int:
        """What the reader asks for each new series."""
        found = _part_of(pairs) if kind is MetricType.HISTOGRAM else None
        is_kept = found is None or self._keeps_classics
        self._slots.append(self._resolve(pairs, kind) if is_kept else _SKIPPED)
        self._groups.append(_NO_GROUP if found is None else self._group(found[0]))
        self._parts.append("" if found is None else found[1])
        return len(self._slots) - 1

    def slots_of(self, numbers: Sequence[int]) -> list[int]:
        """The slots of series that the reader has by these numbers, without those that are read as parts only."""
        slots = (self._slots[number] for number in numbers)
        return [slot for slot in slots if slot != _SKIPPED]

    def collate(self, reading: Reading) -> Reading:
        """The page with its classic histograms put together, behind all else."""
        raw = reading.slots
        slots = np.array(self._slots, dtype=np.int64)[raw]
        keep = slots != _SKIPPED
        place = np.cumsum(keep) - 1
        natives = {int(place[at]): native for at, native in reading.natives.items()}
        times_ms = {int(place[at]): time_ms for at, time_ms in reading.times_ms.items() if keep[at]}
        exemplars = {int(place[at]): found for at, found in reading.exemplars.items() if keep[at]}
        added: list[int] = []
        for group, positions in self._members(reading).items():
            native = self._native(reading, positions)
            if native is None:
                continue
            at = int(np.count_nonzero(keep)) + len(added)
            natives[at] = native
            if positions[-1] in reading.times_ms:
                times_ms[at] = reading.times_ms[positions[-1]]
            added.append(self._group_slots[group])
        return Reading(
            np.concatenate([slots[keep], np.array(added, dtype=np.int64)]),
            np.concatenate([reading.values[keep], np.full(len(added), np.nan)]),
            times_ms,
            exemplars,
            reading.metadata,
            natives,
        )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _group(self, base: Pairs) -> int:
        group = self._group_of.get(base)
        if group is None:
            group = self._group_of[base] = len(self._group_slots)
            self._group_slots.append(self._resolve(base, MetricType.HISTOGRAM))
        return group

    def _members(self, reading: Reading) -> Mapping[int, list[int]]:
        """Group -> the positions of its parts."""
        groups = np.array(self._groups, dtype=np.int64)[reading.slots]
        members: dict[int, list[int]] = {}
        for position in np.flatnonzero(groups != _NO_GROUP).tolist():
            members.setdefault(int(groups[position]), []).append(position)
        return members

    def _native(self, reading: Reading, positions: Sequence[int]) -> Native | None:
        parts = {self._parts[reading.slots[at]]: float(reading.values[at]) for at in positions}
        total, count = parts.pop(_SUM, 0.0), parts.pop(_COUNT, None)
        buckets = {bound: value for bound, value in parts.items() if isinstance(bound, float)}
        histogram = custom_histogram(buckets, count=count, total=total)
        if histogram is None:
            return None
        found = [reading.exemplars[at] for at in positions if at in reading.exemplars]
        timed: list[LineExemplar] = [each for each in found if each.time_ms is not None]
        return Native(histogram, tuple(timed))


def custom_histogram(buckets: Mapping[float, float], *, count: float | None, total: float) -> HistogramSample | None:
    """The histogram of cumulative buckets by their upper bounds; None where they contradict each other."""
    bounds = sorted(buckets)
    cumulative = [buckets[bound] for bound in bounds]
    if count is None:
        count = cumulative[-1] if cumulative else 0.0
    if not bounds or bounds[-1] != math.inf:
        bounds.append(math.inf)
        cumulative.append(count)
    counts = (cumulative[0], *(after - before for before, after in pairwise(cumulative)))
    # `not >=` also meets NaN.
    if not all(each >= 0 for each in counts) or cumulative[-1] != count:
        return None
    return HistogramSample(
        labels=(),
        time_ms=0,
        count=count,
        sum=total if not math.isnan(total) else math.nan,
        schema=SCHEMA_CUSTOM,
        zero_threshold=0.0,
        zero_count=0.0,
        positive_spans=((0, len(counts)),),
        positive_counts=counts,
        custom_bounds=tuple(bounds[:-1]),
    )


def _part_of(pairs: Pairs) -> tuple[Pairs, float | str] | None:
    """The histogram that a series is a part of, and which part: a bound, the count or the sum; None for any other."""
    labels = dict(pairs)
    metric = labels.pop(METRIC_NAME)
    base, _, suffix = metric.rpartition("_")
    part: float | str = suffix
    if suffix == "bucket" and "le" in labels:
        try:
            part = parse_value(labels.pop("le").encode())
        except ValueError:
            return None
        if math.isnan(part):
            return None
    elif suffix not in (_COUNT, _SUM) or "le" in labels:
        return None
    if not base:
        return None
    return ((METRIC_NAME, base), *sorted(labels.items())), part
