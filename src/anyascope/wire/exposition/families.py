"""The protobuf format: length-prefixed metric families, with series that were met before recognised by their bytes.

Counters and gauges mostly come in the order of the page before, and then differ in eight bytes, their value: these alone are
read. What comes otherwise is looked up by its label bytes.

Source: prometheus/client_model, `metrics.proto`; Prometheus 3, how it turns families into series.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from google.protobuf.message import DecodeError

from anyascope.model.labels import METRIC_NAME
from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.lines import ExpositionError, LineExemplar, Pairs, format_bound
from anyascope.wire.exposition.natives import is_native, native_of, timestamp_ms
from anyascope.wire.exposition.reading import Native, Reading, Resolve
from anyascope.wire.exposition.schema import Label, Metric, MetricFamily

SERIES_SPARE = 1000  # series that may be remembered beyond twice those in use, before all are learned anew
LENGTH_BYTES_MAX = 5  # of a family's length; more would be beyond 32 GB

_TYPES = (
    MetricType.COUNTER,
    MetricType.GAUGE,
    MetricType.SUMMARY,
    MetricType.UNKNOWN,
    MetricType.HISTOGRAM,
    MetricType.GAUGE_HISTOGRAM,
)  # by their numbers on the wire
_VALUE_FIELDS = {MetricType.COUNTER: "counter", MetricType.GAUGE: "gauge", MetricType.UNKNOWN: "untyped"}

_VALUE_NUMBERS = {MetricType.COUNTER: 3, MetricType.GAUGE: 2, MetricType.UNKNOWN: 5}
_DOUBLE = struct.Struct("<d")
_DOUBLE_TAG = 1 << 3 | 1  # field 1, eight bytes
_LENGTH_WIRE, _VARINT_WIRE = 2, 0
_FIXED_BYTES = {1: 8, 5: 4}

LabelBytes: TypeAlias = tuple[bytes, ...]
Bounds: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the value of a metric stands in its bytes: between `head` and `tail`, from `at` to `end`."""

    head: bytes
    tail: bytes
    at: int
    end: int
    slot: int


@dataclass(slots=True)
class _Known:
    """The slots of one family's series, by label bytes; those of a histogram or summary by its bounds too.

    `order` has the single samples of the page before, in its order.
    """

    order: list[Place | None] = field(default_factory=list)
    single: dict[LabelBytes, int] = field(default_factory=dict)
    many: dict[tuple[LabelBytes, Bounds], list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """What was read so far: parallel lists, and positions in them."""

    slots: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times_ms: dict[int, int] = field(default_factory=dict)
    exemplars: dict[int, LineExemplar] = field(default_factory=dict)
    natives: dict[int, Native] = field(default_factory=dict)


class KnownFamilies:
    """The families of one source.

    Args:
        resolve: numbers new label sets; called once a series.
        has_natives: whether native histograms are read; where not, their classic buckets are.
        has_classics: whether the classic buckets of a native histogram are read beside it.
    """

    def __init__(self, resolve: Resolve, *, has_natives: bool, has_classics: bool) -> None:
        self._resolve = resolve
        self._has_natives = has_natives
        self._has_classics = has_classics
        self._known: dict[tuple[str, int], _Known] = {}
        self._count = 0
        self._metadata: tuple[MetricMetadata, ...] = ()
        self._found = _Found()

    @property
    def progress(self) -> list[int]:
        """The slots of the last body as far as it was read, also where it turned out to be broken."""
        return self._found.slots

    def read(self, body: bytes) -> Reading:
        """Everything that a body says, by the numbers that `resolve` gave.

        Raises:
            ExpositionError: it is not in this format; nothing of it may be used.
        """
        self._found = found = _Found()
        metadata: list[MetricMetadata] = []
        for family in _families(body):
            metadata.append(_metadata_of(family))
            self._read_family(family, metadata[-1].type, found)
        if tuple(metadata) != self._metadata:
            self._metadata = tuple(metadata)
        if self._count > 2 * len(found.slots) + SERIES_SPARE:
            self._known.clear()
            self._count = 0
        values = np.array(found.values, dtype=np.float64)
        values[np.isnan(values)] = np.nan  # one NaN only: none may pass for a staleness marker
        slots = np.array(found.slots, dtype=np.int64)
        return Reading(slots, values, found.times_ms, found.exemplars, self._metadata, found.natives)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _read_family(self, family: Any, kind: MetricType, found: _Found) -> None:
        if not family.metric:
            return  # nothing to remember: a target that makes up names would fill the memory
        known = self._known.setdefault((family.name, family.type), _Known())
        if kind is MetricType.SUMMARY:
            for raw in family.metric:
                self._read_summary(family.name, _metric(raw, family.name), known, found)
        elif kind in _VALUE_FIELDS:
            self._read_values(family, kind, known, found)
        else:
            for raw in family.metric:
                self._read_histogram(family.name, _metric(raw, family.name), kind, known=known, found=found)

    def _read_values(self, family: Any, kind: MetricType, known: _Known, found: _Found) -> None:
        """Counters, gauges and what has no type: one sample a metric."""
        slots, values, before = found.slots, found.values, known.order
        unpack = _DOUBLE.unpack_from
        order: list[Place | None] = []
        positions: dict[int, int] = {}
        expected = 0
        for raw in family.metric:
            place = before[expected] if expected < len(before) else None
            # All bytes but those of the value are those of the page before.
            if place is not None and raw.startswith(place.head) and raw[place.end :] == place.tail:
                slots.append(place.slot)
                values.append(unpack(raw, place.at)[0])
                order.append(place)
                expected += 1
                continue
            order.append(self._read_value(raw, family.name, kind, known=known, found=found))
            if not positions:
                positions = {each.slot: at for at, each in enumerate(before) if each is not None}
            # Go on behind where it stood; what is new stands between two others.
            at = positions.get(slots[-1])
            if at is not None:
                expected = at + 1
            elif place is None:
                expected += 1
        known.order = order

    def _read_value(self, raw: bytes, name: str, kind: MetricType, *, known: _Known, found: _Found) -> Place | None:
        """One sample; where its value stands, if nothing else of it is of interest next time."""
        metric = _metric(raw, name)
        key = tuple(metric.label)
        slot = known.single.get(key)
        if slot is None:
            slot = self._learn(known, key, name, kind)
        at = len(found.slots)
        if metric.timestamp_ms:
            found.times_ms[at] = metric.timestamp_ms
        data = getattr(metric, _VALUE_FIELDS[kind])
        has_exemplar = kind is MetricType.COUNTER and data.HasField("exemplar")
        if has_exemplar:
            found.exemplars[at] = _exemplar(data.exemplar)
        found.slots.append(slot)
        found.values.append(data.value)
        return None if has_exemplar or metric.timestamp_ms else place_of(raw, _VALUE_NUMBERS[kind], slot=slot)

    def _read_summary(self, name: str, metric: Any, known: _Known, found: _Found) -> None:
        summary = metric.summary
        quantiles = summary.quantile
        bounds = tuple(each.quantile for each in quantiles)
        slots = known.many.get((tuple(metric.label), bounds))
        if slots is None:
            slots = self._learn_many(known, metric, (name, "quantile", bounds, name), MetricType.SUMMARY)
        values = [float(summary.sample_count), summary.sample_sum, *(each.value for each in quantiles)]
        _add(found, slots, values, metric.timestamp_ms)

    def _read_histogram(self, name: str, metric: Any, kind: MetricType, *, known: _Known, found: _Found) -> None:
        has_native = self._has_natives and is_native(metric.histogram)
        if has_native:
            self._read_native(name, metric, kind, known=known, found=found)
        if not has_native or (self._has_classics and metric.histogram.bucket):
            # Beside a native histogram its classic series are no histogram of their own, which could be converted.
            self._read_classic(name, metric, MetricType.UNKNOWN if has_native else kind, known=known, found=found)

    def _read_native(self, name: str, metric: Any, kind: MetricType, *, known: _Known, found: _Found) -> None:
        histogram = metric.histogram
        key = tuple(metric.label)
        slot = known.single.get(key)
        if slot is None:
            slot = self._learn(known, key, name, kind)
        at = len(found.slots)
        if metric.timestamp_ms:
            found.times_ms[at] = metric.timestamp_ms
        sources = histogram.exemplars or (each.exemplar for each in histogram.bucket if each.HasField("exemplar"))
        exemplars = [_exemplar(each) for each in sources if each.HasField("timestamp")]
        is_gauge = kind is MetricType.GAUGE_HISTOGRAM
        found.natives[at] = Native(native_of(histogram, is_gauge=is_gauge, family=name), tuple(exemplars))
        found.slots.append(slot)
        found.values.append(math.nan)

    def _read_classic(self, name: str, metric: Any, kind: MetricType, *, known: _Known, found: _Found) -> None:
        histogram = metric.histogram
        buckets = histogram.bucket
        bounds = tuple(each.upper_bound for each in buckets)
        count = histogram.sample_count_float or float(histogram.sample_count)
        values = [count, histogram.sample_sum]
        values += [each.cumulative_count_float or float(each.cumulative_count) for each in buckets]
        if not bounds or bounds[-1] != math.inf:
            bounds = (*bounds, math.inf)
            values.append(count)
        slots = known.many.get((tuple(metric.label), bounds))
        if slots is None:
            slots = self._learn_many(known, metric, (f"{name}_bucket", "le", bounds, name), kind)
        at = len(found.slots) + len(values) - len(bounds)
        _add(found, slots, values, metric.timestamp_ms)
        for position, each in enumerate(buckets, at):
            if each.HasField("exemplar"):
                found.exemplars[position] = _exemplar(each.exemplar)

    def _learn(self, known: _Known, key: LabelBytes, name: str, kind: MetricType) -> int:
        slot = known.single[key] = self._resolve(((METRIC_NAME, name), *_pairs(key, name)), kind)
        self._count += 1
        return slot

    def _learn_many(
        self, known: _Known, metric: Any, naming: tuple[str, str, Bounds, str], kind: MetricType
    ) -> list[int]:
        """The slots of count, sum, and one series a bound."""
        part, bound_label, bounds, name = naming
        key = tuple(metric.label)
        labels = _pairs(key, name)
        series: list[Pairs] = [((METRIC_NAME, f"{name}_count"), *labels), ((METRIC_NAME, f"{name}_sum"), *labels)]
        series += [((METRIC_NAME, part), *labels, (bound_label, format_bound(bound))) for bound in bounds]
        slots = known.many[key, bounds] = [self._resolve(pairs, kind) for pairs in series]
        self._count += len(slots)
        return slots


def _add(found: _Found, slots: list[int], values: list[float], time_ms: int) -> None:
    if time_ms:
        at = len(found.slots)
        found.times_ms.update(dict.fromkeys(range(at, at + len(slots)), time_ms))
    found.slots += slots
    found.values += values


def _families(body: bytes) -> Iterator[Any]:
    """The families of a body, each with its length before it."""
    at, view = 0, memoryview(body)
    while at < len(body):
        length, at = _length(body, at)
        if length > len(body) - at:
            raise ExpositionError(f"the page ends {length - len(body) + at} bytes inside a metric family")
        try:
            yield MetricFamily.FromString(view[at : at + length])
        except DecodeError as error:
            raise ExpositionError(
                f"the metric family at byte {at} is no protobuf, or has a text that is not UTF-8"
            ) from error
        at += length


def _length(body: bytes, at: int) -> tuple[int, int]:
    """A number in base 128, the lowest digits first, and where it ends."""
    value = 0
    for step, byte in enumerate(body[at : at + LENGTH_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return value, at + step + 1
    raise ExpositionError(f"expected the length of a metric family at byte {at}")


def _metric(raw: bytes, family: str) -> Any:
    try:
        return Metric.FromString(raw)
    except DecodeError as error:
        raise ExpositionError(f"a metric of {family} is no protobuf, or has a text that is not UTF-8") from error


def place_of(raw: bytes, number: int, *, slot: int) -> Place | None:
    """Where the value of this field of a well-formed `Metric` stands; None where it is not written, or written oddly.

    Source: Protocol Buffers, "Encoding".
    """
    found, at = None, 0
    while at < len(raw):
        tag, at = _length(raw, at)
        if tag & 7 != _LENGTH_WIRE:
            at = _length(raw, at)[1] if tag & 7 == _VARINT_WIRE else at + _FIXED_BYTES.get(tag & 7, len(raw))
            continue
        size, at = _length(raw, at)
        if tag >> 3 == number:
            # The value comes first in all that is written by the field's numbers; a second such field would be merged.
            if found is not None or size <= _DOUBLE.size or raw[at] != _DOUBLE_TAG:
                return None
            found = at + 1
        at += size
    if found is None:
        return None
    end = found + _DOUBLE.size
    return Place(raw[:found], raw[end:], found, end, slot)


def _metadata_of(family: Any) -> MetricMetadata:
    name, unit = family.name, family.unit
    if not name:
        raise ExpositionError("a metric family has no name")
    if not 0 <= family.type < len(_TYPES):
        raise ExpositionError(f"unknown metric type {family.type} for metric {name!r}")
    kind = _TYPES[family.type]
    base = name.removesuffix("_total") if kind is MetricType.COUNTER else name
    if unit and not base.endswith(f"_{unit}"):
        raise ExpositionError(f"unit {unit!r} is not a suffix of metric {name!r}")
    return MetricMetadata(name, kind, family.help, unit)


def _pairs(labels: Iterable[bytes], name: str) -> Pairs:
    try:
        parsed = [Label.FromString(each) for each in labels]
    except DecodeError as error:
        raise ExpositionError(f"a label of {name} is no protobuf, or not UTF-8") from error
    pairs = tuple((each.name, each.value) for each in parsed)
    names = {label for label, _ in pairs}
    if len(names) < len(pairs) or "" in names or METRIC_NAME in names:
        raise ExpositionError(f"the labels of a series of {name} have no name, or one twice")
    return pairs


def _exemplar(message: Any) -> LineExemplar:
    labels = tuple((each.name, each.value) for each in message.label)
    time_ms = timestamp_ms(message.timestamp) if message.HasField("timestamp") else None
    return LineExemplar(labels, message.value, time_ms)
