"""Runs a test script and says of each query whether the answer is the expected one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, assert_never

import numpy as np

from anyascope.errors import AnyascopeError, UnsupportedError
from anyascope.frames.histogram import SCHEMA_CUSTOM, NativeHistogram
from anyascope.model.labels import METRIC_NAME, Labels, labels_of
from anyascope.model.metrics import HistogramSample, MetricBatch, SampleBatch, is_stale
from anyascope.promql.engine import Engine
from anyascope.promql.functions.histograms import parse_bound
from anyascope.promql.natives import compacted
from anyascope.promql.result import QueryResult, ResultKind
from anyascope.promql.script import Case, Clear, Command, Expectation, HintedHistogram, Item, Load, Row
from anyascope.promql.values import label_of
from anyascope.store.api.metrics import MetricWriter

TOLERANCE = 1e-6  # relative, as Prometheus' own runner has it
RANGE_STEP_MS = 60_000  # an instant query must answer the same in the middle of three steps a minute apart
NO_START_TIMES = "start timestamps of samples are not kept"
_PLACE = re.compile(r" \(\d+:\d+\)$")
_EDGES = re.compile(r"\b(?:start|end|range|step)\(\)")

Makes: TypeAlias = Callable[[], Awaitable[tuple[MetricWriter, Engine]]]
"""Gives an empty store and an engine over it: called at the beginning and at each `clear`."""


class Outcome(Enum):
    """What became of a case; it is skipped where the query uses what this engine does not evaluate."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case, and why where it did not pass."""

    line: int
    query: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ScriptReport:
    """What became of a script: a verdict a query, in order, or why there are none."""

    file: str
    verdicts: tuple[Verdict, ...] = ()
    error: str = ""

    def count(self, outcome: Outcome) -> int:
        """How many cases ended so."""
        return Counter(verdict.outcome for verdict in self.verdicts)[outcome]


async def run_script(commands: Sequence[Command], make: Makes) -> list[Verdict]:
    """Run a script; one verdict a query, in order."""
    writer, engine = await make()
    verdicts = []
    has_start_times = False
    try:
        for command in commands:
            match command:
                case Clear():
                    engine.close()
                    writer, engine = await make()
                    has_start_times = False
                case Load():
                    await load_samples(command, writer)
                    has_start_times |= command.has_start_times
                case Case():
                    verdict = await _judge(command, engine)
                    if has_start_times and verdict.outcome is not Outcome.PASSED:
                        verdict = replace(verdict, outcome=Outcome.SKIPPED, reason=NO_START_TIMES)
                    verdicts.append(verdict)
                case _ as never:
                    assert_never(never)
    finally:
        engine.close()
    return verdicts


async def load_samples(load: Load, writer: MetricWriter) -> None:
    """Write what a script loads."""
    last_of = {row.labels: row for row in load.rows}
    items = [
        (labels, index * load.step_ms, item)
        for labels, row in last_of.items()
        for index, item in enumerate(row.items)
        if item is not None
    ]
    samples = [(labels, at, item) for labels, at, item in items if isinstance(item, float)]
    found = [item.sample(labels, at) for labels, at, item in items if isinstance(item, NativeHistogram)]
    if load.has_custom_twins:
        found.extend(custom_twins(samples))
    await writer.write_metrics(MetricBatch(samples=SampleBatch.of(samples), histograms=tuple(found)))


def custom_twins(samples: Sequence[tuple[Labels, int, float]]) -> Iterator[HistogramSample]:
    """A native histogram with custom buckets for each classic one, at each time."""
    groups: dict[tuple[Labels, int], dict[str, dict[float, float]]] = {}
    for labels, at, value in samples:
        name = label_of(labels, METRIC_NAME)
        ending = next((each for each in ("_bucket", "_count", "_sum") if name.endswith(each)), None)
        if ending is None:
            continue
        kept = {key: text for key, text in labels if key not in {"le", METRIC_NAME}}
        bound = parse_bound(label_of(labels, "le")) if ending == "_bucket" else 0.0
        parts = groups.setdefault((labels_of({**kept, METRIC_NAME: name.removesuffix(ending)}), at), {})
        if bound is not None:
            parts.setdefault(ending, {})[bound] = value
    for (labels, at), parts in groups.items():
        yield _custom_twin(parts).sample(labels, at)


def _custom_twin(parts: Mapping[str, Mapping[float, float]]) -> NativeHistogram:
    buckets = dict(sorted(parts.get("_bucket", {}).items()))
    highest = max(buckets.values(), default=0.0)
    count = parts.get("_count", {}).get(0.0, buckets.get(math.inf, highest))
    buckets.setdefault(math.inf, count)
    cumulative = list(buckets.values())
    counts = [now - before for now, before in zip(cumulative, [0.0, *cumulative[:-1]], strict=True)]
    return NativeHistogram(
        schema=SCHEMA_CUSTOM,
        count=count,
        sum=parts.get("_sum", {}).get(0.0, 0.0),
        positive={index: each for index, each in enumerate(counts) if each},
        custom_bounds=tuple(bound for bound in buckets if bound != math.inf),
    )


async def _judge(case: Case, engine: Engine) -> Verdict:
    try:
        if case.step_ms:
            result = await engine.range(case.query, case.start_ms, case.end_ms, case.step_ms)
        else:
            result = await engine.instant(case.query, case.start_ms)
    except UnsupportedError as error:
        return Verdict(case.line, case.query, Outcome.SKIPPED, str(error))
    except AnyascopeError as error:
        reason = _failure(case.fails, str(error))
        return _verdict(case, reason)
    if case.fails:
        return _verdict(case, "the query succeeded")
    reason = _wrong_notes(case, result) or _wrong_value(case, result) or await _wrong_as_range(case, engine)
    return _verdict(case, reason)


def _verdict(case: Case, reason: str) -> Verdict:
    return Verdict(case.line, case.query, Outcome.FAILED if reason else Outcome.PASSED, reason)


def _failure(expected: Sequence[Expectation], message: str) -> str:
    if not expected:
        return f"the query failed: {message}"
    wrong = [each for each in expected if not each.fits(message)]
    return f"failed with {message!r}, expected {wrong[0].text!r}" if wrong else ""


def _wrong_notes(case: Case, result: QueryResult) -> str:
    warnings = [_PLACE.sub("", note) for note in result.warnings]
    infos = [_PLACE.sub("", note) for note in result.infos]
    if case.is_without_warnings and warnings:
        return f"unexpected warnings {warnings}"
    if case.is_without_infos and infos:
        return f"unexpected infos {infos}"
    return _unmet(case.warnings, warnings) or _unmet(case.infos, infos)


def _unmet(expected: Sequence[Expectation], notes: Sequence[str]) -> str:
    if not expected:
        return ""
    for each in expected:
        if not any(each.fits(note) for note in notes):
            return f"expected a note {each.text!r}, got {list(notes)}"
    for note in notes:
        if not any(each.fits(note) for each in expected):
            return f"unexpected note {note!r}"
    return ""


def _wrong_value(case: Case, result: QueryResult) -> str:
    if case.text is not None:
        return "" if result.text == case.text else f"expected {case.text!r}, got {result.text!r}"
    if case.scalar is not None:
        found = float(result.frame.values[0]) if result.kind is ResultKind.SCALAR else math.inf
        return "" if same(case.scalar, found) else f"expected {case.scalar}, got {found} ({result.kind.value})"
    if case.step_ms:
        return _wrong_matrix(case.rows, result, case.start_ms, case.step_ms)
    if case.matrix_steps is not None:
        return _wrong_matrix(case.rows, result, case.matrix_steps[0], case.matrix_steps[2])
    if result.kind is not ResultKind.VECTOR:
        return f"expected a vector, got a {result.kind.value}"
    return _wrong_vector(case, [(labels, _read(result, value)) for labels, value in result.pairs()])


def _read(result: QueryResult, value: float) -> Item:
    """A value of the answer, a histogram where it stands for one."""
    return result.natives.at(value) if result.natives.mask(np.array([value]))[0] else value


def _wrong_vector(case: Case, found: list[tuple[Labels, Item]]) -> str:
    expected = [(row.labels, row.items[0]) for row in case.rows]
    if case.is_ordered and [labels for labels, _ in found] != [labels for labels, _ in expected]:
        return f"wrong order: {found}"
    answers = dict(found)
    if len(answers) != len(found):
        return f"labels twice: {found}"
    if set(answers) != {labels for labels, _ in expected}:
        return f"wrong series: {found}"
    for labels, item in expected:
        if not is_same(item, answers[labels]):
            return f"{labels}: expected {item}, got {answers[labels]}"
    return ""


def _wrong_matrix(rows: Sequence[Row], result: QueryResult, start_ms: int, step_ms: int) -> str:
    if result.kind is not ResultKind.MATRIX:
        return f"expected a matrix, got a {result.kind.value}"
    labels = list(result.frame.labels)
    if labels != sorted(labels):
        return "series are not sorted"
    expected = {row.labels: row.items for row in rows if any(item is not None for item in row.items)}
    if set(labels) != set(expected) or len(labels) != len(expected):
        return f"wrong series: {labels}"
    bounds = result.frame.offsets.tolist()
    for row, each in enumerate(labels):
        part = slice(bounds[row], bounds[row + 1])
        times = result.frame.times_ms[part].tolist()
        values = result.frame.values[part].tolist()
        wanted = [(start_ms + n * step_ms, item) for n, item in enumerate(expected[each]) if item is not None]
        if times != [time_ms for time_ms, _ in wanted]:
            return f"{each}: expected samples at {[time_ms for time_ms, _ in wanted]}, got {times}"
        for (time_ms, item), value in zip(wanted, values, strict=True):
            answer = _read(result, value)
            if not is_same(item, answer):
                return f"{each} at {time_ms}: expected {item}, got {answer}"
    return ""


async def _wrong_as_range(case: Case, engine: Engine) -> str:
    """Ask an instant query again as the middle of a range."""
    is_plain = not case.step_ms and not case.is_ordered and case.matrix_steps is None and case.text is None
    if not is_plain or case.scalar is not None or _EDGES.search(case.query):
        return ""
    result = await engine.range(case.query, case.start_ms - RANGE_STEP_MS, case.start_ms + RANGE_STEP_MS, RANGE_STEP_MS)
    found: list[tuple[Labels, Item]] = []
    bounds = result.frame.offsets.tolist()
    for row, labels in enumerate(result.frame.labels):
        part = slice(bounds[row], bounds[row + 1])
        at = np.flatnonzero(result.frame.times_ms[part] == case.start_ms)
        found.extend((labels, _read(result, float(result.frame.values[part][index]))) for index in at)
    reason = _wrong_vector(case, found)
    return f"as a range: {reason}" if reason else ""


def is_same(expected: Item, found: Item) -> bool:
    """Whether a value is the expected one: of the same kind, and the same but for rounding."""
    match expected, found:
        case float(), float():
            return same(expected, found)
        case NativeHistogram(), NativeHistogram():
            return _is_same_histogram(
                compacted(expected), compacted(found), has_hint=isinstance(expected, HintedHistogram)
            )
    return expected is found


def _is_same_histogram(expected: NativeHistogram, found: NativeHistogram, *, has_hint: bool) -> bool:
    if has_hint and expected.hint is not found.hint:
        return False
    layouts = [
        (each.schema, each.zero_threshold, each.custom_bounds, tuple(each.positive), tuple(each.negative))
        for each in (expected, found)
    ]
    numbers = [
        (each.count, each.sum, each.zero_count, *each.positive.values(), *each.negative.values())
        for each in (expected, found)
    ]
    return layouts[0] == layouts[1] and all(map(same, *numbers))


def same(expected: float, found: float) -> bool:
    """Whether two numbers are the same but for rounding; NaN is NaN, a staleness marker only itself."""
    if math.isnan(expected) or math.isnan(found):
        stale = is_stale(np.array([expected, found]))
        return math.isnan(expected) and math.isnan(found) and bool(stale[0] == stale[1])
    if expected == found:
        return True
    smallest = float(np.finfo(np.float64).tiny)
    distance, size = abs(expected - found), abs(expected) + abs(found)
    if expected == 0 or found == 0 or size < smallest:
        return distance < TOLERANCE * smallest
    return distance / min(size, float(np.finfo(np.float64).max)) < TOLERANCE
