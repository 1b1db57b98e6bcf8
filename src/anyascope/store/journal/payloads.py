"""What is in a record: float samples as columns, and what comes beside them.

`SAMPLES`: UInt32 samples, UInt8 bytes a time (0, 1, 2, 4 or 8), 3 zero bytes, Int64 the earliest time in UTC milliseconds;
then UInt64 series ids, times less the earliest one (none at all where all are equal), Float64 values, each a column.
`EXTRAS`: MessagePack, as `Extras` says. A series' labels are not here: they are durable before its samples are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata
from anyascope.wire.shapes import shape_of

SAMPLES_HEAD = struct.Struct("<IB3xq")
TIME_TYPES = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True, slots=True)
class Samples:
    """Float samples: uint64[n] ids of their series, int64[n] UTC milliseconds, float64[n] values. In order of writing."""

    ids: NDArray[np.uint64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extras:
    """What comes beside float samples.

    The series of histograms and exemplars stand as ids; their `labels` and `series` are left empty.
    """

    histogram_ids: tuple[int, ...] = ()
    histograms: tuple[HistogramSample, ...] = ()
    exemplar_ids: tuple[int, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    metadata: tuple[MetricMetadata, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.histograms or self.exemplars or self.metadata)


def pack_samples(samples: Samples) -> tuple[bytes, ...]:
    """The payload, in parts."""
    first_ms = int(samples.times_ms.min())
    spread = int(samples.times_ms.max()) - first_ms
    width = 0 if not spread else next(size for size in TIME_TYPES if spread < 1 << 8 * size)
    times = (samples.times_ms - first_ms).astype(TIME_TYPES[width]).tobytes() if width else b""
    head = SAMPLES_HEAD.pack(len(samples.ids), width, first_ms)
    return head, samples.ids.tobytes(), times, samples.values.tobytes()


def unpack_samples(payload: bytes) -> Samples:
    """The samples of a payload; its arrays can only be read.

    Raises:
        ValueError: it is not one.
    """
    if len(payload) < SAMPLES_HEAD.size:
        raise ValueError(f"a payload of samples has at least {SAMPLES_HEAD.size} bytes, got {len(payload)}")
    count, width, first_ms = SAMPLES_HEAD.unpack_from(payload)
    if width and width not in TIME_TYPES:
        raise ValueError(f"times of {width} bytes are not known")
    at = SAMPLES_HEAD.size
    ids = np.frombuffer(payload, np.uint64, count, at)
    at += ids.nbytes
    times_ms = np.full(count, first_ms, np.int64)
    if width:
        times_ms += np.frombuffer(payload, TIME_TYPES[width], count, at).astype(np.int64)
        at += count * width
    return Samples(ids, times_ms, np.frombuffer(payload, np.float64, count, at))


def pack_extras(extras: Extras) -> bytes:
    """The payload. Lone surrogates, which no table would take, become question marks."""
    nameless = replace(
        extras,
        histograms=tuple(replace(each, labels=()) for each in extras.histograms),
        exemplars=tuple(replace(each, series=()) for each in extras.exemplars),
    )
    try:
        return msgspec.msgpack.encode(nameless)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(_speakable(nameless))


def unpack_extras(payload: bytes) -> Extras:
    """The extras of a payload, without their series' labels.

    Raises:
        ValueError: it is not one.
    """
    try:
        return shape_of(Extras).from_msgpack(payload)
    except msgspec.MsgspecError as error:
        raise ValueError(f"a payload of extras is damaged: {error}") from error


def _speakable(extras: Extras) -> Extras:
    return replace(
        extras,
        exemplars=tuple(
            replace(each, labels=tuple((_text(name), _text(value)) for name, value in each.labels))
            for each in extras.exemplars
        ),
        metadata=tuple(
            replace(each, metric=_text(each.metric), help=_text(each.help), unit=_text(each.unit))
            for each in extras.metadata
        ),
    )


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
