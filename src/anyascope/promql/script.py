"""Test scripts for PromQL: samples to load, queries to ask, answers to expect.

The format is the one of Prometheus' own engine tests (`promql/promqltest`, version 3.14): commands `clear`,
`load <step>` with series in the expanding notation (`0+10x5`), `eval instant at <time> <query>` and
`eval range from <time> to <time> step <step> <query>` with `expect` lines and the series that are expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from anyascope.errors import InvalidInputError
from anyascope.frames.histogram import NativeHistogram, ResetHint
from anyascope.model.labels import METRIC_NAME, Labels, labels_of
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.lexer import unquoted
from anyascope.promql.natives import MixedSchemasError, added, compacted, subtracted
from anyascope.wire.durations import parse_duration_ms

EXPANSION_MAX = 1_000_000  # samples that one item may stand for

_NUMBER = r"(?:[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))"
_ITEM = re.compile(rf"({_NUMBER})(?:([+-])({_NUMBER}))?(?:x(\d+))?", re.IGNORECASE)
_HISTOGRAMS = re.compile(r"\{\{([^}]*)\}\}(?:([+-])\{\{([^}]*)\}\})?(?:x(\d+))?")
_PART = re.compile(r"\s*([a-z_]+):(\[[^\]]*\]|\S+)")
_SCALAR = re.compile(rf"[+-]?0x[0-9a-f]+|{_NUMBER}", re.IGNORECASE)
_INSTANT = re.compile(r"(?:eval_(fail|warn|ordered|info)|eval)\s+instant\s+(?:at\s+(.+?))?\s+(.+)")
_RANGE = re.compile(r"(?:eval_(fail|warn|info)|eval)\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_EXPECT_RANGE = re.compile(r"expect\s+range\s+vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)")


class HintedHistogram(NativeHistogram):
    """A histogram whose reset hint is spelled out: it is expected, not only given by default."""

    __slots__ = ()


Item: TypeAlias = float | NativeHistogram | None
"""A value of a series: a number, a native histogram, or nothing at that step."""


@dataclass(frozen=True, slots=True)
class Row:
    """A series line: its labels, and its value at each step from the first."""

    labels: Labels
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all samples."""

    line: int


@dataclass(frozen=True, slots=True)
class Load:
    """Add samples: the value `i` of each row at `i * step_ms`.

    `has_custom_twins` asks for a native histogram with custom buckets beside each classic one; `has_start_times` says that
    start timestamps stand beside samples, which are not kept.
    """

    line: int
    step_ms: int
    rows: tuple[Row, ...]
    has_custom_twins: bool = False
    has_start_times: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """A message to find: by equality, by regular expression, or any."""

    how: str  # "", "msg" or "regex"
    text: str

    def fits(self, message: str) -> bool:
        """Whether this is the message."""
        if self.how == "msg":
            return message == self.text
        return not self.how or re.search(self.text, message) is not None


@dataclass(slots=True)
class Case:
    """A query and what is expected of it. `start_ms` is the time of an instant query, whose `step_ms` is 0."""

    line: int
    query: str
    start_ms: int
    end_ms: int
    step_ms: int
    rows: list[Row] = field(default_factory=list)
    scalar: float | None = None
    text: str | None = None
    matrix_steps: tuple[int, int, int] | None = None
    fails: list[Expectation] = field(default_factory=list)
    warnings: list[Expectation] = field(default_factory=list)
    infos: list[Expectation] = field(default_factory=list)
    is_ordered: bool = False
    is_without_warnings: bool = False
    is_without_infos: bool = False


Command: TypeAlias = Clear | Load | Case


def parse_script(text: str) -> list[Command]:
    """Read a script.

    Raises:
        InvalidInputError: a line cannot be read; `path` is `line N`.
    """
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        stripped = (line.strip() for line in text.split("\n"))
        self._lines = ["" if line.startswith("#") else line for line in stripped]
        self._next = 0

    def read(self) -> list[Command]:
        commands: list[Command] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            if line:
                try:
                    commands.append(self._command(line))
                except InvalidInputError as error:
                    raise InvalidInputError(error.message, path=error.path or f"line {self._next}") from error
        return commands

    def _command(self, line: str) -> Command:
        word = line.split(maxsplit=1)[0].lower()
        if word == "clear":
            return Clear(self._next)
        if word.startswith("load"):
            return self._load(line)
        if word.startswith("eval"):
            return self._case(line)
        raise InvalidInputError(f"expected clear, load or eval, got {word!r}")

    def _block(self) -> list[tuple[int, str]]:
        """The next lines up to an empty one, numbered."""
        begun = self._next
        while self._next < len(self._lines) and self._lines[self._next]:
            self._next += 1
        return list(enumerate(self._lines[begun : self._next], begun + 1))

    def _load(self, line: str) -> Load:
        number = self._next
        words = line.split()
        if len(words) != 2 or words[0] not in {"load", "load_with_nhcb"}:
            raise InvalidInputError(f"expected `load <step>`, got {line!r}")
        step_ms = _duration_ms(words[1])
        block = self._block()
        rows = [_placed_row(row, place) for place, row in block if not _is_start_times(row)]
        return Load(number, step_ms, tuple(rows), words[0] == "load_with_nhcb", len(rows) < len(block))

    def _case(self, line: str) -> Case:
        case, old = _case_of(line, self._next)
        if old in {"fail", "warn", "info"}:
            {"fail": case.fails, "warn": case.warnings, "info": case.infos}[old].append(Expectation("", ""))
        case.is_ordered = old == "ordered"
        while self._next < len(self._lines) and self._lines[self._next]:
            row = self._lines[self._next]
            self._next += 1
            if row.split(maxsplit=1)[0] == "expect":
                _expect(case, row)
            elif row.startswith("expected_fail_"):
                how, _, text = row.removeprefix("expected_fail_").partition(" ")
                case.fails = [Expectation("msg" if how == "message" else "regex", text.strip())]
            elif _SCALAR.fullmatch(row):
                case.scalar = float(int(row, 16)) if "0x" in row.lower() else float(row)
                break
            else:
                case.rows.append(parse_row(row))
        return case


def _is_start_times(line: str) -> bool:
    return line.split(maxsplit=1)[0].endswith("@st")


def _placed_row(line: str, place: int) -> Row:
    try:
        return parse_row(line)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, path=f"line {place}") from error


def _duration_ms(text: str) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


def _case_of(line: str, number: int) -> tuple[Case, str]:
    instant = _INSTANT.fullmatch(line)
    if instant is not None:
        at_ms = _duration_ms(instant.group(2) or "0")
        return Case(number, instant.group(3), at_ms, at_ms, 0), instant.group(1) or ""
    ranged = _RANGE.fullmatch(line)
    if ranged is None:
        raise InvalidInputError(f"expected `eval instant …` or `eval range …`, got {line!r}")
    start, end, step = (_duration_ms(ranged.group(index)) for index in (2, 3, 4))
    return Case(number, ranged.group(5), start, end, step), ranged.group(1) or ""


def _expect(case: Case, line: str) -> None:
    steps = _EXPECT_RANGE.fullmatch(line)
    if steps is not None:
        start, end, step = (_duration_ms(part) for part in steps.groups())
        case.matrix_steps = (start, end, step)
        return
    if line.startswith("expect string "):
        case.text = unquoted(line.removeprefix("expect string ").strip())
        return
    found = _EXPECT.fullmatch(line)
    if found is None:
        raise InvalidInputError(f"not an expectation: {line!r}")
    what, how, text = found.groups()
    expectation = Expectation(how or "", (text or "").strip())
    match what:
        case "ordered":
            case.is_ordered = True
        case "fail":
            case.fails.append(expectation)
        case "warn":
            case.warnings.append(expectation)
        case "info":
            case.infos.append(expectation)
        case "no_warn":
            case.is_without_warnings = True
        case _:
            case.is_without_infos = True


_ROW_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
_PAIR = re.compile(rf"\s*({_STRING.pattern}|[A-Za-z_][A-Za-z0-9_]*)\s*(?:=\s*({_STRING.pattern}))?\s*(,|(?=\}}))")


def parse_row(line: str) -> Row:
    """A series and its values in the expanding notation.

    Raises:
        InvalidInputError: the line is no such thing.
    """
    labels, rest = parse_series(line)
    return Row(labels, tuple(_items(rest)))


def parse_series(line: str) -> tuple[Labels, str]:
    """The label set at the beginning of a line such as `metric{label="value"} 1 2`, and what follows."""
    pairs: dict[str, str] = {}
    pos = 0
    name = _ROW_NAME.match(line)
    if name is not None:
        pairs[METRIC_NAME] = name.group()
        pos = name.end()
    if line[pos : pos + 1] == "{":
        pos += 1
        while (found := _PAIR.match(line, pos)) is not None and line[pos:].lstrip()[:1] != "}":
            left, right = found.group(1), found.group(2)
            key = unquoted(left) if left[0] in "\"'`" else left
            if right is None:
                pairs[METRIC_NAME] = key
            else:
                pairs[key] = unquoted(right)
            pos = found.end()
        rest = line[pos:].lstrip()
        if not rest.startswith("}"):
            raise InvalidInputError(f"expected labels, got {line[pos:]!r}")
        return labels_of(pairs), rest[1:]
    if name is None:
        raise InvalidInputError(f"expected a series, got {line!r}")
    return labels_of(pairs), line[pos:]


def _items(text: str) -> list[Item]:
    items: list[Item] = []
    pos = 0
    while pos < len(text):
        if text[pos].isspace():
            pos += 1
            continue
        histogram = _HISTOGRAMS.match(text, pos)
        if histogram is not None:
            items.extend(_expanded_histograms(histogram))
            pos = histogram.end()
            continue
        word = text[pos:].split(maxsplit=1)[0]
        items.extend(_expanded(word))
        pos += len(word)
    return items


def _expanded_histograms(found: re.Match[str]) -> Iterator[NativeHistogram]:
    """The histograms that an item such as `{{a}}+{{b}}x2` stands for, each the one before plus or minus the second."""
    histogram = parse_histogram(found[1])
    step = parse_histogram(found[3]) if found[2] else None
    yield histogram
    for _ in range(_times(found[4]) - 1):
        if step is not None:
            try:
                combined = added(histogram, step) if found[2] == "+" else subtracted(histogram, step)
            except MixedSchemasError as error:
                raise InvalidInputError(f"{found[0]}: histograms with buckets of different kinds") from error
            histogram = replace(compacted(combined.histogram), hint=histogram.hint)
        yield histogram


def parse_histogram(text: str) -> NativeHistogram:
    """The histogram of `schema:0 count:4 sum:5 buckets:[1 2 1]`, all parts optional and in any order.

    Raises:
        InvalidInputError: a part is unknown or no number.
    """
    known: dict[str, str] = {}
    pos = 0
    while text[pos:].strip():
        found = _PART.match(text, pos)
        if found is None:
            raise InvalidInputError(f"not a part of a histogram: {text[pos:]!r}")
        known[found[1]] = found[2]
        pos = found.end()
    unknown = known.keys() - _HISTOGRAM_PARTS
    if unknown:
        raise InvalidInputError(f"not parts of a histogram: {sorted(unknown)}")
    try:
        return _histogram_of(known)
    except ValueError as error:
        raise InvalidInputError(f"not a histogram: {{{{{text}}}}} ({error})") from error


_HISTOGRAM_PARTS = frozenset(
    {
        "buckets",
        "count",
        "counter_reset_hint",
        "custom_values",
        "n_buckets",
        "n_offset",
        "offset",
        "schema",
        "sum",
        "z_bucket",
        "z_bucket_w",
    }
)


def _histogram_of(known: Mapping[str, str]) -> NativeHistogram:
    def numbers(name: str) -> list[float]:
        return [float(word) for word in known.get(name, "[]").strip("[]").split()]

    def buckets(name: str, offset: str) -> dict[int, float]:
        return dict(enumerate(numbers(name), int(known.get(offset, "0"))))

    make = HintedHistogram if "counter_reset_hint" in known else NativeHistogram
    return make(
        schema=int(known.get("schema", "0")),
        count=float(known.get("count", "0")),
        sum=float(known.get("sum", "0")),
        zero_threshold=float(known.get("z_bucket_w", "0")),
        zero_count=float(known.get("z_bucket", "0")),
        positive=buckets("buckets", "offset"),
        negative=buckets("n_buckets", "n_offset"),
        custom_bounds=tuple(numbers("custom_values")),
        hint=ResetHint(known.get("counter_reset_hint", "unknown")),
    )


def _times(count: str | None) -> int:
    times = 1 if count is None else int(count) + 1
    if times > EXPANSION_MAX:
        raise InvalidInputError(f"an item stands for {times} samples, at most {EXPANSION_MAX} are read")
    return times


def _expanded(word: str) -> Sequence[Item]:
    omitted = re.fullmatch(r"_(?:x(\d+))?", word)
    if omitted is not None:
        return [None] * (_times(omitted.group(1)) - 1 if omitted.group(1) else 1)
    if word == "stale":
        return [STALE_NAN]
    found = _ITEM.fullmatch(word)
    if found is None:
        raise InvalidInputError(f"not a value: {word!r}")
    first, sign, second, count = found.groups()
    value = float(first)
    if sign is not None and count is None:
        raise InvalidInputError(f"not a value: {word!r}")
    step = float(second) * (-1 if sign == "-" else 1) if second is not None else 0.0
    values = [value]
    for _ in range(_times(count) - 1):
        # Repeated addition, as Prometheus does it: its rounding is part of what is expected.
        values.append(values[-1] + step if second is not None else value)
    return values
