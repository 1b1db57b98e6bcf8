"""Unit tests of single lines of an exposition."""

from __future__ import annotations

import math

import pytest

from anyascope.model.metrics import MetricType
from anyascope.wire.exposition.lines import ExpositionError, Format, format_bound, parse_line, parse_value

TEXT, OPEN = Format.TEXT, Format.OPENMETRICS


def line(text: str, form: Format = TEXT, family_type: MetricType = MetricType.UNKNOWN):
    return parse_line(text.encode(), form=form, number=7, family_type=family_type)


@pytest.mark.parametrize("form", [Format.TEXT, Format.OPENMETRICS])
@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a 1", (("__name__", "a"),)),
        ("a:b_c2 1", (("__name__", "a:b_c2"),)),
        ("a{} 1", (("__name__", "a"),)),
        ('a{b="c"} 1', (("__name__", "a"), ("b", "c"))),
        ('a{z="1",b="2",} 1', (("__name__", "a"), ("z", "1"), ("b", "2"))),
        ('a{b=""} 1', (("__name__", "a"), ("b", ""))),
        ('a{b="x y # {} 1"} 1', (("__name__", "a"), ("b", "x y # {} 1"))),
        ('a{b="q\\"q\\\\n\\nn\\t"} 1', (("__name__", "a"), ("b", 'q"q\\n\nn\\t'))),
        ('a{b="été,=}"} 1', (("__name__", "a"), ("b", "été,=}"))),
        ('{"http.status",le="1"} 1', (("__name__", "http.status"), ("le", "1"))),
        ('{"http.status"} 1', (("__name__", "http.status"),)),
        ('{a="b","x.y"} 1', (("__name__", "x.y"), ("a", "b"))),
        ('x{"my.label"="v","z"="w"} 1', (("__name__", "x"), ("my.label", "v"), ("z", "w"))),
        ('{"quo\\"ted"} 1', (("__name__", 'quo"ted'),)),
    ],
)
def test_takes_a_series_apart(form: Format, text: str, pairs) -> None:
    """Names, labels and quoted UTF-8 names read alike in both formats."""
    assert line(text, form).pairs == pairs


@pytest.mark.parametrize(
    "text", ['a { b = "c" , d="e" , } 1', 'a{b="c",d="e"}1', '\ta{b="c",\td="e"}\t1', 'a{b="c" ,d="e"}   1  ']
)
def test_blanks_part_tokens_of_the_text_format(text: str) -> None:
    """The text format lets blanks and tabs stand between any two tokens."""
    assert line(text).pairs == (("__name__", "a"), ("b", "c"), ("d", "e"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-1.5e3", -1500.0),
        ("+0x", None),
        (".5", 0.5),
        ("5.", 5.0),
        ("Inf", math.inf),
        ("+Inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1_000", None),
        ("0x1p-2", None),
        ("0x10", None),
        ("1e999", None),
        ("1e-999", 0.0),
        ("one", None),
        ("1,5", None),
        ("", None),
        ("infinite", None),
        ("9223372036854775807", 9.223372036854775807e18),
    ],
)
def test_reads_numbers_as_upstream(text: str, value: float | None) -> None:
    """Decimal numbers and infinities in any case are values; what only Python or only Go would take is none."""
    if value is None:
        with pytest.raises(ValueError, match=r"not a number|out of the range"):
            parse_value(text.encode())
    else:
        assert parse_value(text.encode()) == value


@pytest.mark.parametrize("text", ["NaN", "nan", "-NaN"])
def test_reads_nan(text: str) -> None:
    """NaN is a value, in any case and with any sign."""
    assert math.isnan(parse_value(text.encode()))


def test_text_time_is_in_milliseconds() -> None:
    """The text format's time is whole milliseconds, before 1970 too."""
    assert [line("a 1 1700000000123").time_ms, line("a 1 -5").time_ms, line("a 1").time_ms] == [1700000000123, -5, None]


def test_openmetrics_time_is_in_seconds() -> None:
    """OpenMetrics' time is seconds with decimals."""
    assert line("a 1 1700000000.123", OPEN).time_ms == 1700000000123


def test_reads_an_exemplar() -> None:
    """An exemplar has labels, a value and perhaps a time."""
    sample = line('a_bucket{le="1.0"} 5 # {trace_id="ab c",x="}"} 0.67 1700000000.5', OPEN)
    assert sample.exemplar is not None
    assert (sample.exemplar.labels, sample.exemplar.value) == ((("trace_id", "ab c"), ("x", "}")), 0.67)
    assert (sample.value, sample.time_ms, sample.exemplar.time_ms) == (5.0, None, 1700000000500)


def test_reads_an_exemplar_behind_a_time() -> None:
    """Sample and exemplar each have their own time."""
    sample = line("a_total 5 1.5 # {} 1", OPEN)
    assert sample.exemplar is not None
    assert (sample.time_ms, sample.exemplar.labels, sample.exemplar.time_ms) == (1500, (), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a metric name at column 1, got the end of the line"),
        ("{} 1", "expected a metric name at column 3, got ' 1'"),
        ("1a 1", "expected a metric name at column 1"),
        ("a", "expected a value at column 2, got the end of the line"),
        ("a b", r"expected a value \(not a number\) at column 3, got 'b'"),
        ("a{b} 1", "expected = after the label name at column 4"),
        ("a{b=} 1", "expected a quoted label value at column 5"),
        ("a{b='c'} 1", "expected a quoted label value at column 5"),
        ('a{b="c} 1', "expected a quoted label value at column 5"),
        ('a{b="c"', "expected a comma or a closing brace at column 8, got the end of the line"),
        ('a{,b="c"} 1', "expected a label name at column 3"),
        ('a{b="c",,} 1', "expected a label name at column 9"),
        ('a{b="c"d="e"} 1', "expected a comma or a closing brace at column 8"),
        ('a{1b="c"} 1', "expected a label name at column 3"),
        ('a{b="c",b="d"} 1', "label 'b' is given twice"),
        ('a{__name__="d"} 1', "label '__name__' is given twice"),
        ('{"a","b"} 1', "the metric's name is given twice at column 9"),
        ('a{"b"} 1', "expected = after the label name"),
        ("a 1 2 3", "expected the end of the line at column 6, got ' 3'"),
        ("a 1 2.5", "expected a time in whole milliseconds at column 5, got '2.5'"),
        ("a 1 99999999999999999999", "expected a time in whole milliseconds"),
    ],
)
def test_tells_what_was_wanted_where(text: str, message: str) -> None:
    """A broken line is refused with its number, the column, what was wanted and what stands there."""
    with pytest.raises(ExpositionError, match=message) as caught:
        line(text)
    assert caught.value.line == 7
    assert str(caught.value).startswith("line 7: ")


@pytest.mark.parametrize(
    "text",
    [
        'a{b="c", d="e"} 1',
        'a {b="c"} 1',
        "a  1",
        "a 1 ",
        " a 1",
        "a\t1",
        "a 1 NaN",
        "a 1 Inf",
        'a 1 # {b="c"}',
        'a 1 #{b="c"} 1',
        'a 1 # {"b"} 1',
        'a 1 # {b="c"} 1 2 3',
        'a 1 # {b="c",b="d"} 1',
        'a 1 # b="c"} 1',
    ],
)
def test_openmetrics_is_strict(text: str) -> None:
    """OpenMetrics allows single blanks only where tokens part, finite times, and whole exemplars."""
    with pytest.raises(ExpositionError):
        line(text, OPEN)


def test_refuses_what_is_no_utf8() -> None:
    """Labels are UTF-8."""
    with pytest.raises(ExpositionError, match="expected UTF-8"):
        parse_line(b'a{b="\xff"} 1', form=TEXT, number=1, family_type=MetricType.UNKNOWN)


@pytest.mark.parametrize(
    ("kind", "text", "bound"),
    [
        (MetricType.HISTOGRAM, 'a_bucket{le="1"} 1', "1.0"),
        (MetricType.HISTOGRAM, 'a_bucket{le="+Inf"} 1', "+Inf"),
        (MetricType.HISTOGRAM, 'a_bucket{le="inf"} 1', "+Inf"),
        (MetricType.HISTOGRAM, 'a_bucket{le="1000000"} 1', "1e+06"),
        (MetricType.HISTOGRAM, 'a_bucket{le="wide"} 1', "wide"),
        (MetricType.SUMMARY, 'a{quantile="0.50"} 1', "0.5"),
        (MetricType.GAUGE, 'a{le="1"} 1', "1"),
        (MetricType.SUMMARY, 'a{le="1"} 1', "1"),
    ],
)
def test_writes_bounds_in_one_way(kind: MetricType, text: str, bound: str) -> None:
    """Bounds of histograms and ranks of summaries read the same whichever format and client wrote them."""
    assert line(text, family_type=kind).pairs[1][1] == bound


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (-1.0, "-1.0"),
        (0.25, "0.25"),
        (123456.0, "123456.0"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
        (-2.5e-7, "-2.5e-07"),
        (1.5e300, "1.5e+300"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_formats_bounds_as_go_does(value: float, text: str) -> None:
    """A bound is written with a point or an exponent, the exponent from 1e6 on."""
    assert format_bound(value) == text


@pytest.mark.parametrize(
    ("text", "form", "head"),
    [
        ('a{b="c"} 1', TEXT, b'a{b="c"}'),
        ("a 1 5", TEXT, b"a"),
        ("a   1", TEXT, b"a  "),
        ('a{b="c",} 1 5', TEXT, b'a{b="c",}'),
        ("a\t1", TEXT, b""),
        ('a{b="c"}1', TEXT, b""),
        ("a 1 # {} 1", OPEN, b"a"),
        ("a 1 5 # {} 1", OPEN, b"a"),
    ],
)
def test_the_head_is_what_stands_before_the_value(text: str, form: Format, head: bytes) -> None:
    """What may be remembered of a line is what stands before the blank before its value."""
    assert line(text, form).head == head
