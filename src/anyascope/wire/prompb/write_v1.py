"""Remote write 1.0: `prometheus.WriteRequest`.

Almost every series of a request is one that was sent before, with one sample. Its bytes are then its encoded labels,
followed by samples: a compiled walk finds the labels by their bytes and reads the samples (`walk.py`). Until it is compiled, or in
requests so small that nobody asked for it, numpy reads the samples of series that have one. Only what this does not fit is parsed
field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from anyascope.errors import InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.model.metrics import Exemplar, MetricMetadata
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import (
    KEY_BYTES_MAX,
    KNOWN_MAX,
    Decoded,
    FaultError,
    Samples,
    Series,
    SeriesBook,
    check_entries,
)
from anyascope.wire.prompb.gathered import Gathered, metric_type, parsed
from anyascope.wire.prompb.kernels import walk
from anyascope.wire.prompb.walk import KeyTable

# A sample as Prometheus writes it: its tag and length, a double, a time of six bytes (1971 to 2109).
TAIL = np.dtype([("head", "S3"), ("value", "<f8"), ("tag", "u1"), ("time", "u1", 6)])
TAIL_HEAD, TIME_TAG = b"\x12\x10\x09", 0x10
# The same with the value 0, which protobuf leaves out.
ZERO_TAIL = np.dtype([("head", "S2"), ("tag", "u1"), ("time", "u1", 6)])
ZERO_HEAD = b"\x12\x07"
MORE_FOLLOWS = 0x80  # the bit of a varint's bytes but the last
TIME_WEIGHTS = np.int64(1) << (7 * np.arange(6, dtype=np.int64))
TAILS = ((TAIL, TAIL_HEAD), (ZERO_TAIL, ZERO_HEAD))


class WriteV1Decoder:
    """Decodes requests; remembers the encoded labels of series. May be used by several threads."""

    def __init__(self, book: SeriesBook, *, known_max: int = KNOWN_MAX) -> None:
        self._book = book
        self._known_max = known_max
        self._known: dict[bytes, Series] = {}
        self._table: KeyTable | None = None

    def decode(self, body: bytes) -> Decoded:
        """Everything of a request that can be read.

        Args:
            body: protobuf, after decompression.

        Raises:
            InvalidInputError: it is no such message.
        """
        if walk.ready(len(body)) is None:
            return self._decode(body)
        table = self._table
        if table is None:
            table = self._table = KeyTable(self._book.numbers)
            self._known.clear()  # from now on the table is asked
        walked = table.find(body)
        if walked is None:
            return self._decode(body)
        gathered = Gathered()
        for place, begin, end in walked.odd:
            with gathered.refusing(f"timeseries[{place}]" if place >= 0 else "metadata"):
                if place >= 0:
                    self._read(body[begin:end], gathered, place)
                else:
                    gathered.metadata.append(_metadata(body[begin:end]))
        if not gathered.parsed_series:
            return gathered.decoded(table.batch(walked))
        if len(walked.slots):
            series = [table.series[slot] for slot in walked.slots.tolist()]
            gathered.samples.add(series, walked.times_ms, walked.values, places=walked.places.tolist())
        return gathered.decoded()

    def _decode(self, body: bytes) -> Decoded:
        """The same without the walk."""
        check_entries(body)
        try:
            request = schema.WriteRequest.FromString(body)
        except DecodeError as error:
            raise InvalidInputError("the body is not a prometheus.WriteRequest: its protobuf is damaged") from error
        parts = list(request.timeseries)
        gathered = Gathered()
        for place in self._quick(parts, gathered.samples):
            with gathered.refusing(f"timeseries[{place}]"):
                self._read(parts[place], gathered, place)
        for place, part in enumerate(request.metadata):
            with gathered.refusing(f"metadata[{place}]"):
                gathered.metadata.append(_metadata(part))
        return gathered.decoded()

    def _quick(self, parts: Sequence[bytes], samples: Samples) -> list[int]:
        """Gather known series with one sample; the places of all others."""
        places = list(range(len(parts)))
        for layout, head in TAILS:
            size, get = layout.itemsize, self._known.get
            found = [get(parts[place][:-size]) for place in places]
            hits = [(place, series) for place, series in zip(places, found, strict=True) if series is not None]
            if not hits:
                continue
            tails = np.frombuffer(b"".join([parts[place][-size:] for place, _ in hits]), layout)
            fits = _fits(tails, head)
            if not fits.all():
                hits = [hit for hit, fit in zip(hits, fits.tolist(), strict=True) if fit]
                tails = tails[fits]
            done = [place for place, _ in hits]
            values = tails["value"].copy() if layout is TAIL else np.zeros(len(tails))
            samples.add([series for _, series in hits], _times_ms(tails), values, places=done)
            rest = set(done)
            places = [place for place in places if place not in rest] if len(done) < len(places) else []
        return places

    def _read(self, part: bytes, gathered: Gathered, place: int) -> None:
        message = parsed(schema.Series, part)
        rows = len(message.samples) + len(message.histograms)
        try:
            series = self._book.series([(label.name, label.value) for label in message.labels])
        except FaultError as error:
            raise FaultError(error.fault, rows=max(1, rows)) from error
        gathered.samples_of(series, message.samples, place=place)
        gathered.histograms_of(series, message.histograms, place=f"timeseries[{place}]")
        gathered.exemplars.extend(
            Exemplar(
                series.labels,
                exemplar.timestamp,
                exemplar.value,
                labels_of((label.name, label.value) for label in exemplar.labels),
            )
            for exemplar in message.exemplars
        )
        if series.number < 0:
            return
        if walk.ready(0) is not None:
            self._remember_for_walks(part, series, labels=len(message.labels))
        elif len(message.samples) == 1 and rows == 1 and not message.exemplars:
            self._remember(part, message, series)

    def _remember_for_walks(self, part: bytes, series: Series, *, labels: int) -> None:
        table = self._table
        if table is None or table.by is not series.numbers or table.is_full:
            table = self._table = KeyTable(series.numbers)
        table.add(part, series, labels=labels)

    def _remember(self, part: bytes, message: Any, series: Series) -> None:
        for layout, head in TAILS:
            key = part[: -layout.itemsize]
            if not part.startswith(head, len(key)) or len(key) > KEY_BYTES_MAX:
                continue
            # What stands before the sample must be the labels, whole: only then does the rest read as a sample.
            if _is_labels(key, message):
                if len(self._known) >= self._known_max:
                    self._known.clear()
                self._known[key] = series
                return


def _is_labels(key: bytes, message: Any) -> bool:
    try:
        labels = schema.Series.FromString(key)
    except DecodeError:
        return False
    return not labels.samples and len(labels.labels) == len(message.labels)


def _fits(tails: NDArray[np.void], head: bytes) -> NDArray[np.bool_]:
    """bool[n]: which tails are a sample in this layout and nothing else."""
    times = tails["time"]
    fits: NDArray[np.bool_] = (
        (tails["head"] == head)
        & (tails["tag"] == TIME_TAG)
        & (times[:, :5] >= MORE_FOLLOWS).all(axis=1)
        & (times[:, 5] < MORE_FOLLOWS)
    )
    return fits


def _times_ms(tails: NDArray[np.void]) -> NDArray[np.int64]:
    sevens = (tails["time"] & 0x7F).astype(np.int64)
    times_ms: NDArray[np.int64] = sevens @ TIME_WEIGHTS
    return times_ms


def _metadata(part: bytes) -> MetricMetadata:
    message = parsed(schema.Metadata, part)
    return MetricMetadata(message.name, metric_type(message.type), message.help, message.unit)
