"""Text for terminals."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.cli.show import ago, duration, local_time, read_time, relative, size
from anyascope.cli.terminal import Cell, ReaderLeftError, Style, Terminal, clean, clean_json, columns_of, cut, sparkline

S = 1_000_000_000


def terminal_of(*, is_tty, width=80):
    out = io.StringIO()
    return Terminal(out, is_tty=is_tty, width=width), out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 🚨", "plain ü 🚨"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b1m", r"\x9b1m"),
        ("\u202eevil", r"\u202eevil"),
        ("\x7f\0", r"\x7f\x00"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text, shown):
    """Others' text cannot recolour, retitle, erase or reverse anything."""
    assert clean(text) == shown


@settings(deadline=None)
@given(st.text())
def test_cleaned_text_has_no_control_characters(text):
    """Whatever a log says."""
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in clean(text))


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False) | st.none()))
def test_cleaned_json_means_the_same(document):
    """It reads back as it was, and holds no control byte but its own line breaks."""
    cleaned = clean_json(json.dumps(document, ensure_ascii=False, indent=1))
    assert json.loads(cleaned) == document
    assert "\x9b" not in cleaned


def test_a_pipe_gets_no_colours_and_no_cuts():
    """Programs read what was said."""
    terminal, out = terminal_of(is_tty=False)
    terminal.table(["a", "b"], [[Cell("x" * 200, Style.RED), Cell("1", is_number=True)]])
    assert out.getvalue() == f"{'a':200}  b\n{'x' * 200}  1\n"


def test_a_terminal_gets_colours_and_its_width():
    """The widest column is cut, an id is not."""
    terminal, out = terminal_of(is_tty=True, width=60)
    terminal.table(["text", "id"], [[Cell("x" * 200, Style.RED), Cell("i" * 32, is_whole=True)]])
    header, row = out.getvalue().splitlines()
    assert row == f"\x1b[31m{'x' * 25}…\x1b[0m  {'i' * 32}"
    assert "\x1b[2mtext" in header


def test_colours_can_be_declined(monkeypatch):
    """NO_COLOR is obeyed."""
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, _ = terminal_of(is_tty=True)
    assert terminal.paint("x", Style.RED) == "x"


def test_columns_that_cannot_be_cut_further_are_left_to_the_terminal():
    """A table of many narrow columns is printed whole."""
    terminal, out = terminal_of(is_tty=True)
    terminal.table(["h" * 9] * 12, [[Cell("c" * 9)] * 12])
    assert out.getvalue()


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("⚠\ufe0f", 1), ("🚨", 2)])
def test_columns_are_what_a_terminal_takes(text, columns):
    """Wide letters take two, accents none."""
    assert columns_of(text) == columns


@settings(deadline=None)
@given(st.text("ab日e\u0301"), st.integers(1, 12))
def test_a_cut_text_fits(text, width):
    """And is whole where it fitted."""
    assert columns_of(cut(text, width)) <= width
    assert cut(text, 100) == text


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([0.0, 1.0, 2.0, 7.0], "▁▂▃█"),
        ([0.0, None, 7.0], "▁ █"),
        ([None, None], "  "),
        ([-1.7e308, 1.7e308], "▁█"),
        ([1.0, 9.0, 1.0, 1.0], "█▁"),
    ],
)
def test_a_course_is_drawn_in_eighths(values, bars):
    """The largest value of each stretch, gaps where there is none."""
    assert sparkline(values, width=2 if values == [1.0, 9.0, 1.0, 1.0] else 8) == bars


@pytest.mark.parametrize(
    ("duration_ns", "shown"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.5 µs"),
        (81_000_000, "81 ms"),
        (999_999_999, "999 ms"),
        (1_234_000_000, "1.23 s"),
        (60 * S, "1 m 0 s"),
        (3_725 * S, "1 h 2 m"),
        (90_000 * S, "1 d 1 h"),
    ],
)
def test_a_duration_is_short(duration_ns, shown):
    """Three digits at most, then two units."""
    assert duration(duration_ns) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "0.977 KiB"), (200 * 2**20, "200 MiB"), (2**60, "1.02e+03 PiB")],
)
def test_a_size_is_short(count, shown):
    """Powers of 1024."""
    assert size(count) == shown


def test_times_are_shown_in_the_readers_zone(monkeypatch):
    """The zone stands beside."""
    shown = local_time("2026-11-23T22:51:00.123456789Z")
    assert read_time("2026-11-23T22:51:00.123456789Z").timestamp() == 1_795_474_260.123456
    assert shown[10] == " "
    assert shown[19:23] == ".123"
    assert shown[23] in "+-"


def test_how_long_ago_something_was():
    """Also what is not known, and a clock that is a little behind."""
    now = read_time("2026-11-23T22:51:00.5Z")
    assert ago("2026-11-23T22:50:00.5Z", now=now) == "1 m 0 s"
    assert ago("2026-11-23T22:51:00.6Z", now=now) == "now"
    assert ago(None, now=now) == "-"


@pytest.mark.parametrize(
    ("given", "meant"),
    [("1h", "-1h"), ("-1h", "-1h"), ("2026-11-23T22:51:00Z", "2026-11-23T22:51:00Z"), ("1763938260", "1763938260")],
)
def test_since_takes_a_bare_duration(given, meant):
    """`--since 1h` is an hour ago."""
    assert relative(given) == meant


class _Closed(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_left_is_no_failure():
    """Typer takes a broken pipe for a failure of the command, so that it is told as something else."""
    with pytest.raises(ReaderLeftError):
        Terminal(_Closed(), is_tty=False, width=80).line("x")
    with pytest.raises(ReaderLeftError):
        Terminal(_Closed(), is_tty=False, width=80).flush()
