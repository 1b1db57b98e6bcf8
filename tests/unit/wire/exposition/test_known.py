"""Unit tests of recognising lines that were read before."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.model.metrics import MetricType, is_stale
from anyascope.wire.exposition.known import HEADS_SPARE, KnownLines
from anyascope.wire.exposition.lines import ExpositionError, Format


class Book:
    """Numbers label sets and remembers how often it was asked."""

    def __init__(self) -> None:
        self.slots: dict = {}
        self.kinds: dict = {}
        self.asked = 0
        self.lines = KnownLines(self)

    def __call__(self, pairs, kind) -> int:
        self.kinds[pairs] = kind
        self.asked += 1
        return self.slots.setdefault(pairs, len(self.slots))

    def read(self, body: bytes, form: Format = Format.TEXT):
        return self.lines.read(body, form=form)


def test_asks_once_for_a_series() -> None:
    """A series is taken apart at its first sight; later only its number is read."""
    book = Book()
    first = book.read(b'a{b="c"} 1\nd 2\n')
    second = book.read(b'a{b="c"} 3\nd 4\n')
    assert (first.slots.tolist(), first.values.tolist()) == ([0, 1], [1.0, 2.0])
    assert (second.slots.tolist(), second.values.tolist()) == ([0, 1], [3.0, 4.0])
    assert book.asked == 2


def test_recognises_in_any_order() -> None:
    """Lines may move, vanish and come back."""
    book = Book()
    book.read(b"a 1\nb 2\nc 3\n")
    assert book.read(b"c 4\na 5\n").slots.tolist() == [2, 0]
    assert book.read(b"b 6\n").slots.tolist() == [1]


def test_reads_times_and_exemplars_each_time() -> None:
    """A line with a time or an exemplar is read whole, and keeps its series' number."""
    book = Book()
    body = b'a 1 5.5\nb_total 2 # {t="%d"} 9\nc 3\n# EOF\n'
    for number in (1, 2):
        reading = book.read(body % number, Format.OPENMETRICS)
        assert reading.slots.tolist() == [0, 1, 2]
        assert reading.times_ms == {0: 5500}
        assert reading.exemplars[1].labels == (("t", str(number)),)
    assert book.asked == 3


def test_reads_times_of_known_series() -> None:
    """A known series with a time of its own is recognised, whichever time; a bad time is told."""
    book = Book()
    book.read(b"a 1 5\nb 2\n")
    reading = book.read(b"a 3 6\nb 4 -7\n")
    assert (reading.values.tolist(), reading.times_ms, book.asked) == ([3.0, 4.0], {0: 6, 1: -7}, 2)
    with pytest.raises(ExpositionError, match="line 1: expected a time in whole milliseconds"):
        book.read(b"a 3 x\n")
    with pytest.raises(ExpositionError, match="line 1: expected a value"):
        book.read(b"a x 3\n")


@pytest.mark.parametrize(
    "exemplar", ['{t="}"}', '{t="a\\"b"} 1', '{t="x",t="y"} 1', "{} 1", "{} 1 2 3", "{} x", "{} 1 NaN", '{t="x"} 1e999']
)
def test_reads_exemplars_of_known_series_by_the_same_rules(exemplar: str) -> None:
    """An exemplar reads, or fails, alike whether its series is known or not."""
    body = f"a_total 1 # {exemplar}\n# EOF\n".encode()
    outcomes = []
    for before in (b"# EOF\n", b"a_total 5\n# EOF\n"):
        book = Book()
        book.read(before, Format.OPENMETRICS)
        try:
            outcomes.append(book.read(body, Format.OPENMETRICS).exemplars)
        except ExpositionError:
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]


def test_gives_the_same_metadata_object() -> None:
    """Comments that do not change are not read again."""
    book = Book()
    first = book.read(b"# TYPE a gauge\na 1\n").metadata
    assert book.read(b"# TYPE a gauge\na 2\n").metadata is first
    changed = book.read(b"# TYPE a counter\na 2\n").metadata
    assert changed[0].type is MetricType.COUNTER


def test_knows_the_family_of_a_new_line_among_known_ones() -> None:
    """A bucket that appears later is written as its family's others."""
    book = Book()
    book.read(b'# TYPE h histogram\nh_bucket{le="1"} 1\n# TYPE g gauge\ng{le="1"} 1\n')
    book.read(b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 1\n# TYPE g gauge\ng{le="1"} 1\n')
    assert [dict(pairs)["le"] for pairs in book.slots] == ["1.0", "1", "2.0"]


@pytest.mark.parametrize("text", [b"x", b"1_0", b"1\r", b"", b"1e999", b"0x1", b"--1", b"nope"])
def test_refuses_a_bad_value_of_a_known_line(text: bytes) -> None:
    """A known line with something else than a number is refused with its line, like a new one."""
    book = Book()
    book.read(b"z 1\na 1\n")
    with pytest.raises(ExpositionError, match=r"line 2: expected a value"):
        book.read(b"z 1\na " + text + b"\n")


@pytest.mark.parametrize("body", [b"a 1\nb x\n", b"a 1\nb{ 1\n", b"# TYPE a what\na 1\n"])
def test_goes_on_after_a_broken_page(body: bytes) -> None:
    """A broken page is refused; the next good one is read."""
    book = Book()
    with pytest.raises(ExpositionError):
        book.read(body)
    assert book.read(b"a 1\nb 2\n").values.tolist() == [1.0, 2.0]


def test_no_nan_passes_for_a_staleness_marker() -> None:
    """Whatever NaN a target sends, it is the ordinary one."""
    book = Book()
    for _ in range(2):
        values = book.read(b"a NaN\nb -nan\n").values
        assert np.isnan(values).all()
        assert not is_stale(values).any()


def test_blanks_behind_known_lines_mean_what_they_mean_elsewhere() -> None:
    """Tabs and trailing blanks are read as of a new line."""
    book = Book()
    book.read(b"a 1\nb 1\n")
    reading = book.read(b"a 2\t\nb 3\t7\n")
    assert (reading.values.tolist(), reading.times_ms) == ([2.0, 3.0], {1: 7})


def test_infinities_are_values_of_known_lines() -> None:
    """Inf and -Inf are read of known lines too."""
    book = Book()
    book.read(b"a 1\nb 1\n")
    assert book.read(b"a +Inf\nb -Inf\n").values.tolist() == [np.inf, -np.inf]


def test_the_other_format_is_learnt_anew() -> None:
    """A target that changes its format is read by the other rules."""
    book = Book()
    book.read(b"a 1\n")
    assert book.read(b"a 2\n# EOF\n", Format.OPENMETRICS).values.tolist() == [2.0]
    with pytest.raises(ExpositionError, match="does not end with # EOF"):
        book.read(b"a 3\n", Format.OPENMETRICS)


def test_forgets_heads_that_do_not_come_again() -> None:
    """A target whose labels change with every page does not fill the memory."""
    book = Book()
    for page in range(20):
        book.read(b"".join(b'a{page="%d",row="%d"} 1\n' % (page, row) for row in range(200)))
    assert len(book.lines._slots) <= 2 * 200 + HEADS_SPARE


def test_reads_aligned_columns_fast_too() -> None:
    """Several blanks before the value are part of what is recognised."""
    book = Book()
    book.read(b"a    1\n")
    assert book.read(b"a    2\n").values.tolist() == [2.0]
    assert book.asked == 1
