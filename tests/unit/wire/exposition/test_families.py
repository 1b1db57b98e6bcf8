"""Unit tests of the protobuf exposition format."""

from __future__ import annotations

import math
import struct

import pytest

from anyascope.model.labels import METRIC_NAME
from anyascope.model.metrics import STALE_NAN, MetricMetadata, MetricType
from anyascope.wire.exposition.families import SERIES_SPARE, KnownFamilies, place_of
from anyascope.wire.exposition.lines import ExpositionError
from anyascope.wire.exposition.schema import Label, Metric
from support.protobuf_pages import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    family,
    metric,
    protobuf_page,
    varint,
)

NATIVE = {
    "sample_count": 7,
    "sample_sum": 2.5,
    "schema": 3,
    "zero_threshold": 1e-3,
    "zero_count": 1,
    "positive_span": [{"offset": -2, "length": 2}, {"offset": 3, "length": 1}],
    "positive_delta": [1, 1, -1],
    "negative_span": [{"offset": 0, "length": 1}],
    "negative_delta": [2],
}
TIMED = {"timestamp": {"seconds": 12, "nanos": 345_000_000}, "value": 0.5, "label": [{"name": "t", "value": "1"}]}


class Book:
    """Numbers label sets and remembers how often it was asked."""

    def __init__(self, *, has_natives: bool = True, has_classics: bool = False) -> None:
        self.slots: dict = {}
        self.kinds: dict = {}
        self.asked = 0
        self.families = KnownFamilies(self, has_natives=has_natives, has_classics=has_classics)

    def __call__(self, pairs, kind) -> int:
        self.asked += 1
        self.kinds[pairs] = kind
        return self.slots.setdefault(pairs, len(self.slots))

    def read(self, *families):
        return self.families.read(protobuf_page(*families))

    def samples(self, *families) -> list[tuple[str, float]]:
        """Series as text, and their values, in the order of the page."""
        reading = self.read(*families)
        texts = {slot: shown(pairs) for pairs, slot in self.slots.items()}
        return [
            (texts[slot], value) for slot, value in zip(reading.slots.tolist(), reading.values.tolist(), strict=True)
        ]


def shown(pairs) -> str:
    labels = [(name, value) for name, value in pairs if name != METRIC_NAME]
    return dict(pairs)[METRIC_NAME] + ("{" + ",".join(f"{n}={v}" for n, v in labels) + "}" if labels else "")


def test_reads_every_simple_type() -> None:
    """Counters, gauges and untyped metrics are one sample each, under the family's name as it is."""
    assert Book().samples(
        family("c_total", COUNTER, metric(a="b", counter={"value": 1.5})),
        family("g", GAUGE, metric(gauge={"value": -2.0}), metric(a="", gauge={"value": 3.0})),
        family("u", UNTYPED, metric(untyped={"value": math.inf})),
    ) == [("c_total{a=b}", 1.5), ("g", -2.0), ("g{a=}", 3.0), ("u", math.inf)]


def test_reads_summaries() -> None:
    """A summary is count, sum, and one series a quantile, whose rank is written as in text."""
    data = {"sample_count": 4, "sample_sum": 2.5, "quantile": [{"quantile": 0.5, "value": 1.0}, {"quantile": 1.0}]}
    assert Book().samples(family("s", SUMMARY, metric(a="b", summary=data))) == [
        ("s_count{a=b}", 4.0),
        ("s_sum{a=b}", 2.5),
        ("s{a=b,quantile=0.5}", 1.0),
        ("s{a=b,quantile=1.0}", 0.0),
    ]


@pytest.mark.parametrize("kind", [HISTOGRAM, GAUGE_HISTOGRAM])
def test_reads_classic_histograms(kind: int) -> None:
    """A classic histogram is count, sum and buckets; the last bucket is added where it is missing."""
    bucket = {"upper_bound": 1.0, "cumulative_count": 2}
    whole = [("h_count", 5.0), ("h_sum", 9.0), ("h_bucket{le=1.0}", 2.0), ("h_bucket{le=+Inf}", 5.0)]
    data = {"sample_count": 5, "sample_sum": 9.0}
    infinite = {"upper_bound": math.inf, "cumulative_count": 5}
    for buckets in ([bucket], [bucket, infinite]):
        assert Book().samples(family("h", kind, metric(histogram={**data, "bucket": buckets}))) == whole
    floats = {"sample_count_float": 2.5, "bucket": [{"upper_bound": 1.0, "cumulative_count_float": 1.25}]}
    assert Book().samples(family("h", kind, metric(histogram=floats)))[2:] == [
        ("h_bucket{le=1.0}", 1.25),
        ("h_bucket{le=+Inf}", 2.5),
    ]


def test_reads_native_histograms() -> None:
    """A native histogram is one sample with absolute counts; a gauge histogram says that it is one."""
    for kind in (HISTOGRAM, GAUGE_HISTOGRAM):
        created = {"created_timestamp": {"seconds": 3}}
        reading = Book().read(family("h", kind, metric(a="b", histogram=NATIVE | created)))
        found = reading.natives[0].histogram
        assert (found.count, found.sum, found.schema, found.zero_threshold, found.zero_count) == (7, 2.5, 3, 1e-3, 1)
        assert (found.positive_spans, found.positive_counts) == (((-2, 2), (3, 1)), (1.0, 2.0, 1.0))
        assert (found.negative_spans, found.negative_counts) == (((0, 1),), (2.0,))
        assert (found.is_gauge, found.start_ms) == (kind == GAUGE_HISTOGRAM, 3000)
        assert len(reading.slots) == 1


def test_reads_native_histograms_of_floats() -> None:
    """Float histograms have absolute counts; one without observations is known by its empty span."""
    data = {
        "sample_count_float": 2.5,
        "positive_span": [{"offset": 0, "length": 2}],
        "positive_count": [0.5, 2.0],
    }
    found = Book().read(family("h", HISTOGRAM, metric(histogram=data))).natives[0].histogram
    assert (found.count, found.positive_counts) == (2.5, (0.5, 2.0))
    empty = Book().read(family("h", HISTOGRAM, metric(histogram={"positive_span": [{}]})))
    assert empty.natives[0].histogram.count == 0


def test_native_and_classic_are_read_as_asked() -> None:
    """Of a histogram that has both the native part is read, the classic one where natives are not wanted, or both."""
    both = family("h", HISTOGRAM, metric(histogram={**NATIVE, "bucket": [{"upper_bound": 1.0, "cumulative_count": 3}]}))
    read = [
        [name for name, _ in Book(has_natives=natives, has_classics=classics).samples(both)]
        for natives, classics in ((True, False), (False, False), (True, True))
    ]
    classic = ["h_count", "h_sum", "h_bucket{le=1.0}", "h_bucket{le=+Inf}"]
    assert read == [["h"], classic, ["h", *classic]]


def test_asks_once_for_a_series() -> None:
    """A series is taken apart at its first sight; later it is recognised by its bytes, until too many have gone."""
    book = Book()
    page = [
        family("c", COUNTER, metric(a="b", counter={"value": 1})),
        family("h", HISTOGRAM, metric(histogram={"sample_count": 1})),
    ]
    for _ in range(3):
        assert book.read(*page).slots.tolist() == [0, 1, 2, 3]
    assert book.asked == 4
    book.read(family("many", GAUGE, *(metric(n=str(n)) for n in range(3 * SERIES_SPARE))))
    book.read(*page)
    asked = book.asked
    book.read(*page)
    assert book.asked == asked + 4


def test_reads_times_and_exemplars() -> None:
    """Times stand at every series of a metric; exemplars at the counter or bucket that has them."""
    bucket = {"upper_bound": 1.0, "cumulative_count": 1, "exemplar": TIMED}
    reading = Book().read(
        family("c", COUNTER, metric(counter={"value": 1, "exemplar": {"value": 7.0}}, timestamp_ms=5)),
        family("h", HISTOGRAM, metric(histogram={"sample_count": 1, "bucket": [bucket]}, timestamp_ms=6)),
    )
    assert reading.times_ms == {0: 5, 1: 6, 2: 6, 3: 6, 4: 6}
    assert {at: (found.value, found.time_ms) for at, found in reading.exemplars.items()} == {
        0: (7.0, None),
        3: (0.5, 12_345),
    }


def test_exemplars_of_native_histograms_need_a_time() -> None:
    """A native histogram's exemplars are its own or its buckets'; those without a time are left out."""
    own = {**NATIVE, "exemplars": [TIMED, {"value": 3.0}]}
    buckets = {**NATIVE, "bucket": [{"exemplar": {"value": 1.0}}, {"exemplar": TIMED}, {}]}
    for data in (own, buckets):
        (found,) = Book().read(family("h", HISTOGRAM, metric(histogram=data))).natives[0].exemplars
        assert (found.labels, found.value, found.time_ms) == ((("t", "1"),), 0.5, 12_345)


def test_says_what_families_are() -> None:
    """Type, help and unit come with each family; the same object again while nothing changes."""
    book = Book()
    page = [family("a_seconds_total", COUNTER, help="Some.", unit="seconds"), family("b", GAUGE_HISTOGRAM)]
    first = book.read(*page).metadata
    assert first == (
        MetricMetadata("a_seconds_total", MetricType.COUNTER, "Some.", "seconds"),
        MetricMetadata("b", MetricType.GAUGE_HISTOGRAM),
    )
    assert book.read(*page).metadata is first


def test_tells_the_kind_of_what_could_be_converted() -> None:
    """Classic histograms alone are called so: those beside a native one are no histogram of their own."""
    book = Book(has_classics=True)
    classic = {"bucket": [{"upper_bound": 1.0}]}
    book.read(
        family("a", HISTOGRAM, metric(histogram=classic)),
        family("b", HISTOGRAM, metric(histogram=NATIVE | classic)),
    )
    kinds = {shown(pairs): kind for pairs, kind in book.kinds.items()}
    assert kinds["a_bucket{le=1.0}"] is MetricType.HISTOGRAM
    assert kinds["b_bucket{le=1.0}"] is MetricType.UNKNOWN


def test_no_value_passes_for_a_marker() -> None:
    """A NaN is a NaN, whichever its bits were."""
    reading = Book().read(family("g", GAUGE, metric(gauge={"value": STALE_NAN})))
    assert math.isnan(reading.values[0])
    assert reading.values.view("u8")[0] == 0x7FF8000000000000


TWICE = [Label(name="a", value="b").SerializeToString()] * 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"\x80\x80\x80\x80\x80\x80", "expected the length of a metric family at byte 0"),
        (b"\x05\x0a\x01a", "the page ends 2 bytes inside a metric family"),
        (varint(2) + b"\x0a\xff", "the metric family at byte 1 is no protobuf"),
        (varint(4) + b"\x0a\x02\xff\xfe", "is no protobuf, or has a text that is not UTF-8"),
        (protobuf_page(family("", GAUGE)), "a metric family has no name"),
        (protobuf_page(family("a", 6)), "unknown metric type 6 for metric 'a'"),
        (protobuf_page(family("a_seconds", GAUGE, unit="bytes")), "unit 'bytes' is not a suffix of metric 'a_seconds'"),
        (protobuf_page(family("a", GAUGE, {"label": TWICE})), "the labels of a series of a have no name, or one twice"),
        (protobuf_page(family("a", GAUGE, {"label": [b"\xff"]})), "a label of a is no protobuf"),
        (
            protobuf_page(family("a", HISTOGRAM, metric(histogram=NATIVE | {"schema": 60}))),
            "the schema 60 of the native",
        ),
        (protobuf_page(family("a", HISTOGRAM, metric(histogram=NATIVE | {"sample_count": 1}))), "not the sum of its"),
        (
            protobuf_page(family("a", HISTOGRAM, metric(histogram=NATIVE | {"positive_delta": [1]}))),
            "spans of a native",
        ),
    ],
)
def test_tells_what_is_broken(broken: bytes, said: str) -> None:
    """A page that is broken anywhere is refused whole, with what and where."""
    with pytest.raises(ExpositionError, match=said.replace("'", "['\"]")):
        Book().families.read(broken)


def test_tells_how_far_it_came() -> None:
    """What stood before a break can be counted."""
    book = Book()
    with pytest.raises(ExpositionError):
        book.read(family("a", GAUGE, metric(b="c"), metric(b="d")), family("", GAUGE))
    assert book.families.progress == [0, 1]


def test_values_are_found_again_by_their_place() -> None:
    """Metrics in the order of the page before are read by their value alone; those that moved or changed by their labels."""
    book = Book()

    def page(*rows: tuple[str, float], **more):
        return family("c", COUNTER, *(metric(a=name, counter={"value": value, **more}) for name, value in rows))

    created = {"created_timestamp": {"seconds": 7}}
    for rows in ((("x", 1.0), ("y", 2.0)), (("x", 3.0), ("y", 4.0)), (("y", 5.0), ("x", 6.0)), (("y", 7.0),)):
        for more in (created, {}):
            found = dict(book.samples(page(*rows, **more)))
            assert found == {f"c{{a={name}}}": value for name, value in rows}
    reading = book.read(page(("y", 8.0), exemplar={"value": 1.0}))
    assert (reading.values.tolist(), list(reading.exemplars)) == ([8.0], [0])
    assert book.read(page(("y", 9.0))).exemplars == {}
    assert book.asked == 2


def test_the_place_of_a_value_is_told_only_where_it_is_certain() -> None:
    """A value that is not written, stands twice or comes late is read by the message."""
    whole = Metric(label=[b"\n\x01a"], counter={"value": 2.0}, timestamp_ms=3).SerializeToString()
    place = place_of(whole, 3, slot=5)
    assert place is not None
    assert (whole[place.at : place.end], place.slot) == (struct.pack("<d", 2.0), 5)
    twice = Metric(counter={"value": 2.0}).SerializeToString() * 2
    late = b"\x1a\x0d\x1a\x02\x08\x01\x09" + struct.pack("<d", 2.0)
    for raw in (Metric(counter={}).SerializeToString(), Metric(gauge={"value": 1.0}).SerializeToString(), twice, late):
        assert place_of(raw, 3, slot=0) is None


def test_a_new_series_between_others_disturbs_none() -> None:
    """What is new, gone or has an exemplar is read whole; those around it by their value alone."""
    book = Book()
    read: list[str] = []
    whole = book.families._read_value

    def noting(raw, name, kind, **rest):
        read.append(Metric.FromString(raw).label[0].decode()[-1])
        return whole(raw, name, kind, **rest)

    book.families._read_value = noting  # type: ignore[method-assign]
    for names, expected in (("abcdef", "abcdef"), ("abcdef", ""), ("abXcdef", "X"), ("abXdef", "d"), ("abXcdef", "c")):
        read.clear()
        book.read(family("g", GAUGE, *(metric(n=name, gauge={"value": 1.0}) for name in names)))
        assert "".join(read) == expected
    for expected in ("abc", "b"):
        read.clear()
        rows = [metric(n=name, counter={"value": 1.0, **({"exemplar": {}} if name == "b" else {})}) for name in "abc"]
        book.read(family("c", COUNTER, *rows))
        assert "".join(read) == expected


def test_empty_families_are_not_remembered() -> None:
    """A target that makes up names without series does not fill the memory; what they are is said all the same."""
    book = Book()
    for number in range(50):
        assert book.read(family(f"made_up_{number}", GAUGE)).metadata[0].metric == f"made_up_{number}"
    assert len(book.families._known) == 0
