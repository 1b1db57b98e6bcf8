"""Lints that need a server: does what a rule reads exist there, and is it what the rule takes it for?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.promql.result import ResultKind
from anyascope.promql.syntax import Call, Expression, Select, kind_of, unwrapped, walk
from anyascope.rules.lint.expressions import OF_COUNTERS, selectors_expected
from anyascope.rules.lint.finding import Lint
from anyascope.rules.lint.outcomes import shown_matcher
from anyascope.rules.triggers import ALERTS, ALERTS_FOR_STATE

_COUNTING = frozenset({"counter", "histogram", "summary", "gaugehistogram", "unknown", ""})


class History(Protocol):
    """What a server has."""

    def has_series(self, selector: str) -> bool:
        """Whether series match a selector such as `up{job="node"}`, in the last days."""

    def type_of(self, metric: str) -> str:
        """`counter`, `gauge` and so on; empty where nothing is known."""


def lint_against(history: History, root: Expression, recorded: frozenset[str]) -> Iterator[tuple[Lint, str]]:
    """What an expression reads and the server does not have; `recorded` are made by rules that may not run yet."""
    known = recorded | {ALERTS, ALERTS_FOR_STATE}
    told: set[str] = set()
    for selector in selectors_expected(root):
        name = _name_of(selector)
        text = selector_text(selector)
        if name in known or text in told:
            continue
        told.add(text)
        if history.has_series(text):
            continue
        if name and not history.has_series(name):
            yield Lint.SERIES, f"the server has no metric {name}"
        else:
            yield Lint.SERIES, f"the server has no series {text}{_missing(history, selector)}"
    yield from _of_gauges(history, root)


def _missing(history: History, selector: Select) -> str:
    """Which single matcher finds nothing by itself."""
    name = _name_of(selector)
    for matcher in selector.matchers:
        if matcher.name != METRIC_NAME and not history.has_series(f"{name}{{{shown_matcher(matcher)}}}"):
            return f": none has {shown_matcher(matcher)}"
    return ""


def _of_gauges(history: History, root: Expression) -> Iterator[tuple[Lint, str]]:
    for node in walk(root):
        if not (isinstance(node, Call) and node.name in OF_COUNTERS):
            continue
        body = next((unwrapped(a) for a in node.arguments if kind_of(a) is ResultKind.MATRIX), None)
        name = _name_of(body) if isinstance(body, Select) else ""
        kind = history.type_of(name) if name else ""
        if kind not in _COUNTING:
            use = "delta() or deriv()"
            yield Lint.COUNTER, f"{node.name}() is for counters, and {name} is a {kind}: use {use}"


def _name_of(selector: Select) -> str:
    names = [m.value for m in selector.matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL]
    return names[0] if names else ""


def selector_text(selector: Select) -> str:
    """The selector as PromQL writes it, without range, offset and anchor."""
    return "{" + ", ".join(_quoted(matcher) for matcher in selector.matchers) + "}"


def _quoted(matcher: Matcher) -> str:
    value = matcher.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{matcher.name}{matcher.op.value}"{value}"'
