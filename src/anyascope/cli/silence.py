"""`anyascope silence`."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.lengths import seconds_of
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import ago, local_time, read_time
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.errors import InvalidInputError

if TYPE_CHECKING:
    from anyascope.wire.own_silences import MatcherView, RecurrenceView, SilencePreviewView, SilenceView

app = typer.Typer(help="Keep alerts quiet for a while.", no_args_is_help=True)


class State(StrEnum):
    """Whether a silence holds."""

    ACTIVE = "active"
    PENDING = "pending"
    EXPIRED = "expired"


_STATES = {"active": Style.YELLOW, "pending": Style.CYAN, "expired": Style.DIM}
ALERTS_SHOWN = 20  # of a preview; `--json` has all

Matchers = Annotated[
    list[str], typer.Argument(help="Such as instance=h1 or 'severity=~low|medium'; a bare word is an alert's name.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who asks; you, where not given.", metavar="NAME", show_default=False)]
Length = Annotated[str, typer.Option("--for", help="How long, such as 2h or 1d12h.", metavar="DURATION")]
SilenceId = Annotated[str, typer.Argument(help="The silence's id.", metavar="ID")]


@app.command("list")
def list_silences(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option("--state", help="Only these; else all but expired ones.")] = None,
    as_json: AsJson = False,
) -> None:
    """List silences: who made them, why, until when, and what they match now."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.silences(state=state.value if state else "", limit=1000)
    shown = [one for one in found.silences if state is not None or one.state != "expired"]
    if as_json:
        print_json(terminal, shown)
        return
    if not shown:
        terminal.line("no silences")
        return
    now = datetime.now(UTC)
    rows = [
        [
            Cell(one.id, is_whole=True),
            Cell(one.state, _STATES.get(one.state, Style.PLAIN)),
            Cell(_end(one, now=now)),
            Cell(_matchers_text(one), Style.BOLD),
            Cell(str(one.matches_now), is_number=True),
            Cell(one.created_by, Style.CYAN),
            Cell(one.comment),
        ]
        for one in shown
    ]
    terminal.table(["id", "state", "ends", "matchers", "alerts", "author", "reason"], rows)


@app.command()
def show(context: typer.Context, silence_id: SilenceId, *, as_json: AsJson = False) -> None:
    """Show one silence with its history."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.silence(silence_id)
    if as_json:
        print_json(terminal, found)
    else:
        _print(terminal, found)


@app.command()
def preview(context: typer.Context, matchers: Matchers, *, as_json: AsJson = False) -> None:
    """Show which alerts these matchers hit now, and which rules' alerts they would hit. Nothing is muted."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.preview_silence(_read_matchers(matchers))
    if as_json:
        print_json(terminal, found)
        return
    _print_preview(terminal, found)


@app.command()
def add(  # noqa: PLR0913  # a form with a field each
    context: typer.Context,
    matchers: Matchers,
    *,
    comment: Annotated[str, typer.Option("--comment", "-c", help="Why.", metavar="TEXT")],
    length: Annotated[str, typer.Option("--for", "-d", help="How long, such as 2h.", metavar="DURATION")] = "",
    until: Annotated[str, typer.Option("--until", help="Until when, RFC 3339.", metavar="TIME")] = "",
    start: Annotated[str, typer.Option("--start", help="From when, RFC 3339; now.", metavar="TIME")] = "",
    between: Annotated[
        str, typer.Option("--between", help="Only in this window of each day, such as 22:00-06:00.", metavar="WINDOW")
    ] = "",
    on: Annotated[str, typer.Option("--on", help="Its weekdays, such as mon,fri; every day.", metavar="DAYS")] = "",
    zone: Annotated[str, typer.Option("--zone", help="Its time zone, such as Europe/Berlin; UTC.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make a silence. Warnings say what it mutes that somebody may miss."""
    from anyascope.wire.own_silences import SilenceRequest

    if bool(length) is bool(until):
        raise InvalidInputError("give either --for or --until: a silence has an end")
    asked = SilenceRequest(
        matchers=_read_matchers(matchers),
        created_by=by or getpass.getuser(),
        comment=comment,
        starts_at=start or None,
        ends_at=until or None,
        for_s=seconds_of(length, option="--for") if length else None,
        recurrence=_recurrence(between, on=on, zone=zone),
    )
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        made = client.add_silence(asked)
    _tell(terminal, made, as_json=as_json)


@app.command()
def extend(
    context: typer.Context, silence_id: SilenceId, *, length: Length, by: By = "", as_json: AsJson = False
) -> None:
    """Let a silence last longer than it would, by so much."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        changed = client.extend_silence(
            silence_id, by=by or getpass.getuser(), for_s=seconds_of(length, option="--for")
        )
    _tell(terminal, changed, as_json=as_json)


@app.command()
def clone(
    context: typer.Context, silence_id: SilenceId, *, length: Length, by: By = "", as_json: AsJson = False
) -> None:
    """Make a silence like that one, from now on."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        made = client.clone_silence(silence_id, by=by or getpass.getuser(), for_s=seconds_of(length, option="--for"))
    _tell(terminal, made, as_json=as_json)


@app.command()
def expire(context: typer.Context, silence_id: SilenceId, *, by: By = "", as_json: AsJson = False) -> None:
    """End a silence now."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        changed = client.expire_silence(silence_id, by=by or getpass.getuser())
    _tell(terminal, changed, as_json=as_json)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_matchers(texts: Sequence[str]) -> list[MatcherView]:
    from anyascope.alerting.matchers import parse_matcher
    from anyascope.wire.own_silences import MatcherView

    found = []
    for text in texts:
        matcher = parse_matcher(text if any(sign in text for sign in "=~!") else f"alertname={text}")
        found.append(MatcherView(name=matcher.name, op=matcher.op.value, value=matcher.value))
    return found


def _recurrence(window: str, *, on: str, zone: str) -> RecurrenceView | None:
    from anyascope.wire.own_silences import RecurrenceView

    if not window:
        if on or zone:
            raise InvalidInputError("--on and --zone say when the window of --between is; give that, too")
        return None
    start, dash, end = window.partition("-")
    if not dash:
        raise InvalidInputError(f"--between: a window is written as 22:00-06:00, got {window!r}")
    days = [day for day in on.split(",") if day.strip()]
    return RecurrenceView(start_time=start.strip(), end_time=end.strip(), weekdays=days, location=zone or "UTC")


# --- showing ----------------------------------------------------------------------------------------------------------


def _tell(terminal: Terminal, silence: SilenceView, *, as_json: bool) -> None:
    """What became of a change: the id, and what to know."""
    if as_json:
        print_json(terminal, silence)
        return
    terminal.line(f"{silence.id}  {terminal.paint(silence.state, _STATES.get(silence.state, Style.PLAIN))}")
    terminal.line(f"ends {local_time(silence.ends_at)}; {_alerts_text(silence.matches_now)}")
    _warn(terminal, silence.warnings)


def _warn(terminal: Terminal, warnings: Sequence[str]) -> None:
    for warning in warnings:
        terminal.line(f"{terminal.paint('warning:', Style.YELLOW)} {clean(warning)}")


def _print(terminal: Terminal, silence: SilenceView) -> None:
    lines = {
        "id": silence.id,
        "state": silence.state,
        "matchers": _matchers_text(silence),
        "from": local_time(silence.starts_at),
        "until": local_time(silence.ends_at),
        "windows": _windows_text(silence.recurrence),
        "changes": local_time(silence.next_change_at) if silence.recurrence and silence.next_change_at else "",
        "author": silence.created_by,
        "reason": silence.comment,
        "now": _alerts_text(silence.matches_now),
    }
    for name, text in lines.items():
        if text:
            terminal.line(f"{terminal.paint(f'{name:<10}', Style.DIM)}{clean(text)}")
    _warn(terminal, silence.warnings)
    terminal.line()
    rows = [[Cell(local_time(one.at)), Cell(one.by or "-", Style.CYAN), Cell(one.change)] for one in silence.history]
    terminal.table(["when", "who", "what"], rows)


def _print_preview(terminal: Terminal, found: SilencePreviewView) -> None:
    terminal.line(_alerts_text(len(found.matching_now)))
    if found.matching_now:
        rows = [
            [Cell(alert.severity), Cell(alert.state), Cell(alert.name, Style.BOLD), Cell(alert.title)]
            for alert in found.matching_now[:ALERTS_SHOWN]
        ]
        terminal.table(["severity", "state", "alert", "title"], rows)
    rules = len(found.would_match)
    terminal.line(f"{rules} {'rule' if rules == 1 else 'rules'} could make alerts that match")
    if found.would_match:
        hits = [
            [
                Cell(hit.severity),
                Cell("always" if hit.is_certain else "by its series"),
                Cell(hit.name, Style.BOLD),
                Cell(hit.group),
            ]
            for hit in found.would_match[:ALERTS_SHOWN]
        ]
        terminal.table(["severity", "matches", "rule", "group"], hits)
    _warn(terminal, found.warnings)


def _alerts_text(count: int) -> str:
    return "1 alert matches now" if count == 1 else f"{count} alerts match now"


def _end(silence: SilenceView, *, now: datetime) -> str:
    """`in 2 h 5 m`, or how long ago."""
    if silence.state == "expired":
        return f"{ago(silence.ends_at, now=now)} ago"
    left = read_time(silence.ends_at)
    return f"in {ago(now.strftime('%Y-%m-%dT%H:%M:%S.%fZ'), now=left)}"


def _matchers_text(silence: SilenceView) -> str:
    from anyascope.alerting.matchers import format_matcher
    from anyascope.model.labels import Matcher, MatchOp

    return ", ".join(format_matcher(Matcher(one.name, MatchOp(one.op), one.value)) for one in silence.matchers)


def _windows_text(recurrence: RecurrenceView | None) -> str:
    if recurrence is None:
        return ""
    days = ", ".join(recurrence.weekdays) or "every day"
    return f"{recurrence.start_time} to {recurrence.end_time} {recurrence.location}, {days}"
