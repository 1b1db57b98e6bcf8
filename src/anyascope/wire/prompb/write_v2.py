"""Remote write 2.0: `io.prometheus.write.v2.Request`, whose texts stand once in a table of symbols.

As in 1.0, a compiled walk reads the samples and metadata of known series; protobuf's classes read the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from anyascope.errors import InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.model.metrics import Exemplar, MetricMetadata, MetricType
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import (
    KEY_BYTES_MAX,
    KNOWN_MAX,
    Decoded,
    FaultError,
    Series,
    SeriesBook,
    check_entries,
)
from anyascope.wire.prompb.gathered import Gathered, metric_type, parsed
from anyascope.wire.prompb.kernels import walk_v2
from anyascope.wire.prompb.walk import KeyTable

CLASSIC_SUFFIXES = ("_bucket", "_count", "_sum")  # series of a family that is named without them


class WriteV2Decoder:
    """Decodes requests; remembers series by their symbols. May be used by several threads."""

    def __init__(self, book: SeriesBook, *, known_max: int = KNOWN_MAX) -> None:
        self._book = book
        self._known_max = known_max
        self._known: dict[tuple[str, ...], Series] = {}
        self._table: KeyTable | None = None

    def decode(self, body: bytes) -> Decoded:
        """Everything of a request that can be read.

        Args:
            body: protobuf, after decompression.

        Raises:
            InvalidInputError: it is no such message.
        """
        if walk_v2.ready(len(body)) is None:
            return self._decode(body)
        table = self._table
        if table is None:
            table = self._table = KeyTable(self._book.numbers)
            self._known.clear()  # from now on the table is asked
        walked = table.find_v2(body)
        if walked is None or not walked.is_text(body):
            return self._decode(body)
        gathered, told = Gathered(), _Told()
        symbols = walked.texts(body) if walked.odd or walked.abouts else []
        for place, slot, kind, help_ref, unit_ref in walked.abouts:
            told.add(place, (table.series[slot].metric, kind, help_ref, unit_ref), is_native=False)
        for place, begin, end in walked.odd:
            self._take(body[begin:end], symbols, gathered, told, place=place)
        gathered.metadata.extend(told.metadata(symbols))
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
            request = schema.WriteRequestV2.FromString(body)
        except DecodeError as error:
            raise InvalidInputError(
                "the body is not an io.prometheus.write.v2.Request: its protobuf is damaged"
            ) from error
        symbols = list(request.symbols)
        gathered, told = Gathered(), _Told()
        for place, part in enumerate(request.timeseries):
            self._take(part, symbols, gathered, told, place=place)
        gathered.metadata.extend(told.metadata(symbols))
        return gathered.decoded()

    def _take(self, part: bytes, symbols: Sequence[str], gathered: Gathered, told: _Told, *, place: int) -> None:
        # Not `refusing`: a context manager a series takes longer than all else that is done with it.
        try:
            message = parsed(schema.SeriesV2, part)
            series = self._read(message, symbols, gathered, place)
            if message.HasField("metadata"):
                about = message.metadata
                _texts((about.help_ref, about.unit_ref), symbols)
                key = (series.metric, about.type, about.help_ref, about.unit_ref)
                told.add(place, key, is_native=bool(message.histograms))
        except FaultError as error:
            gathered.refuse(error, f"timeseries[{place}]")

    def _read(self, message: Any, symbols: Sequence[str], gathered: Gathered, place: int) -> Series:
        try:
            series = self._series(message.labels_refs, symbols)
        except FaultError as error:
            rows = len(message.samples) + len(message.histograms)
            raise FaultError(error.fault, rows=max(1, rows)) from error
        gathered.samples_of(series, message.samples, place=place)
        if message.histograms:
            for histogram in message.histograms:
                histogram.start_timestamp = histogram.start_timestamp or message.created_timestamp
            gathered.histograms_of(series, message.histograms, place=f"timeseries[{place}]")
        for exemplar in message.exemplars:
            labels = labels_of(_pairs(_texts(exemplar.labels_refs, symbols)))
            gathered.exemplars.append(Exemplar(series.labels, exemplar.timestamp, exemplar.value, labels))
        return series

    def _series(self, refs: Sequence[int], symbols: Sequence[str]) -> Series:
        texts = _texts(refs, symbols)
        known = self._known.get(texts)
        if known is None:
            known = self._book.series(_pairs(texts))
            if known.number < 0:
                return known
            if walk_v2.ready(0) is not None:
                self._remember_for_walks(texts, known)
                return known
            if len(self._known) >= self._known_max:
                self._known.clear()
            self._known[texts] = known
        return known

    def _remember_for_walks(self, texts: Sequence[str], series: Series) -> None:
        table = self._table
        if table is None or table.by is not series.numbers or table.is_full:
            table = self._table = KeyTable(series.numbers)
        encoded = [text.encode() for text in texts]
        if all(len(text) <= KEY_BYTES_MAX for text in encoded):
            table.add_key(b"".join([len(text).to_bytes(2, "little") + text for text in encoded]), series)


class _Told:
    """Metadata of a request, each once, by the first series that has it."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int, int, int], tuple[int, bool]] = {}

    def add(self, place: int, about: tuple[str, int, int, int], *, is_native: bool) -> None:
        """Metric, type and the symbols of help and unit, as the series of this place tells them."""
        known = self._first.get(about)
        if known is None or place < known[0]:
            self._first[about] = place, is_native

    def metadata(self, symbols: Sequence[str]) -> Iterator[MetricMetadata]:
        """All of them, in the order of the request."""
        for about, (_, is_native) in sorted(self._first.items(), key=lambda entry: entry[1][0]):
            yield from _metadata(about, symbols, is_native=is_native)


def _texts(refs: Sequence[int], symbols: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple([symbols[ref] for ref in refs])
    except IndexError as error:
        raise FaultError(f"it refers to symbol {max(refs)}, and there are {len(symbols)}") from error


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    if len(texts) % 2:
        raise FaultError("it has a label's name without a value")
    return list(zip(texts[::2], texts[1::2], strict=True))


def _metadata(about: tuple[str, int, int, int], symbols: Sequence[str], *, is_native: bool) -> Sequence[MetricMetadata]:
    metric, number, *refs = about
    kind = metric_type(number)
    help_text, unit = _texts(refs, symbols)
    if kind is MetricType.UNKNOWN and not help_text and not unit:
        return ()
    if kind in (MetricType.HISTOGRAM, MetricType.GAUGE_HISTOGRAM, MetricType.SUMMARY) and not is_native:
        suffix = next((suffix for suffix in CLASSIC_SUFFIXES if metric.endswith(suffix)), "")
        metric = metric.removesuffix(suffix)
    return (MetricMetadata(metric, kind, help_text, unit),)
