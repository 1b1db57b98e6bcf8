"""A service level objective as recording and alerting rules, with its window in time or in blocks.

Events are counted as rates over five minutes, which are recorded; windows of hours and weeks add these up. So a window of
a month costs as little as one of an hour, and events count by their number, not by the minute. Alerts are those of the
SRE workbook: a fast burn of a small part of the window, a slow one of a larger part, each seen over a long and a short
window. The windows are the same parts of any period, as Pyrra has it.

Source: Google's SRE workbook, chapter 5, table 5-8; sloth and Pyrra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from anyascope.model.labels import Labels, labels_of
from anyascope.model.objectives import BurnAlert, Objective
from anyascope.rules.blocks import BlockSpan
from anyascope.rules.definition import AlertingRule, RecordingRule, Rule, RuleGroup
from anyascope.rules.expand import parse_rule_template
from anyascope.semconv.alerts import LABEL_SEVERITY
from anyascope.wire.durations import format_duration_ms

BASE = "5m"  # of the rates that are recorded: long enough for two samples of any usual source
BASE_S = 300
BLOCK_S = 600  # on average; for what is shown, and for what an expression reads
INTERVAL_S = 60.0
RATE_MIN = "1e-9"  # events a second: far below one in the longest window, so that none divided by it is none
LABEL_SLO, LABEL_WINDOW = "slo", "window"
ALERT = "ErrorBudgetBurn"
EVENTS, BAD_EVENTS = "anya_slo_events_per_second", "anya_slo_bad_events_per_second"
ERROR_RATIO, BURN_RATE = "anya_slo_error_ratio", "anya_slo_burn_rate"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, or of blocks."""

    seconds: int = 0
    span: BlockSpan | None = None

    def __str__(self) -> str:
        return str(self.span) if self.span else format_duration_ms(self.seconds * 1000)

    @property
    def usual_s(self) -> int:
        """How long it is, with blocks as they come on average."""
        return max(self.span.blocks * BLOCK_S, BASE_S) if self.span else self.seconds

    def part(self, of: int) -> Window:
        """So small a part of it, rounded up to whole blocks, or minutes of which five are the least."""
        if self.span is not None:
            return Window(span=BlockSpan(-(-self.span.blocks // of), self.span.chain))
        return Window(max(-(-self.seconds // (of * 60)) * 60, BASE_S))


@dataclass(frozen=True, slots=True)
class Burn:
    """One alert: at this rate, a part of the budget goes in the long window; the short one says that it still does."""

    severity: str
    factor: str
    part: int


# Of 30 days: 2% in an hour, 5% in six hours, 10% in a day, 10% in three days. The short window is a twelfth.
BURNS = (Burn("critical", "14.4", 720), Burn("high", "6", 120), Burn("medium", "3", 30), Burn("low", "1", 10))
SHORT_PART = 12


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective.

    Attributes:
        objective: the wanted share of good events, percent.
        total: selector of the counters of all events.
        bad, good: of the bad or the good ones; one of them is empty.
        by: labels by which events are told apart.
        labels: put on everything that is made.
        severities: the alerts that are wanted.
        line: where it stands in its file, from 1.
    """

    name: str
    objective: Decimal
    window: Window
    total: str
    bad: str = ""
    good: str = ""
    by: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    severities: tuple[str, ...] = tuple(burn.severity for burn in BURNS)
    interval_s: float = INTERVAL_S
    line: int = 0

    @property
    def budget(self) -> str:
        """The share of events that may be bad, exactly."""
        return f"{((100 - self.objective) / 100).normalize():f}"


def group_of(slo: Slo, *, file: str) -> RuleGroup:
    """The rules that an objective is made into, in evaluation order."""
    rules: tuple[Rule, ...] = (*_base(slo), *_state(slo), *_burn_rates(slo), *_alerts(slo))
    return RuleGroup(
        f"slo {slo.name}", file, rules, interval_s=slo.interval_s, slo=slo.name, objective=objective_of(slo)
    )


def objective_of(slo: Slo) -> Objective:
    """What was promised, and which burns alert, for people."""
    burns = [burn for burn in BURNS if burn.severity in slo.severities]
    return Objective(
        name=slo.name,
        objective_ratio=float(slo.objective / 100),
        window=str(slo.window),
        window_s=slo.window.usual_s,
        total=slo.total,
        bad=slo.bad,
        good=slo.good,
        by=slo.by,
        burns=tuple(BurnAlert(one.severity, float(one.factor), *map(str, _windows(slo, one))) for one in burns),
        line=slo.line,
    )


def _windows(slo: Slo, burn: Burn) -> tuple[Window, Window]:
    """The long and the short window of an alert."""
    return slo.window.part(burn.part), slo.window.part(burn.part * SHORT_PART)


def _base(slo: Slo) -> Iterator[RecordingRule]:
    """Events and bad events a second; where there are events and no series of bad ones, none is bad."""
    by = f" by ({', '.join(slo.by)})" if slo.by else ""
    total, part = (f"sum{by} (rate({selector}[{BASE}]))" for selector in (slo.total, slo.bad or slo.good))
    yield _recorded(slo, EVENTS, total)
    counted = f"({part} or {total} * 0)"
    yield _recorded(slo, BAD_EVENTS, counted if slo.bad else f"clamp_min({total} - {counted}, 0)")


def _state(slo: Slo) -> Iterator[RecordingRule]:
    window, mine = slo.window, _mine(slo)
    yield _recorded(slo, "anya_slo_objective_ratio", f"vector({(slo.objective / 100).normalize():f})")
    yield _recorded(slo, "anya_slo_window_seconds", "vector($seconds)", window=window)
    if window.span is not None:
        yield _recorded(slo, "anya_slo_window_blocks", "vector($blocks)", window=window)
    covered = f"clamp_max(count_over_time({EVENTS}{mine}[$window]) * {slo.interval_s:g}, $seconds)"
    yield _recorded(slo, "anya_slo_covered_seconds", covered, window=window)
    yield _recorded(slo, ERROR_RATIO, _ratio(slo), window=window)
    yield _recorded(slo, "anya_slo_error_budget_remaining_ratio", f"1 - {ERROR_RATIO}{mine} / {slo.budget}")


def _burn_rates(slo: Slo) -> Iterator[RecordingRule]:
    parts = [part for burn in BURNS for part in reversed(_windows(slo, burn))]
    for text, window in {str(window): window for window in parts}.items():
        yield _recorded(slo, BURN_RATE, f"{_ratio(slo)} / {slo.budget}", window=window, labels={LABEL_WINDOW: text})
    whole = {LABEL_WINDOW: str(slo.window)}
    yield _recorded(slo, BURN_RATE, f"{ERROR_RATIO}{_mine(slo)} / {slo.budget}", labels=whole)


def _alerts(slo: Slo) -> Iterator[AlertingRule]:
    for burn in BURNS:
        if burn.severity not in slo.severities:
            continue
        long, short = _windows(slo, burn)
        labels = {**slo.labels, LABEL_SEVERITY: burn.severity}
        annotations = {**_annotations(slo), **slo.annotations}
        yield AlertingRule(
            ALERT,
            f"{_burning(slo, long, burn)} and ignoring ({LABEL_WINDOW}) {_burning(slo, short, burn)}",
            labels={name: parse_rule_template(ALERT, text) for name, text in labels.items()},
            annotations={name: parse_rule_template(ALERT, text) for name, text in annotations.items()},
            label_texts=labels_of(labels),
            annotation_texts=annotations,
            line=slo.line,
        )


def _burning(slo: Slo, window: Window, burn: Burn) -> str:
    return f'{BURN_RATE}{{{LABEL_SLO}="{slo.name}", {LABEL_WINDOW}="{window}"}} > {burn.factor}'


def _annotations(slo: Slo) -> dict[str, str]:
    return {
        "summary": "{{ $labels.slo }} burns its error budget {{ $value | humanize }} times too fast",
        "description": (
            f"{slo.objective.normalize():f}% of events must be good over {slo.window}. Over the last "
            "{{ $labels.window }}, and still now, so many were bad that the budget ends {{ $value | humanize }} times too soon."
        ),
        "runbook": (
            f"See {BURN_RATE}{_mine(slo)} over all windows, what fails by the labels of its counters, and what was changed "
            "when it began."
        ),
    }


def _mine(slo: Slo) -> str:
    return f'{{{LABEL_SLO}="{slo.name}"}}'


def _ratio(slo: Slo) -> str:
    """The share of bad events in a window; none where nothing happened, and so nothing bad."""
    bad, total = (f"sum_over_time({name}{_mine(slo)}[$window])" for name in (BAD_EVENTS, EVENTS))
    return f"{bad} / clamp_min({total}, {RATE_MIN})"


def _recorded(
    slo: Slo, name: str, template: str, *, window: Window | None = None, labels: Mapping[str, str] | None = None
) -> RecordingRule:
    own: Labels = labels_of({**slo.labels, LABEL_SLO: slo.name, **(labels or {})})
    if window is None:
        return RecordingRule(name, template, own, slo.line, is_steady=True)
    blocks = window.span.blocks if window.span else 0
    shown = template.replace("$window", f"{window.usual_s}s").replace("$seconds", str(window.usual_s))
    shown = shown.replace("$blocks", str(blocks))
    return RecordingRule(name, shown, own, slo.line, window.span, template if window.span else "", is_steady=True)
