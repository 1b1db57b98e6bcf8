"""Prometheus' format for unit tests of rules, read strictly.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.labels import Labels, labels_of
from anyascope.rules.histogramtext import expression_of
from anyascope.rules.series import Value, parse_histogram, parse_series, parse_values
from anyascope.wire.settings import Mistake, Section, read_settings

NO_LABELS: Labels = ()
EVALUATION_INTERVAL_S = 60.0  # promtool's default
T = TypeVar("T")
_YAML_FLOATS = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}

_FILE_FIELDS = ("rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests")
_TEST_FIELDS = (
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "name",
    "external_labels",
    "external_url",
    "start_timestamp",
)


@dataclass(frozen=True, slots=True)
class InputSeries:
    """One series to load: value `i` at `i` times the test's interval after its start.

    Attributes:
        mistake: why the series cannot be read, with its place; its test fails, those beside it run.
    """

    labels: Labels
    values: tuple[Value, ...]
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """A firing alert; `labels` has `alertname`."""

    labels: Labels
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """Which alerts of a name fire at a time."""

    at_s: float
    alertname: str
    expected: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """An element of an answer: a float, or a histogram in the notation of `histogramtext.expression_of`."""

    labels: Labels
    value: float | str


@dataclass(frozen=True, slots=True)
class ExprCheck:
    """What an expression answers at a time, in any order."""

    at_s: float
    expr: str
    expected: tuple[ExpectedSample, ...]


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test; times are seconds after `start_s` (Unix)."""

    name: str
    interval_s: float
    series: tuple[InputSeries, ...] = ()
    alert_checks: tuple[AlertCheck, ...] = ()
    expr_checks: tuple[ExprCheck, ...] = ()
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleTestFile:
    """A file of tests and what they share."""

    rule_files: tuple[str, ...]
    evaluation_interval_s: float
    group_order: tuple[str, ...]
    is_fuzzy: bool
    tests: tuple[RuleTest, ...]


def read_test_file(text: str, *, file: str, are_unknown_fields_ignored: bool = False) -> RuleTestFile:
    """The tests of a file.

    Raises:
        SettingsError: with every mistake.
    """
    top = read_settings(text, file=file)
    read = _Reader(are_unknown_fields_ignored=are_unknown_fields_ignored).file(top)
    top.raise_if_wrong()
    return read


class _Reader:
    def __init__(self, *, are_unknown_fields_ignored: bool) -> None:
        self._are_unknown_fields_ignored = are_unknown_fields_ignored

    def _check(self, section: Section, known: Collection[str]) -> None:
        for name in () if self._are_unknown_fields_ignored else section.names():
            if name not in known:
                section.wrong(f"field {name} not found", name=name)

    def file(self, top: Section) -> RuleTestFile:
        self._check(top, _FILE_FIELDS)
        order = top.texts("group_eval_order")
        for name in sorted({name for name in order if order.count(name) > 1}):
            top.wrong(f"group name repeated in evaluation order: {name}", name="group_eval_order")
        interval_s = top.duration_s("evaluation_interval", EVALUATION_INTERVAL_S) or EVALUATION_INTERVAL_S
        return RuleTestFile(
            rule_files=top.texts("rule_files"),
            evaluation_interval_s=interval_s,
            group_order=order,
            is_fuzzy=top.boolean("fuzzy_compare", default=False),
            tests=tuple(self._test(section, interval_s) for section in top.sections("tests")),
        )

    def _test(self, section: Section, interval_s: float) -> RuleTest:
        self._check(section, _TEST_FIELDS)
        return RuleTest(
            name=section.text("name", ""),
            interval_s=section.duration_s("interval", interval_s) or interval_s,
            series=tuple(self._series(item) for item in section.sections("input_series")),
            alert_checks=tuple(self._alert_check(item) for item in section.sections("alert_rule_test")),
            expr_checks=tuple(self._expr_check(item) for item in section.sections("promql_expr_test")),
            external_labels=section.text_map("external_labels"),
            external_url=section.text("external_url", ""),
            start_s=section.parsed("start_timestamp", _parse_start_s, 0.0),
        )

    def _series(self, section: Section) -> InputSeries:
        self._check(section, ("series", "values"))
        try:
            if not section.text("series", ""):
                raise InvalidInputError("the input has no series")
            labels = parse_series(section.text("series", ""))
            return InputSeries(labels, tuple(parse_values(section.text("values", ""))))
        except AnyascopeError as error:
            return InputSeries((), (), str(Mistake(section.file, section.line(), section.path, str(error))))

    def _alert_check(self, section: Section) -> AlertCheck:
        self._check(section, ("eval_time", "alertname", "exp_alerts"))
        name = section.text("alertname", "")
        if not name:
            at = section.text("eval_time", "0s")
            section.wrong(f"an item under alert_rule_test misses required attribute alertname at eval_time {at}")
        expected = []
        for item in section.sections("exp_alerts"):
            self._check(item, ("exp_labels", "exp_annotations"))
            labels = labels_of({**item.text_map("exp_labels"), "alertname": name})
            expected.append(ExpectedAlert(labels, item.text_map("exp_annotations")))
        return AlertCheck(section.duration_s("eval_time", 0.0), name, tuple(expected))

    def _expr_check(self, section: Section) -> ExprCheck:
        self._check(section, ("expr", "eval_time", "exp_samples"))
        expected = tuple(self._sample(item) for item in section.sections("exp_samples"))
        return ExprCheck(section.duration_s("eval_time", 0.0), section.text("expr"), expected)

    def _sample(self, section: Section) -> ExpectedSample:
        self._check(section, ("labels", "value", "histogram"))
        labels = _read(section, "labels", parse_series, NO_LABELS)
        if not section.has("histogram"):
            return ExpectedSample(labels, section.parsed("value", _parse_float, 0.0))
        return ExpectedSample(
            labels, _read(section, "histogram", lambda text: expression_of(parse_histogram(text)), "")
        )


def _read(section: Section, name: str, parse: Callable[[str], T], default: T) -> T:
    """A field through a parser whose every error is a mistake of the file."""
    text = section.text(name, "")
    try:
        return parse(text)
    except AnyascopeError as error:
        section.wrong(str(error), name=name)
        return default


def _parse_float(text: str) -> float:
    try:
        return float(int(text, 16) if "0x" in text.lower() else _YAML_FLOATS.get(text.lower(), text))
    except ValueError:
        raise ValueError(f"must be a number, got {text!r}") from None


def _parse_start_s(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError(f"must be Unix seconds or RFC 3339, got {text!r}") from None
