"""A backtest's report for people and programs: a time line an alert, a table of the rules, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anyascope.cli.show import duration
from anyascope.cli.terminal import Terminal, clean
from anyascope.clock import NS_PER_S
from anyascope.explore.times import format_time
from anyascope.model.alerts import AlertSeverity
from anyascope.model.labels import Labels
from anyascope.rules.backtest.report import BacktestReport, Firing, RuleOutcome
from anyascope.semconv.alerts import LABEL_ALERTNAME, LABEL_SEVERITY, SEVERITY_TRAITS, severity_of

LINES_MAX = 40  # more than fit on a screen; the rest is counted
COLUMNS = 60  # of a time line
PIPE_WIDTH = 220  # columns where nobody's terminal sets them
QUIET, PENDING, FIRING = "·", "░", "█"

_STYLES: Final = {
    AlertSeverity.CRITICAL: "bold red",
    AlertSeverity.HIGH: "dark_orange",
    AlertSeverity.MEDIUM: "yellow",
    AlertSeverity.LOW: "green",
}


def print_report(terminal: Terminal, report: BacktestReport) -> None:
    """The picture, then the table."""
    console = Console(
        file=terminal.out,
        width=terminal.width if terminal.is_tty else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=terminal.is_tty,
    )
    fired = [firing for firing in report.firings if firing.fired_ns]
    if fired:
        _print_lines(console, report)
    _print_rules(console, report)
    for made in report.recorded:
        failed = f", {made.failed_steps} evaluations failed: {clean(made.error)}" if made.failed_steps else ""
        console.print(Text(f"recorded {clean(made.rule)}: {made.series} series, {made.samples} samples{failed}", "dim"))
    for outcome in report.rules:
        if outcome.failed_steps:
            told = f"{clean(outcome.rule)}: {outcome.failed_steps} evaluations failed: {clean(outcome.error)}"
            console.print(Text(told, "red"))
    total_s = sum(outcome.firing_s for outcome in report.rules)
    alerts = "1 alert" if len(fired) == 1 else f"{len(fired)} alerts"
    console.print(Text(f"{alerts}, {duration(total_s * NS_PER_S)} firing" if total_s else alerts, "bold"))


def _print_lines(console: Console, report: BacktestReport) -> None:
    by_alert: dict[Labels, list[Firing]] = {}
    for firing in report.firings:
        by_alert.setdefault(firing.labels, []).append(firing)
    shown = [labels for labels, firings in by_alert.items() if any(firing.fired_ns for firing in firings)]
    shown.sort(key=lambda labels: (SEVERITY_TRAITS[severity_of(labels)].rank, labels))
    column_ns = (report.end_ns - report.start_ns) / COLUMNS
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("alert", no_wrap=True, overflow="ellipsis")
    table.add_column(_axis(report), no_wrap=True, min_width=COLUMNS)
    table.add_column("times", justify="right")
    table.add_column("firing", justify="right", no_wrap=True)
    for labels in shown[:LINES_MAX]:
        firings = by_alert[labels]
        style = _STYLES[severity_of(labels)]
        seconds = sum(firing.seconds(start_ns=report.start_ns, end_ns=report.end_ns) for firing in firings)
        table.add_row(
            Text(clean(_name(labels)), style),
            Text(bar_of(firings, report, column_ns=column_ns), style),
            str(sum(bool(firing.fired_ns) for firing in firings)),
            duration(seconds * NS_PER_S),
        )
    console.print(table)
    if len(shown) > LINES_MAX:
        console.print(Text(f"… and {len(shown) - LINES_MAX} alerts more (--json has all)", "dim"))
    console.print(Text(f"{FIRING} firing  {PENDING} pending; a column is {duration(column_ns)}", "dim"))
    console.print()


def _axis(report: BacktestReport) -> Text:
    """Start and end in the reader's zone, with the zone."""
    start, end = _local(report.start_ns), _local(report.end_ns)
    left, right = f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M %z}"
    return Text(left + " " * max(COLUMNS - len(left) - len(right), 1) + right)


def _local(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / NS_PER_S, UTC).astimezone()


def bar_of(firings: Sequence[Firing], report: BacktestReport, *, column_ns: float) -> str:
    """A time line: a column shows the most that happened within it, so that the shortest alert is seen."""
    cells = [QUIET] * COLUMNS
    for firing in firings:
        end_ns = firing.ended_ns or report.end_ns
        for column in _columns(firing.active_ns, end_ns, report, column_ns):
            if cells[column] == QUIET:
                cells[column] = PENDING
        if firing.fired_ns:
            for column in _columns(firing.fired_ns, end_ns, report, column_ns):
                cells[column] = FIRING
    return "".join(cells)


def _columns(begin_ns: int, end_ns: int, report: BacktestReport, column_ns: float) -> Iterator[int]:
    first = int((begin_ns - report.start_ns) / column_ns) if column_ns else 0
    last = int((end_ns - report.start_ns) / column_ns) if column_ns else 0
    yield from range(max(first, 0), min(last, COLUMNS - 1) + 1)


def _name(labels: Labels) -> str:
    own = [f"{name}={value}" for name, value in labels if name not in (LABEL_ALERTNAME, LABEL_SEVERITY)]
    return " ".join([dict(labels).get(LABEL_ALERTNAME, ""), *own])


def _print_rules(console: Console, report: BacktestReport) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for header, is_number in (
        ("rule", False),
        ("severity", False),
        ("alerts", True),
        ("label sets", True),
        ("firing", True),
        ("longest", True),
        ("flapping", True),
        ("only pending", True),
    ):
        table.add_column(header, justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis")
    for outcome in report.rules:
        table.add_row(*_cells(outcome))
    console.print(table)


def _cells(outcome: RuleOutcome) -> Iterator[Text]:
    is_quiet = not outcome.alerts
    style = "dim" if is_quiet else _STYLES[severity_of(((LABEL_SEVERITY, outcome.severity),))]
    yield Text(clean(outcome.rule), style)
    yield Text(clean(outcome.severity) or "-", style)
    yield Text(str(outcome.alerts))
    yield Text(str(outcome.label_sets))
    yield Text("-" if is_quiet else duration(outcome.firing_s * NS_PER_S))
    yield Text("-" if is_quiet else duration(outcome.longest_s * NS_PER_S))
    yield Text(str(outcome.flaps))
    yield Text(str(outcome.pending_only))


def document_of(report: BacktestReport) -> dict[str, Any]:
    """The report as JSON: times RFC 3339 in UTC, null for "not so"; values are texts, since JSON knows no NaN."""
    return {
        "start": format_time(report.start_ns),
        "end": format_time(report.end_ns),
        "step_s": report.step_s,
        "rules": report.rules,
        "recorded": report.recorded,
        "alerts": [
            {
                "rule": firing.rule,
                "labels": dict(firing.labels),
                "annotations": dict(firing.annotations),
                "value": repr(firing.value),
                "active_at": format_time(firing.active_ns),
                "fired_at": format_time(firing.fired_ns) if firing.fired_ns else None,
                "ended_at": format_time(firing.ended_ns) if firing.ended_ns else None,
                "firing_s": firing.seconds(start_ns=report.start_ns, end_ns=report.end_ns),
            }
            for firing in report.firings
        ],
    }
