"""Remote write's bodies as samples, histograms, exemplars and metadata."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import cramjam
import numpy as np
import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN, STALE_NAN_BITS, HistogramSample, MetricType
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import Decoded, SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder
from support.components import shared_path
from support.remote_write import remote_write

AT_MS = 1_795_437_983_706
UP = (("__name__", "up"), ("job", "a"))


def v1() -> WriteV1Decoder:
    return WriteV1Decoder(SeriesBook())


def v2() -> WriteV2Decoder:
    return WriteV2Decoder(SeriesBook())


def plain(compressed: bytes) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(compressed))


def rows_of(decoded: Decoded) -> list[tuple[Labels, int, bytes]]:
    """(labels, time_ms, the bits of the value) of each sample, sorted."""
    samples = decoded.batch.samples
    return sorted(
        (samples.series[row], time_ms, struct.pack("<d", value))
        for row, time_ms, value in zip(
            samples.rows.tolist(), samples.times_ms.tolist(), samples.values.tolist(), strict=True
        )
    )


def shown(row: tuple[Labels, int, bytes]) -> tuple[Labels, int, bytes | str]:
    """The row, any NaN that is no staleness marker written as such: its bits are nobody's business."""
    labels, time_ms, bits = row
    value = struct.unpack("<d", bits)[0]
    is_stale = bits == struct.pack("<Q", STALE_NAN_BITS)
    return labels, time_ms, "NaN" if math.isnan(value) and not is_stale else bits


def request(*messages: Any) -> bytes:
    return bytes(schema.WriteRequest(timeseries=[each.SerializeToString() for each in messages]).SerializeToString())


def series(*pairs: tuple[str, str], **parts: Any) -> Any:
    message = schema.Series(**parts)
    for name, value in pairs:
        message.labels.add(name=name, value=value)
    return message


def recorded() -> list[Path]:
    try:
        return sorted(shared_path("components/samples/remote-write").glob("*.snappy"))
    except pytest.skip.Exception:
        return []


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
def test_recorded_requests_hold_what_was_sent(path: Path) -> None:
    """Every sample that Prometheus 3.5 sent is read, bit for bit, the first time and again when the series are known."""
    expected = json.loads(path.with_suffix(".json").read_text())["expected"].get("timeseries", [])
    wanted = sorted(
        (labels_of(each["labels"]), int(time_ms), struct.pack("<d", STALE_NAN if value == "StaleNaN" else float(value)))
        for each in expected
        for time_ms, value in each["samples"]
    )
    decoder = v1() if path.stem.startswith("v1") else v2()
    for _ in range(2):
        decoded = decoder.decode(plain(path.read_bytes()))
        assert list(map(shown, rows_of(decoded))) == list(map(shown, wanted))
        custom = sum(each.get("schema") == -53 for one in expected for each in one["histograms"])
        lost = custom if path.stem.startswith("v1") else 0
        assert decoded.refused.total() == lost
        assert len(decoded.batch.histograms) == sum(len(each["histograms"]) for each in expected) - lost
        assert len(decoded.batch.exemplars) == sum(len(each["exemplars"]) for each in expected)


def test_a_known_series_reads_as_it_did_at_first() -> None:
    """What is found by the bytes of its labels gives the same sample as what is parsed, zero and stale markers too."""
    values = [0.0, -0.0, 1.5, math.inf, STALE_NAN]
    decoder = v1()
    for value in values * 2:
        found = rows_of(decoder.decode(plain(remote_write([(UP, [(AT_MS, value)])]))))
        assert found == [(UP, AT_MS, struct.pack("<d", value))]


def test_zero_without_its_field() -> None:
    """A sample of 0 whose value is left out, as protobuf has it, is 0 at its time."""
    body = request(series(*UP, samples=[{"timestamp": AT_MS}]))
    decoder = v1()
    for _ in range(2):
        assert rows_of(decoder.decode(body)) == [(UP, AT_MS, bytes(8))]


@pytest.mark.parametrize("time_ms", [-5, 0, 1, 2**35 - 1, 2**42, 2**62])
def test_times_of_other_lengths(time_ms: int) -> None:
    """A time before 1971 or after 2109 is read as it stands, of a known series too."""
    decoder = v1()
    decoder.decode(request(series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}])))
    found = decoder.decode(request(series(*UP, samples=[{"timestamp": time_ms, "value": 1.0}])))
    assert found.batch.samples.times_ms.tolist() == [time_ms]


def test_a_tail_that_only_looks_like_a_sample() -> None:
    """A label whose value ends like a known series' sample is a label."""
    decoder = v1()
    decoder.decode(request(series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}])))
    tail = request(series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}]))[-18:]
    odd = series(*UP, ("z", "x" + tail[3:11].decode("latin-1") + "y"), samples=[{"timestamp": AT_MS, "value": 2.0}])
    assert decoder.decode(request(odd)).batch.samples.series == [labels_of([(p.name, p.value) for p in odd.labels])]


def test_the_last_of_equal_times_stays_last() -> None:
    """Repeats of a series within a request keep their order, whichever way each is read."""
    decoder = v1()
    decoder.decode(request(series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}])))
    first = series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}, {"timestamp": AT_MS - 1, "value": 2.0}])
    second = series(*UP, samples=[{"timestamp": AT_MS, "value": 3.0}])
    assert decoder.decode(request(first, second)).batch.samples.values.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("pairs", "fault"),
    [
        ([("__name__", "a"), ("b", "1"), ("b", "2")], "'b' stands twice"),
        ([("job", "a")], "no metric name"),
        ([("", "x"), ("__name__", "a")], "name is empty"),
    ],
)
def test_bad_labels_cost_their_series_alone(pairs: list[tuple[str, str]], fault: str) -> None:
    """A series with impossible labels is refused with its place; its neighbours are kept."""
    good = series(*UP, samples=[{"timestamp": AT_MS, "value": 1.0}])
    bad = series(*pairs, samples=[{"timestamp": AT_MS}, {"timestamp": AT_MS + 1}])
    decoded = v1().decode(request(good, bad))
    assert len(decoded.batch.samples) == 1
    assert decoded.refused.total() == 2
    assert fault in decoded.reasons()[0]
    assert "timeseries[1]" in decoded.reasons()[0]


def test_labels_in_any_order_are_one_series() -> None:
    """Labels that are not sorted, or empty, name the same series as sorted ones."""
    decoded = v1().decode(
        request(
            series(*UP, samples=[{"timestamp": AT_MS}]),
            series(*reversed(UP), ("x", ""), samples=[{"timestamp": AT_MS + 1}]),
        )
    )
    assert decoded.batch.samples.series == [UP]
    assert decoded.batch.samples.rows.tolist() == [0, 0]


@pytest.mark.parametrize("decoder", [v1(), v2()])
def test_a_damaged_body_is_refused(decoder: WriteV1Decoder | WriteV2Decoder) -> None:
    """Bytes that are no protobuf are refused as a whole."""
    with pytest.raises(InvalidInputError, match="damaged"):
        decoder.decode(b"\x0a\xff\xff\xff\xff\x0f")


def test_a_damaged_series_costs_itself_alone() -> None:
    """A series whose bytes are broken, or not UTF-8, is refused; the others are kept."""
    body = schema.WriteRequest(
        timeseries=[b"\x0a\x7f", b"\x0a\x03\x0a\x01\xff", series(*UP, samples=[{"timestamp": 1}]).SerializeToString()]
    ).SerializeToString()
    decoded = v1().decode(body)
    assert len(decoded.batch.samples) == 1
    assert decoded.refused.total() == 2


def histogram(**parts: Any) -> Any:
    whole: dict[str, Any] = {
        "count_int": 6,
        "sum": 2.5,
        "schema": 3,
        "zero_count_int": 1,
        "zero_threshold": 1e-9,
        "positive_spans": [{"offset": 2, "length": 2}, {"offset": 1, "length": 1}],
        "positive_deltas": [1, 1, 0],
        "timestamp": AT_MS,
    }
    return series(*UP, histograms=[{**whole, **parts}])


def only(body: bytes) -> HistogramSample:
    decoded = v1().decode(body)
    assert not decoded.refused
    (found,) = decoded.batch.histograms
    return found


def test_integer_buckets_become_absolute() -> None:
    """An integer histogram's deltas are summed to counts; spans, zero bucket and time are as sent."""
    found = only(request(histogram(reset_hint=3)))
    assert found == HistogramSample(UP, AT_MS, 6.0, 2.5, 3, 1e-9, 1.0, ((2, 2), (1, 1)), (1.0, 2.0, 2.0), is_gauge=True)


def test_float_histograms() -> None:
    """A float histogram's counts are taken as they are, negative buckets too."""
    message = series(
        *UP,
        histograms=[
            {
                "count_float": 1.5,
                "sum": -1.0,
                "schema": -4,
                "negative_spans": [{"offset": -1, "length": 1}],
                "negative_counts": [1.5],
                "timestamp": AT_MS,
            }
        ],
    )
    found = only(request(message))
    assert (found.count, found.negative_spans, found.negative_counts) == (1.5, ((-1, 1),), (1.5,))


def test_a_stale_histogram_is_a_marker() -> None:
    """A histogram whose sum is the staleness marker has nothing else."""
    found = only(request(series(*UP, histograms=[{"sum": STALE_NAN, "timestamp": AT_MS}])))
    assert struct.pack("<d", found.sum) == struct.pack("<Q", STALE_NAN_BITS)
    assert found.count == 0


def test_custom_bounds() -> None:
    """Custom buckets are kept with their bounds."""
    found = only(request(histogram(schema=-53, custom_values=[0.1, 1.0, 2.0, 4.0, 8.0], zero_count_int=0, count_int=5)))
    assert found.custom_bounds == (0.1, 1.0, 2.0, 4.0, 8.0)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"schema": -53}, "send it by 2.0"),
        ({"schema": 9}, "schema 9"),
        ({"schema": -5}, "schema -5"),
        ({"positive_deltas": [1, 1]}, "do not fit"),
        ({"positive_spans": [{"offset": 2, "length": 4_000_000_000}]}, "do not fit"),
        ({"positive_spans": [{"offset": 2, "length": 2}, {"offset": -1, "length": 1}]}, "overlap"),
        ({"positive_deltas": [1, -5, 9]}, "negative count"),
        ({"count_int": 5}, "sum of its buckets"),
        ({"schema": -53, "custom_values": [2.0, 1.0]}, "ascend"),
        ({"schema": -53, "custom_values": [2.0]}, "more buckets than bounds"),
    ],
)
def test_contradictory_histograms_are_refused(parts: dict[str, Any], fault: str) -> None:
    """A histogram that contradicts itself is refused with the reason."""
    decoded = v1().decode(request(histogram(**parts)))
    assert not decoded.batch.histograms
    assert fault in decoded.reasons()[0]


def request_v2(symbols: list[str], **parts: Any) -> bytes:
    one = schema.SeriesV2(**parts).SerializeToString()
    return bytes(schema.WriteRequestV2(symbols=symbols, timeseries=[one]).SerializeToString())


SYMBOLS = ["", "__name__", "latency_bucket", "le", "1", "Time to sign.", "seconds"]


def test_metadata_of_2_0_names_the_family() -> None:
    """The metadata of a classic histogram's series is its family's."""
    about = {"type": 3, "help_ref": 5, "unit_ref": 6}
    body = request_v2(SYMBOLS, labels_refs=[1, 2, 3, 4], samples=[{"value": 1, "timestamp": AT_MS}], metadata=about)
    (found,) = v2().decode(body).batch.metadata
    assert (found.metric, found.type, found.help, found.unit) == (
        "latency",
        MetricType.HISTOGRAM,
        "Time to sign.",
        "seconds",
    )


@pytest.mark.parametrize(("refs", "fault"), [([1, 99], "symbol 99"), ([1, 2, 3], "without a value")])
def test_references_that_lead_nowhere(refs: list[int], fault: str) -> None:
    """References past the symbols, or of odd number, are refused with the reason."""
    decoded = v2().decode(request_v2(SYMBOLS, labels_refs=refs, samples=[{"timestamp": AT_MS}]))
    assert fault in decoded.reasons()[0]


def test_created_time_is_the_histograms_start() -> None:
    """The created timestamp of a 2.0 series is where its histograms begin."""
    plain_histogram = {"count_int": 0, "timestamp": AT_MS}
    body = request_v2(SYMBOLS, labels_refs=[1, 2], histograms=[plain_histogram], created_timestamp=AT_MS - 9)
    assert v2().decode(body).batch.histograms[0].start_ms == AT_MS - 9


def test_what_is_remembered_is_bounded() -> None:
    """A decoder that has met its fill of series forgets them and reads on."""
    decoder = WriteV1Decoder(SeriesBook(known_max=2), known_max=2)
    for number in range(7):
        labels = (("__name__", "up"), ("n", str(number)))
        assert len(decoder.decode(plain(remote_write([(labels, [(AT_MS, 1.0)])]))).batch.samples) == 1
    assert np.array_equal(decoder.decode(b"").batch.samples.rows, [])


def test_a_series_too_large_to_be_remembered_is_read_all_the_same() -> None:
    """Labels beyond what is kept in memory are read each time, and leave nothing behind."""
    book = SeriesBook()
    large = (("__name__", "a"), ("l", "x" * 20_000))
    decoder = WriteV1Decoder(book)
    for _ in range(2):
        decoded = decoder.decode(plain(remote_write([(large, [(AT_MS, 1.0)]), (UP, [(AT_MS, 2.0)])])))
        assert [row[0] for row in rows_of(decoded)] == sorted([large, UP])
        numbered = decoded.batch.samples.numbered
        assert numbered is not None
        assert sorted(numbered.numbers.tolist()) == [-1, 0]
    assert list(book._by_labels) == [UP]
