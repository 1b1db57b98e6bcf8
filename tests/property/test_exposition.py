"""Properties of reading expositions."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.model.metrics import MetricType, is_stale
from anyascope.wire.exposition.document import parse_exposition
from anyascope.wire.exposition.families import KnownFamilies
from anyascope.wire.exposition.known import KnownLines
from anyascope.wire.exposition.lines import ExpositionError, Format, format_bound, parse_line, parse_value
from anyascope.wire.exposition.schema import Label
from support.protobuf_pages import COUNTER, GAUGE, HISTOGRAM, family, protobuf_page

EXAMPLES = 100

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
values = st.floats(width=64)
forms = st.sampled_from([Format.TEXT, Format.OPENMETRICS])


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@st.composite
def lines(draw) -> tuple[tuple[tuple[str, str], ...], str, float]:
    """Label pairs, the line's series part, and a value."""
    name = draw(texts.filter(bool))
    labels = draw(st.dictionaries(texts.filter(lambda text: text not in ("", "__name__")), texts, max_size=4))
    parts = [f'"{escaped(name)}"', *(f'"{escaped(key)}"="{escaped(value)}"' for key, value in labels.items())]
    return (("__name__", name), *labels.items()), "{" + ",".join(parts) + "}", draw(values)


def number(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value).replace("inf", "Inf")


@given(lines(), forms)
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_written_is_read(sample, form: Format) -> None:
    """Any names, labels and values survive being written by the rules and read again."""
    pairs, series, value = sample
    found = parse_line(f"{series} {number(value)}".encode(), form=form, number=1, family_type=MetricType.UNKNOWN)
    assert found.pairs == pairs
    assert found.value == value or (math.isnan(found.value) and math.isnan(value))
    assert found.head == series.encode()


@given(st.lists(lines(), max_size=8), st.lists(values, min_size=8, max_size=8), forms)
@settings(max_examples=EXAMPLES, deadline=None)
def test_known_lines_read_as_new_ones(samples, later: list[float], form: Format) -> None:
    """A page of known lines gives what taking it apart gives, whatever was read before."""
    end = "# EOF\n" if form is Format.OPENMETRICS else ""
    slots: dict = {}
    known = KnownLines(lambda pairs, _: slots.setdefault(pairs, len(slots)))
    first = "".join(f"{series} {number(value)}\n" for _, series, value in samples) + end
    second = "".join(f"{series} {number(value)}\n" for (_, series, _), value in zip(samples, later, strict=False)) + end
    known.read(first.encode(), form=form)
    reading = known.read(second.encode(), form=form)
    whole = parse_exposition(second.encode(), form=form)
    assert reading.slots.tolist() == [slots[sample.pairs] for sample in whole.samples]
    assert [number(value) for value in reading.values.tolist()] == [number(sample.value) for sample in whole.samples]
    assert not is_stale(reading.values).any()


@given(st.binary(max_size=200), forms)
@settings(max_examples=EXAMPLES * 2, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes, form: Format) -> None:
    """Whatever a target sends, it is an exposition or a told error, alike on both roads."""
    outcomes = []
    for read in (parse_exposition, KnownLines(lambda *_: 0).read):
        try:
            found = read(body, form=form)
            outcomes.append(len(getattr(found, "samples", getattr(found, "slots", ()))))
        except ExpositionError as error:
            assert str(error)  # noqa: PT017  # both ways must be taken by one body
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]


almost = st.lists(
    st.sampled_from(
        ['a{b="c"}', "a", " ", "\t", "1", "-", "{", "}", '"', "\\", ",", "=", "#", " # {", "EOF", "\n", "TYPE", "é"]
    ),
    max_size=14,
).map("".join)


@given(almost, almost, forms)
@settings(max_examples=EXAMPLES * 2, deadline=None)
def test_almost_expositions_are_read_alike_on_both_roads(before: str, body: str, form: Format) -> None:
    """What was read before never changes what a page means, nor whether it is one."""
    end = b"\n# EOF\n" if form is Format.OPENMETRICS else b""
    slots: dict = {}
    known = KnownLines(lambda pairs, _: slots.setdefault(pairs, len(slots)))
    for page in (before.encode() + end, b'a{b="c"} 1\na 2\nb 3' + end):
        try:
            known.read(page, form=form)
        except ExpositionError:
            continue
    try:
        whole = parse_exposition(body.encode() + end, form=form)
    except ExpositionError:
        whole = None
    try:
        reading = known.read(body.encode() + end, form=form)
    except ExpositionError:
        reading = None
    assert (whole is None) == (reading is None)
    if whole is not None and reading is not None:
        assert [slots[sample.pairs] for sample in whole.samples] == reading.slots.tolist()
        assert [sample.value for sample in whole.samples] == reading.values.tolist()
        times = {at: sample.time_ms for at, sample in enumerate(whole.samples) if sample.time_ms is not None}
        assert times == reading.times_ms
        assert {at for at, sample in enumerate(whole.samples) if sample.exemplar} == set(reading.exemplars)


@given(st.floats(allow_nan=False))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_bound_means_the_same_number(value: float) -> None:
    """A bound reads back as the number that was written, and always looks like a decimal."""
    text = format_bound(value)
    assert parse_value(text.encode()) == value
    assert any(mark in text for mark in (".", "e", "Inf"))


counts = st.lists(st.integers(0, 1000), max_size=5)
metrics_of = {
    COUNTER: lambda value, _: {"counter": {"value": value}},
    GAUGE: lambda value, _: {"gauge": {"value": value}},
    HISTOGRAM: lambda value, each: {
        "histogram": {
            "sample_count": sum(each),
            "sample_sum": value,
            "schema": 2,
            "positive_span": [{"offset": -1, "length": len(each)}],
            "positive_delta": [after - before for before, after in itertools.pairwise([0, *each])],
        }
    },
}


@st.composite
def binary_families(draw):
    """A family message of any type with any labels, and what stands in it: labels and value, or counts."""
    kind = draw(st.sampled_from(sorted(metrics_of)))
    found, said = [], []
    for labels in draw(st.lists(st.dictionaries(texts.filter(bool), texts, max_size=3), max_size=4)):
        labels.pop("__name__", None)
        value, each = draw(values), draw(counts)
        encoded = [Label(name=name, value=text).SerializeToString() for name, text in labels.items()]
        found.append({"label": encoded, **metrics_of[kind](value, each)})
        said.append((tuple(labels.items()), value, tuple(map(float, each)) if kind == HISTOGRAM else None))
    name = draw(texts.filter(bool))
    return name, family(name, kind, *found), said


@given(st.lists(binary_families(), max_size=4))
@settings(max_examples=EXAMPLES, deadline=None)
def test_binary_pages_are_read_as_they_were_written(families) -> None:
    """Any names, labels, values and buckets survive, at the first sight and whenever they come back."""
    slots: dict = {}
    known = KnownFamilies(lambda pairs, _: slots.setdefault(pairs, len(slots)), has_natives=True, has_classics=False)
    pages = [families, families, families[::-1], families[:1], families]
    for page in pages:
        _assert_is_read(known, slots, page)


def _assert_is_read(known: KnownFamilies, slots: dict, families) -> None:
    page = protobuf_page(*(message for _, message, _ in families))
    said = [((("__name__", name), *labels), value, each) for name, _, rows in families for labels, value, each in rows]
    reading = known.read(page)
    assert reading.slots.tolist() == [slots[pairs] for pairs, _, _ in said]
    for at, (_, value, each) in enumerate(said):
        if each is None:
            found = reading.values[at]
            assert found == value or (math.isnan(found) and math.isnan(value))
        else:
            assert reading.natives[at].histogram.positive_counts == each
    assert not is_stale(reading.values).any()


@given(st.lists(binary_families(), min_size=1, max_size=3), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_are_a_binary_page_or_refused(families, data) -> None:
    """A page with a hole, a flipped byte or an end too early is read or refused, and nothing else happens."""
    page = bytearray(protobuf_page(*(message for _, message, _ in families)))
    place = data.draw(st.integers(0, max(len(page) - 1, 0)))
    match data.draw(st.sampled_from(["flip", "cut", "drop"])):
        case "flip" if page:
            page[place] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del page[place:]
        case _:
            del page[place : place + 1]
    known = KnownFamilies(lambda *_: 0, has_natives=True, has_classics=True)
    try:
        reading = known.read(bytes(page))
    except ExpositionError:
        return
    assert len(reading.slots) == len(reading.values)
