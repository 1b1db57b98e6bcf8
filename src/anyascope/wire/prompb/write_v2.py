"""Remote write 2.0: `io.prometheus.write.v2.Request`, whose texts stand once in a table of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from anyascope.errors import InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.model.metrics import Exemplar, MetricMetadata, MetricType
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import KNOWN_MAX, Decoded, FaultError, Series, SeriesBook, check_entries
from anyascope.wire.prompb.gathered import Gathered, metric_type, parsed

CLASSIC_SUFFIXES = ("_bucket", "_count", "_sum")  # series of a family that is named without them


class WriteV2Decoder:
    """Decodes requests; remembers series by their symbols. May be used by several threads."""

    def __init__(self, book: SeriesBook, *, known_max: int = KNOWN_MAX) -> None:
        self._book = book
        self._known_max = known_max
        self._known: dict[tuple[str, ...], Series] = {}

    def decode(self, body: bytes) -> Decoded:
        """Everything of a request that can be read.

        Args:
            body: protobuf, after decompression.

        Raises:
            InvalidInputError: it is no such message.
        """
        check_entries(body)
        try:
            request = schema.WriteRequestV2.FromString(body)
        except DecodeError as error:
            raise InvalidInputError(
                "the body is not an io.prometheus.write.v2.Request: its protobuf is damaged"
            ) from error
        symbols = list(request.symbols)
        gathered = Gathered()
        told: set[tuple[str, int, int, int]] = set()
        for place, part in enumerate(request.timeseries):
            # Not `refusing`: a context manager a series takes longer than all else that is done with it.
            try:
                message = parsed(schema.SeriesV2, part)
                series = self._read(message, symbols, gathered, place)
                if message.HasField("metadata"):
                    about = message.metadata
                    key = (series.metric, about.type, about.help_ref, about.unit_ref)
                    if key not in told:
                        told.add(key)
                        gathered.metadata.extend(_metadata(key, symbols, is_native=bool(message.histograms)))
            except FaultError as error:
                gathered.refuse(error, f"timeseries[{place}]")
        return gathered.decoded()

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
            if len(self._known) >= self._known_max:
                self._known.clear()
            self._known[texts] = known
        return known


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
