"""Properties of reading expositions."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.model.metrics import MetricType, is_stale
from anyascope.wire.exposition.document import parse_exposition
from anyascope.wire.exposition.known import KnownLines
from anyascope.wire.exposition.lines import ExpositionError, Format, format_bound, parse_line, parse_value

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
