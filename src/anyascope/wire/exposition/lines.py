"""One line of an exposition, taken apart."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from anyascope.errors import InvalidInputError
from anyascope.model.labels import METRIC_NAME
from anyascope.model.metrics import MetricType

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs as a line has them: in its order, the metric's name first, empty values included."""

EXCERPT_CHARS_MAX = 120  # how much of a broken line an error shows; a target's page fits in one screen

BOUNDS_REMEMBERED = 4096  # texts of bounds; histograms share a few dozen
_MS_PER_S = 1000
VALUE_BYTES = b"0123456789.eE+-INFTYinftyAa"  # decimal numbers, Inf, Infinity and NaN in any case
_EXPONENT_MIN = -4  # Go's 'g': an exponent below this, or from the next on, is written out
_EXPONENT_MAX = 6


class Format(Enum):
    """Which format a body is in: two of text lines, one of protobuf."""

    TEXT = "text/plain"
    OPENMETRICS = "application/openmetrics-text"
    PROTOBUF = "application/vnd.google.protobuf"


class ExpositionError(InvalidInputError):
    """A body that is not in its format. `line` counts from 1; 0 where the fault belongs to no line."""

    code = "invalid_exposition"

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(message, path=f"line {line}" if line else "")
        self.line = line


@dataclass(frozen=True, slots=True)
class LineExemplar:
    """An exemplar as its line has it; `time_ms` is None where the line gives no time."""

    labels: Pairs
    value: float
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One sample. `time_ms` (UTC milliseconds) is None where the line gives no time.

    `head` is the line up to the blank before its value, empty where no blank stands there. Two lines of one format with
    the same head are of the same series, and no head is another one with a value behind it.
    """

    pairs: Pairs
    value: float
    time_ms: int | None = None
    exemplar: LineExemplar | None = None
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The tokens of one format, each with the blanks that may stand before it."""

    name: re.Pattern[bytes]
    brace_open: re.Pattern[bytes]
    label_name: re.Pattern[bytes]
    equals: re.Pattern[bytes]
    quoted: re.Pattern[bytes]
    comma: re.Pattern[bytes]
    brace_close: re.Pattern[bytes]
    value: re.Pattern[bytes]
    exemplar: re.Pattern[bytes]
    end: re.Pattern[bytes]


def _grammar(*, blank: bytes, value_blank: bytes) -> _Grammar:
    return _Grammar(
        name=re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*"),
        brace_open=re.compile(blank + rb"\{"),
        label_name=re.compile(blank + rb'(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")'),
        equals=re.compile(blank + rb"="),
        quoted=re.compile(blank + rb'"((?:[^"\\]|\\.)*)"'),
        comma=re.compile(blank + rb","),
        brace_close=re.compile(blank + rb"\}"),
        value=re.compile(value_blank + rb"([^ \t]+)"),
        exemplar=re.compile(rb" # \{"),
        end=re.compile(blank + rb"$"),
    )


_GRAMMARS = {
    # The text format lets blanks stand between any two tokens; OpenMetrics wants single ones and only where they part.
    Format.TEXT: _grammar(blank=rb"[ \t]*", value_blank=rb"[ \t]*"),
    Format.OPENMETRICS: _grammar(blank=rb"", value_blank=rb" "),
}


# The shape of nearly all lines: legal in both formats, nothing quoted or escaped, no time, no exemplar. One match takes
# it apart in a sixth of the time that the cursor needs.
_LABEL = rb'[a-zA-Z_][a-zA-Z0-9_]*="[^"\\]*"'
_PLAIN = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:" + _LABEL + rb"(?:," + _LABEL + rb")*,?)?)\})? ([0-9.eE+-]+|\+Inf|-Inf|NaN)"
)
_PLAIN_PAIR = re.compile(r'([^=,]+)="([^"]*)"')


def parse_line(line: bytes, *, form: Format, number: int, family_type: MetricType) -> SampleLine:
    """The sample of one line that is neither empty nor a comment.

    Args:
        line: without its line feed.
        form: the body's format.
        number: the line's number from 1, for errors.
        family_type: the type that the last `# TYPE` above it declares: the bounds of histograms and the ranks of
            summaries are written in one way (`le="1"` is `le="1.0"`), so that both formats give the same series.

    Raises:
        ExpositionError: it is not a sample; the message says what was wanted where.

    Source: Prometheus exposition formats 0.0.4; OpenMetrics 1.0; Prometheus 3 for quoted UTF-8 names and `le`.
    """
    return _plain_line(line, family_type) or _any_line(line, form=form, number=number, family_type=family_type)


def _plain_line(line: bytes, family_type: MetricType) -> SampleLine | None:
    found = _PLAIN.fullmatch(line)
    if found is None:
        return None
    try:
        labels = (found.group(2) or b"").decode()
        value = parse_value(found.group(3))
    except ValueError:
        return None  # the cursor finds the place
    pairs = [(METRIC_NAME, found.group(1).decode()), *_PLAIN_PAIR.findall(labels)]
    if len({name for name, _ in pairs}) != len(pairs):
        return None
    return SampleLine(_normalised(pairs, family_type), value, head=line[: found.start(3) - 1])


def _any_line(line: bytes, *, form: Format, number: int, family_type: MetricType) -> SampleLine:
    cursor = _Cursor(line, grammar=_GRAMMARS[form], number=number)
    start = _GRAMMARS[form].name.match(line.lstrip(b" \t") if form is Format.TEXT else line)
    if form is Format.TEXT:
        cursor.skip_blanks()
    name = cursor.take(cursor.grammar.name) if start else None
    pairs: list[tuple[str, str]] = [] if name is None else [(METRIC_NAME, name.group().decode())]
    if cursor.take(cursor.grammar.brace_open):
        cursor.labels(pairs, may_name=name is None)
    if not pairs or pairs[0][0] != METRIC_NAME:
        raise cursor.error("expected a metric name")
    value = cursor.number("value")
    head = line[: cursor.number_at - 1] if line[cursor.number_at - 1 : cursor.number_at] == b" " else b""
    time_ms = cursor.openmetrics_time() if form is Format.OPENMETRICS else cursor.text_time()
    exemplar = cursor.exemplar() if form is Format.OPENMETRICS else None
    if not cursor.take(cursor.grammar.end):
        raise cursor.error("expected the end of the line")
    _refuse_twice(pairs, cursor)
    return SampleLine(_normalised(pairs, family_type), value, time_ms, exemplar, head)


_PLAIN_EXEMPLAR = re.compile(
    rb" # \{((?:" + _LABEL + rb"(?:," + _LABEL + rb")*)?)\} ([0-9.eE+-]+)(?: ([0-9]+(?:\.[0-9]+)?))?"
)


def parse_exemplar(line: bytes, *, at: int, number: int) -> LineExemplar:
    """The exemplar of an OpenMetrics line, which begins at `at` and ends the line.

    Raises:
        ExpositionError: there is none, or not a whole one.
    """
    found = _PLAIN_EXEMPLAR.fullmatch(line, at)
    if found is not None:
        try:
            plain = _plain_exemplar(found)
        except ValueError:
            plain = None
        if plain is not None:
            return plain
    cursor = _Cursor(line, grammar=_GRAMMARS[Format.OPENMETRICS], number=number)
    cursor.at = at
    exemplar = cursor.exemplar()
    if exemplar is None or not cursor.take(cursor.grammar.end):
        raise cursor.error("expected an exemplar")
    return exemplar


def _plain_exemplar(found: re.Match[bytes]) -> LineExemplar | None:
    pairs = _PLAIN_PAIR.findall(found.group(1).decode())
    if len({name for name, _ in pairs}) != len(pairs):
        return None  # the cursor finds the place
    time_ms = None if found.group(3) is None else int(float(found.group(3)) * _MS_PER_S)
    return LineExemplar(tuple(pairs), parse_value(found.group(2)), time_ms)


class _Cursor:
    """A place in one line."""

    def __init__(self, line: bytes, *, grammar: _Grammar, number: int) -> None:
        self.line = line
        self.at = 0
        self.number_at = 0  # where the last number began
        self.grammar = grammar
        self._number = number

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The token at the cursor, which moves behind it; None where another stands there."""
        match = pattern.match(self.line, self.at)
        if match:
            self.at = match.end()
        return match

    def skip_blanks(self) -> None:
        """Move to the next byte that is not blank."""
        self.at = len(self.line) - len(self.line[self.at :].lstrip(b" \t"))

    def error(self, wanted: str) -> ExpositionError:
        """What was wanted here and what stands here."""
        found = self.line[self.at : self.at + EXCERPT_CHARS_MAX].decode("utf-8", "replace")
        got = repr(found) if found else "the end of the line"
        return ExpositionError(f"{wanted} at column {self.at + 1}, got {got}", line=self._number)

    def labels(self, pairs: list[tuple[str, str]], *, may_name: bool) -> None:
        """Read up to the closing brace; a quoted text alone is the metric's name, where it has none yet."""
        while not self.take(self.grammar.brace_close):
            found = self.take(self.grammar.label_name)
            if found is None:
                raise self.error("expected a label name")
            name = self._text(found.group(1) if found.group(1) is not None else found.group(2))
            if self.take(self.grammar.equals):
                value = self.take(self.grammar.quoted)
                if value is None:
                    raise self.error("expected a quoted label value")
                pairs.append((name, self._text(value.group(1))))
            elif found.group(1) is not None or not may_name:
                raise self.error("expected = after the label name")
            elif pairs and pairs[0][0] == METRIC_NAME:
                raise self.error("the metric's name is given twice")
            else:
                pairs.insert(0, (METRIC_NAME, name))
            if not self.take(self.grammar.comma) and not self.grammar.brace_close.match(self.line, self.at):
                raise self.error("expected a comma or a closing brace")

    def _text(self, raw: bytes) -> str:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise self.error("expected UTF-8") from None
        return unescape(text) if "\\" in text else text

    def number(self, what: str) -> float:
        """The number at the cursor."""
        found = self.take(self.grammar.value)
        if found is None:
            raise self.error(f"expected a {what}")
        self.number_at = found.start(1)
        try:
            return parse_value(found.group(1))
        except ValueError as fault:
            self.at = found.start(1)
            raise self.error(f"expected a {what} ({fault})") from None

    def text_time(self) -> int | None:
        """Whole milliseconds, where any follow."""
        found = self.take(self.grammar.value)
        if found is None:
            return None
        try:
            return parse_integer(found.group(1))
        except ValueError:
            self.at = found.start(1)
            raise self.error("expected a time in whole milliseconds") from None

    def openmetrics_time(self) -> int | None:
        """Milliseconds of decimal seconds, where any follow."""
        found = self.grammar.value.match(self.line, self.at)
        if found is None or found.group(1).startswith(b"#"):
            return None
        seconds = self.number("time in seconds")
        if not math.isfinite(seconds):
            raise self.error("expected a finite time")
        return int(seconds * _MS_PER_S)

    def exemplar(self) -> LineExemplar | None:
        """The exemplar, where one follows."""
        if not self.take(self.grammar.exemplar):
            return None
        pairs: list[tuple[str, str]] = []
        self.labels(pairs, may_name=False)
        _refuse_twice(pairs, self)
        value = self.number("exemplar value")
        return LineExemplar(tuple(pairs), value, self.openmetrics_time())


def parse_value(text: bytes) -> float:
    """A sample's value: a decimal number, `Inf`, `Infinity` or `NaN` with any sign and in any case.

    Raises:
        ValueError: it is none of these, or too large for 64 bits.

    Source: Go's ParseFloat as Prometheus narrows it: neither hexadecimal nor underscores.
    """
    if text.translate(None, VALUE_BYTES):
        raise ValueError("not a number")
    try:
        value = float(text)
    except ValueError:
        raise ValueError("not a number") from None
    if math.isinf(value) and b"n" not in text.lower():
        raise ValueError("out of the range of 64 bits")
    return value


def parse_time(text: bytes, *, form: Format) -> int:
    """Milliseconds of a line's own time: whole milliseconds in the text format, seconds in OpenMetrics.

    Raises:
        ValueError: it is not a time.
    """
    if form is Format.TEXT:
        return parse_integer(text)
    seconds = parse_value(text)
    if not math.isfinite(seconds):
        raise ValueError("not a finite time")
    return int(seconds * _MS_PER_S)


def parse_integer(text: bytes) -> int:
    """A whole number in decimal digits.

    Raises:
        ValueError: it is not one, or does not fit 64 bits.
    """
    digits = text[1:] if text.startswith(b"-") else text
    if not digits.isdigit():
        raise ValueError("not a whole number")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError("out of the range of 64 bits")
    return value


def unescape(text: str) -> str:
    r"""The text with `\\`, `\"` and `\n` taken for what they mean; any other backslash stands for itself."""
    return _ESCAPE.sub(lambda found: _ESCAPES[found.group()], text)


_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_ESCAPE = re.compile(r'\\[\\"n]')


def _refuse_twice(pairs: list[tuple[str, str]], cursor: _Cursor) -> None:
    if len({name for name, _ in pairs}) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            cursor.at = 0
            raise cursor.error(f"label {name!r} is given twice")
        seen.add(name)


def _normalised(pairs: list[tuple[str, str]], family_type: MetricType) -> Pairs:
    bound = _BOUND_LABELS.get(family_type)
    if bound is None:
        return tuple(pairs)
    return tuple((name, _canonical(value) if name == bound else value) for name, value in pairs)


_BOUND_LABELS = {MetricType.HISTOGRAM: "le", MetricType.SUMMARY: "quantile"}


@lru_cache(maxsize=BOUNDS_REMEMBERED)
def _canonical(text: str) -> str:
    try:
        return format_bound(parse_value(text.encode()))
    except ValueError:
        return text  # left as it is: the line is of use without it, as upstream has it


def format_bound(value: float) -> str:
    """A bucket's bound as OpenMetrics writes it: always with a point or an exponent, such as `1.0` or `1e+06`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # repr() has the shortest digits that mean this number, as Go's 'g' has; only the threshold of the exponent differs.
    sign, digits, power = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(power, int)
    exponent = len(digits) + power - 1
    if value != 0 and not _EXPONENT_MIN <= exponent < _EXPONENT_MAX:
        text = "".join(map(str, digits))
        mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
        return f"{'-' * sign}{mantissa}e{exponent:+03d}"
    plain = f"{Decimal(repr(value)):f}"
    return plain if "." in plain else f"{plain}.0"
