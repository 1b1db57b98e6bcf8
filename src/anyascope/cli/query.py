"""`anyascope query`: PromQL in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Cell, Style, Terminal, clean, sparkline

if TYPE_CHECKING:
    from anyascope.client.prometheus import Point, QueryAnswer, Series

POINTS_WANTED = 120  # of a range where no step is given: twice what a sparkline shows
SPARK_COLUMNS = 60
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800)


def query(
    context: typer.Context,
    expression: Annotated[str, typer.Argument(metavar="EXPR", help="A PromQL expression.")],
    *,
    time: Annotated[str, typer.Option("--time", help="At this time: RFC 3339, Unix, -1h.")] = "now",
    start: Annotated[str, typer.Option("--start", help="Over a range from this time: RFC 3339, Unix, -1h.")] = "",
    end: Annotated[str, typer.Option("--end", help="To this time.")] = "now",
    step: Annotated[str, typer.Option("--step", help="Between the points of a range, such as 30s.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask for an expression's value now, or for its course with --start."""
    from anyascope.clock import NS_PER_S, SystemClock
    from anyascope.explore.times import parse_duration_ns, parse_range, parse_time

    now_ns = SystemClock().now_ns()
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        if start:
            stretch = parse_range(start, end, now_ns=now_ns)
            start_s, end_s = stretch.start_ns / NS_PER_S, stretch.end_ns / NS_PER_S
            step_s = parse_duration_ns(step, name="--step") / NS_PER_S if step else fitting_step_s(end_s - start_s)
            answer = client.query_range(expression, start_s=start_s, end_s=end_s, step_s=step_s)
        else:
            at_s = None if time == "now" else parse_time(time, now_ns=now_ns, name="--time") / NS_PER_S
            answer = client.query(expression, time_s=at_s)
    if as_json:
        print_json(terminal, answer)
        return
    _tell_remarks(answer)
    if not answer.series:
        terminal.line("no series: nothing matches at this time")
    elif start:
        _print_courses(terminal, answer.series)
    else:
        _print_values(terminal, answer.series)


def fitting_step_s(stretch_s: float) -> float:
    """The smallest round step that gives at most about as many points as are wanted."""
    return next((step for step in STEPS_S if step * POINTS_WANTED >= stretch_s), math.ceil(stretch_s / POINTS_WANTED))


def series_name(labels: dict[str, str]) -> str:
    """A series as PromQL writes it: `up{job="node"}`."""
    inner = ",".join(f"{name}={_quoted(value)}" for name, value in sorted(labels.items()) if name != "__name__")
    return labels.get("__name__", "") + (f"{{{inner}}}" if inner or "__name__" not in labels else "")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _print_values(terminal: Terminal, series: Sequence[Series]) -> None:
    rows = [
        [Cell(series_name(one.labels)), Cell(_last(one.points), Style.BOLD, is_number=True)]
        for one in series
        if one.points
    ]
    terminal.table(["series", "value"], rows)


def _print_courses(terminal: Terminal, series: Sequence[Series]) -> None:
    width = min(SPARK_COLUMNS, terminal.width // 2) if terminal.is_tty else SPARK_COLUMNS
    times = sorted({point.time_s for one in series for point in one.points})
    rows = []
    for one in series:
        at = {point.time_s: _number(point.value) for point in one.points}
        values = [at.get(time_s) for time_s in times]
        known = [value for value in values if value is not None]
        rows.append(
            [
                Cell(sparkline(values, width=width), Style.CYAN),
                Cell(_last(one.points), Style.BOLD, is_number=True),
                Cell(_short(min(known, default=None)), is_number=True),
                Cell(_short(max(known, default=None)), is_number=True),
                Cell(series_name(one.labels)),
            ]
        )
    terminal.table(["course", "last", "min", "max", "series"], rows)


def _tell_remarks(answer: QueryAnswer) -> None:
    for remark in (*answer.warnings, *answer.infos):
        typer.echo(f"note: {clean(remark)}", err=True)


def _last(points: Sequence[Point]) -> str:
    return points[-1].value if points else "-"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _number(text: str) -> float | None:
    """A value that can be drawn; None for NaN and infinities."""
    value = float(text)
    return value if math.isfinite(value) else None
