"""Remote write 2.0, out: `io.prometheus.write.v2.Request`, whose texts stand once in a table of symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels
from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata
from anyascope.wire.prompb import pieces, schema
from anyascope.wire.prompb.encode_v1 import TYPE_NUMBERS
from anyascope.wire.prompb.histograms import fill_histogram
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries, sample_fields
from anyascope.wire.prompb.pieces import Pieces

SYMBOL_TAG, SERIES_TAG = 0x22, 0x2A
REFS_TAG, METADATA_TAG = 0x0A, 0x2A
TYPE_TAG, HELP_TAG, UNIT_TAG = b"\x08", b"\x18", b"\x20"
SYMBOLS_MAX = 2_000_000  # texts of a table, some 150 bytes each; a new one is begun past them, as churn fills any
FAMILY_SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created", "_info")  # series of a family named without them
UNKNOWN = (0, 0, 0)

Refs = NDArray[np.int64]


class _Table:
    """Every text that was sent of late, by a number that a series can remember."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.fields: list[bytes] = []
        self.number("")  # the first symbol of each request is the empty text

    def number(self, text: str) -> int:
        """The number of a text."""
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.fields)
            self.fields.append(pieces.field(SYMBOL_TAG, text.encode("utf-8", "surrogatepass")))
        return found

    def of_labels(self, labels: Labels) -> Refs:
        """Names and values by turns."""
        return np.fromiter((self.number(text) for text in chain.from_iterable(labels)), np.int64, 2 * len(labels))


class WriteV2Encoder:
    """Encodes requests by the column; remembers symbols between them."""

    content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    version = "2.0.0"
    has_custom_buckets = True

    def __init__(self, *, symbols_max: int = SYMBOLS_MAX) -> None:
        self._symbols_max = symbols_max
        self._table = _Table()
        self._described: dict[str, MetricMetadata] = {}

    def describe(self, metadata: Iterable[MetricMetadata]) -> None:
        """Say this of the series of these metrics from now on."""
        self._described = {entry.metric: entry for entry in metadata}
        self._table = _Table()  # series look up what is said of them together with their symbols

    def encode(self, outgoing: Outgoing) -> bytes:
        """The request, not compressed; each sample, histogram and exemplar is a series of its own, as upstream has it."""
        if len(self._table.fields) > self._symbols_max:
            self._table = _Table()
        each = [
            *outgoing.series,
            *(series for series, _ in outgoing.histograms),
            *(series for series, _ in outgoing.exemplars),
        ]
        table = self._table
        # Not a call a series: almost all are known.
        refs = [
            series.symbols if series.table is table and series.symbols is not None else self._refs(series)
            for series in each
        ]
        counts = np.fromiter(map(len, refs), np.int64, len(refs))
        texts = np.concatenate(refs) if refs else np.empty(0, np.int64)
        about = self._about_all(each)
        exemplar_refs = [table.of_labels(exemplar.labels) for _, exemplar in outgoing.exemplars]
        local, symbols = self._local(
            np.concatenate((np.zeros(1, np.int64), about[:, 1], about[:, 2], texts, *exemplar_refs))
        )
        columns = pieces.messages(
            SERIES_TAG,
            pieces.messages(REFS_TAG, pieces.grouped(pieces.varints(local[texts]), counts)),
            pieces.joined(
                [
                    *sample_fields(outgoing.times_ms, outgoing.values),
                    *(_histogram(histogram) for _, histogram in outgoing.histograms),
                    *(
                        _exemplar(exemplar, local[numbers])
                        for (_, exemplar), numbers in zip(outgoing.exemplars, exemplar_refs, strict=True)
                    ),
                ]
            ),
            _about_field(local, about),
        )
        return symbols + columns.flat.tobytes()

    def _refs(self, series: WireSeries) -> Refs:
        if series.table is not self._table or series.symbols is None:
            series.table = self._table
            series.symbols = self._table.of_labels(series.labels)
            series.about = self._about(series.metric)
        return series.symbols

    def _about_all(self, each: Sequence[WireSeries]) -> Refs:
        """int64[series, 3]: the type, help and unit of each series' metric; zeros where nothing is known."""
        if not self._described:
            return np.zeros((len(each), 3), np.int64)
        flat = chain.from_iterable([series.about or UNKNOWN for series in each])
        return np.fromiter(flat, np.int64, 3 * len(each)).reshape(-1, 3)

    def _about(self, metric: str) -> tuple[int, int, int] | None:
        entry = self._described.get(metric)
        if entry is None:
            suffix = next((suffix for suffix in FAMILY_SUFFIXES if metric.endswith(suffix)), "")
            entry = self._described.get(metric.removesuffix(suffix)) if suffix else None
        if entry is None:
            return None
        return TYPE_NUMBERS[entry.type], self._table.number(entry.help), self._table.number(entry.unit)

    def _local(self, used: Refs) -> tuple[Refs, bytes]:
        """int64[table], for each text that is used its place among the request's symbols; and these, encoded."""
        is_used = np.zeros(len(self._table.fields), np.bool_)
        is_used[used] = True
        order = np.flatnonzero(is_used)
        local = np.zeros(len(is_used), np.int64)
        local[order] = np.arange(len(order))
        fields = self._table.fields
        return local, b"".join([fields[number] for number in order.tolist()])


def _about_field(local: Refs, about: Refs) -> Pieces:
    """What each series' metric is; nothing where nothing is known."""
    is_known = about.any(axis=1)
    if not is_known.any():
        return Pieces(np.empty(0, np.uint8), np.zeros(len(about), np.int64))
    known = about[is_known]
    told = pieces.messages(
        METADATA_TAG,
        *(pieces.same(TYPE_TAG, len(known)), pieces.varints(known[:, 0])),
        *(pieces.same(HELP_TAG, len(known)), pieces.varints(local[known[:, 1]])),
        *(pieces.same(UNIT_TAG, len(known)), pieces.varints(local[known[:, 2]])),
    )
    sizes = np.zeros(len(about), np.int64)
    sizes[is_known] = told.sizes
    return Pieces(told.flat, sizes)


def _histogram(histogram: HistogramSample) -> bytes:
    message = schema.SeriesV2(created_timestamp=histogram.start_ms)
    fill_histogram(message.histograms.add(), histogram, as_integers=True)
    return bytes(message.SerializeToString())


def _exemplar(exemplar: Exemplar, refs: Refs) -> bytes:
    message = schema.SeriesV2()
    message.exemplars.add(labels_refs=refs.tolist(), value=exemplar.value, timestamp=exemplar.time_ms)
    return bytes(message.SerializeToString())
