"""Runs unit tests of rules, in Prometheus' own format, against the real engine.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Protocol, TypeAlias

from prometheus_client import CollectorRegistry

from anyascope.clock import MS_PER_S, NS_PER_MS, NS_PER_S, ManualClock
from anyascope.errors import AnyascopeError, LimitExceededError
from anyascope.frames.histogram import NativeHistogram
from anyascope.model.alerts import Alert, AlertState
from anyascope.model.documents import Change
from anyascope.model.labels import METRIC_NAME, Labels, metric_of
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch
from anyascope.model.status import RuleHealth
from anyascope.model.traces import SpanBatch
from anyascope.ports import Admission
from anyascope.promql.engine import Engine
from anyascope.promql.options import EngineOptions
from anyascope.promql.signatures import Feature
from anyascope.rules.definition import RuleGroup
from anyascope.rules.evaluate import batch_of, query_vector
from anyascope.rules.group import GroupEvaluation
from anyascope.rules.histogramtext import expression_of
from anyascope.rules.load import LoadOptions, load_rule_files
from anyascope.rules.metrics import RuleMetrics
from anyascope.rules.options import House, RulesOptions
from anyascope.rules.persist import GroupState
from anyascope.rules.series import Value
from anyascope.rules.testfile import AlertCheck, ExprCheck, RuleTest, RuleTestFile, read_test_file
from anyascope.rules.testreport import CaseReport, Failure, FileReport
from anyascope.rules.triggers import reads_of_rule
from anyascope.store.api.metrics import MetricReader, MetricWriter
from anyascope.wire.durations import format_duration_ms
from anyascope.wire.gotemplate.fmt import format_float
from anyascope.wire.gotemplate.values import quoted
from anyascope.wire.settings import SETTINGS_BYTES_MAX, Mistake, SettingsError

STEPS_MAX = 1_000_000  # evaluations of one test; a year by the minute is 525,600


class MetricStore(MetricReader, MetricWriter, Protocol):
    """Where a test's samples live."""


@dataclass(frozen=True, slots=True)
class RuleTestOptions:
    """How test files are run.

    Attributes:
        new_store: makes an empty store for each test.
        are_unknown_fields_ignored: in the tests and the rules.
        is_chosen: whether the test of this name is run.
        features: what of PromQL that is off by default is on.
    """

    new_store: Callable[[], MetricStore]
    are_unknown_fields_ignored: bool = False
    is_chosen: Callable[[str], bool] = lambda _: True
    features: frozenset[Feature] = frozenset()


async def run_test_file(path: Path, *, options: RuleTestOptions) -> FileReport:
    """Run every test of a file; never raises for what stands in it."""
    try:
        text = _read(path)
        tests = read_test_file(text, file=str(path), are_unknown_fields_ignored=options.are_unknown_fields_ignored)
    except SettingsError as error:
        return FileReport(str(path), errors=tuple(str(mistake) for mistake in error.mistakes))
    patterns, warnings = _present(tests.rule_files, path.parent)
    names = [test.name or f"unnamed#{index}" for index, test in enumerate(tests.tests)]
    # As promtool has it: a pattern chooses by the name that was given, and the nameless have an empty one.
    skipped = [not options.is_chosen(test.name) for test in tests.tests]
    try:
        groups = load_rule_files(
            patterns,
            base=path.parent,
            options=LoadOptions(
                features=options.features, are_unknown_fields_ignored=options.are_unknown_fields_ignored
            ),
        )
    except SettingsError as error:
        left = tuple(CaseReport(name, is_skipped=is_skipped) for name, is_skipped in zip(names, skipped, strict=True))
        errors = tuple(str(mistake) for mistake in error.mistakes) if not all(skipped) else ()
        return FileReport(str(path), left, errors, warnings)
    ordered = _in_order(groups, tests.group_order)
    cases = [
        CaseReport(name, is_skipped=True)
        if is_skipped
        else CaseReport(name, await RuleCase(test, tests, ordered, options=options).run())
        for name, is_skipped, test in zip(names, skipped, tests.tests, strict=True)
    ]
    return FileReport(str(path), tuple(cases), warnings=warnings)


def _present(patterns: Sequence[str], base: Path) -> tuple[list[str], tuple[str, ...]]:
    """The patterns that match a file, and a warning for each other one: what it names may not be written yet."""
    found = [pattern for pattern in patterns if glob(str(base / pattern))]  # noqa: PTH207 - may be absolute
    return found, tuple(f"no file match pattern {base / pattern}" for pattern in patterns if pattern not in found)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            raise SettingsError([Mistake(str(path), 0, "", f"is larger than {SETTINGS_BYTES_MAX} bytes")])
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Mistake(str(path), 0, "", f"cannot be read: {error}")]) from error


def _in_order(groups: Sequence[RuleGroup], order: Sequence[str]) -> list[RuleGroup]:
    """The groups as `group_eval_order` has them; those it does not name come first."""
    places = {name: place for place, name in enumerate(order, 1)}
    return sorted(groups, key=lambda group: places.get(group.name, 0))


class _Nowhere:
    """The sink and the documents of a test: what alerting and restarts need is not tested here."""

    async def receive(self, alerts: Sequence[Alert]) -> None:
        """Let them go."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Let them go."""


class _StoreIntake:
    """An intake that stores metrics without further ado."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:  # noqa: ARG002 - the protocol's names
        await self._store.write_metrics(batch)
        return Admission(batch.rows)

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        raise NotImplementedError

    async def spans(self, batches: Sequence[SpanBatch], *, source: str) -> Admission:
        raise NotImplementedError


class RuleCase:
    """One test with a store of its own."""

    def __init__(
        self, test: RuleTest, file: RuleTestFile, groups: Sequence[RuleGroup], *, options: RuleTestOptions
    ) -> None:
        self._test = test
        self._file = file
        self._store = options.new_store()
        self._start_ns = round(test.start_s * NS_PER_S)
        self._step_ns = round(file.evaluation_interval_s * NS_PER_S)
        clock = ManualClock(self._start_ns)
        registry = CollectorRegistry()
        engine_options = EngineOptions(subquery_step_ms=self._step_ns // NS_PER_MS, features=options.features)
        self._engine = Engine(self._store, options=engine_options, clock=clock, registry=registry)
        nowhere = _Nowhere()
        house = House(
            self._engine,
            _StoreIntake(self._store),
            nowhere,
            nowhere,
            clock,
            # A file's tests need no heights but where its rules have alerts.
            RulesOptions(external_url=test.external_url, external_labels=test.external_labels, is_clock_demanded=False),
            RuleMetrics(registry),
        )
        self._groups = [
            GroupEvaluation(group, [reads_of_rule(rule) for rule in group.rules], house=house, known=GroupState())
            for group in groups
        ]
        self._failures: list[Failure] = []
        self._is_broken = False

    async def run(self) -> tuple[Failure, ...]:
        """Load, evaluate, compare; what was not as expected."""
        try:
            if mistakes := [series.mistake for series in self._test.series if series.mistake]:
                return tuple(map(Failure, mistakes))
            await self._evaluate()
            if not self._is_broken:
                for check in self._test.expr_checks:
                    await self._check_expr(check)
        except AnyascopeError as error:
            self._failures.append(Failure(str(error)))
        finally:
            self._engine.close()
        return tuple(self._failures)

    async def _evaluate(self) -> None:
        """Step by step: the samples up to then, then every group, then the alert checks before the next step."""
        waiting = sorted(self._inputs(), key=lambda entry: entry[0])
        checks = sorted(self._test.alert_checks, key=lambda check: check.at_s)
        times_s = [*(check.at_s for check in checks), *(check.at_s for check in self._test.expr_checks)]
        last_s = max(times_s, default=0.0)
        steps = round(last_s * NS_PER_S) // self._step_ns + 1
        if steps > STEPS_MAX:
            raise LimitExceededError(f"needs {steps} evaluations, at most {STEPS_MAX} are made")
        written = checked = 0
        for step in range(steps):
            now_ns = self._start_ns + step * self._step_ns
            following = bisect_right(waiting, now_ns // NS_PER_MS, lo=written, key=lambda entry: entry[0])
            await self._load(waiting[written:following])
            written = following
            self._is_broken = await self._evaluate_groups(now_ns)
            if self._is_broken:
                return
            while checked < len(checks) and round(checks[checked].at_s * NS_PER_S) < (step + 1) * self._step_ns:
                self._check_alerts(checks[checked])
                checked += 1

    async def _evaluate_groups(self, now_ns: int) -> bool:
        """Whether a rule failed, which ends the test."""
        for group in self._groups:
            await group.evaluate(now_ns, range(len(group.rules)), slot_ns=now_ns)
            await group.settle()
        failed = [state for group in self._groups for state in group.rules if state.health is RuleHealth.ERR]
        at = _shown(now_ns - self._start_ns)
        self._failures.extend(Failure(f"rule: {state.rule.name}, time: {at}, err: {state.error}") for state in failed)
        return bool(failed)

    def _inputs(self) -> list[tuple[int, Labels, Value]]:
        interval_ms = round(self._test.interval_s * MS_PER_S)
        start_ms = self._start_ns // NS_PER_MS
        return [
            (start_ms + slot * interval_ms, series.labels, value)
            for series in self._test.series
            for slot, value in enumerate(series.values)
            if value is not None
        ]

    async def _load(self, entries: Sequence[tuple[int, Labels, Value]]) -> None:
        samples = [(labels, time_ms, value) for time_ms, labels, value in entries if value is not None]
        if samples:
            await self._store.write_metrics(batch_of(samples))

    def _check_alerts(self, check: AlertCheck) -> None:
        found = [
            _alert_lines(alert.labels, alert.annotations)
            for group in self._groups
            for state in group.rules
            if state.rule.name == check.alertname
            for alert in state.active.values()
            if alert.state is AlertState.FIRING
        ]
        expected = [_alert_lines(alert.labels, alert.annotations) for alert in check.expected]
        if sorted(found) != sorted(expected):
            head = f"alertname: {check.alertname}, time: {_shown(round(check.at_s * NS_PER_S))}"
            self._failures.append(Failure(head, _together(expected), _together(found)))

    async def _check_expr(self, check: ExprCheck) -> None:
        head = f"expr: {check.expr!r}, time: {_shown(round(check.at_s * NS_PER_S))}"
        time_ms = (self._start_ns + round(check.at_s * NS_PER_S)) // NS_PER_MS
        try:
            answer = await query_vector(self._engine, check.expr, time_ms)
        except AnyascopeError as error:
            self._failures.append(Failure(f"{head}, err: {error}"))
            return
        found = [
            (labels, expression_of(value) if isinstance(value, NativeHistogram) else value) for labels, value in answer
        ]
        expected = [(sample.labels, sample.value) for sample in check.expected]
        if not _are_equal(found, expected, is_fuzzy=self._file.is_fuzzy):
            is_nan = any(value != value for _, value in expected)  # noqa: PLR0124 - NaN is what equals not itself
            head += "; NaN equals nothing, not even NaN: test for `expr != expr`" if is_nan else ""
            self._failures.append(Failure(head, _sample_lines(expected), _sample_lines(found)))


Element: TypeAlias = tuple[Labels, float | str]


def _are_equal(found: Sequence[Element], expected: Sequence[Element], *, is_fuzzy: bool) -> bool:
    first, second = dict(found), dict(expected)
    if len(first) != len(found) or len(found) != len(expected) or first.keys() != second.keys():
        return False
    return all(_is_same(first[labels], second[labels], is_fuzzy=is_fuzzy) for labels in first)


def _is_same(found: float | str, expected: float | str, *, is_fuzzy: bool) -> bool:
    if found == expected:
        return True
    if not is_fuzzy or isinstance(found, str) or isinstance(expected, str):
        return False
    return found in (math.nextafter(expected, math.inf), math.nextafter(expected, -math.inf))


def _shown(ns: int) -> str:
    return format_duration_ms(ns // NS_PER_MS)


def _shown_labels(labels: Labels) -> str:
    pairs = ", ".join(f"{name}={quoted(value)}" for name, value in labels if name != METRIC_NAME)
    return f"{metric_of(labels)}{{{pairs}}}"


def _sample_lines(samples: Sequence[Element]) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{_shown_labels(labels)} {value if isinstance(value, str) else format_float(value, 'g', -1)}"
            for labels, value in samples
        )
    )


def _alert_lines(labels: Labels, annotations: Mapping[str, str]) -> tuple[str, ...]:
    """An alert as lines: its labels, then its annotations."""
    return (_shown_labels(labels), *(f"    {name}: {quoted(text)}" for name, text in sorted(annotations.items())))


def _together(alerts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(line for lines in sorted(alerts) for line in lines)
