"""`anyascope alerts`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli import answers
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import ago
from anyascope.cli.terminal import Cell, Style, Terminal

if TYPE_CHECKING:
    from anyascope.wire.own_api import AlertView


class State(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


app = typer.Typer(help="List alerts, and answer them.", invoke_without_command=True)
app.command("show")(answers.show)
app.command("assign")(answers.assign)
app.command("comment")(answers.comment)
app.command("snooze")(answers.snooze)
app.command("resolve")(answers.resolve)
app.command("unack")(answers.unack)

_SEVERITIES = {"critical": Style.ALARM, "high": Style.RED, "medium": Style.YELLOW, "low": Style.GREEN}
_STATES = {"firing": Style.RED, "pending": Style.YELLOW, "resolved": Style.DIM}


@app.callback()
def alerts(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option("--state", help="Only these.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List alerts, the most severe first; or answer one."""
    if context.invoked_subcommand is not None:
        return
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.alerts(state=state.value if state else "")
        is_silenced = not as_json and any(alert.silenced_by for alert in found.alerts)
        silences = client.silences(state="active", limit=1000).silences if is_silenced else []
    if as_json:
        print_json(terminal, found)
        return
    if not found.alerts:
        terminal.line("no alerts")
        return
    now = datetime.now(UTC)
    reasons = {one.id: f"silenced by {one.created_by}: {one.comment}" for one in silences}
    rows = [
        [
            Cell(alert.id, Style.DIM, is_whole=True),
            Cell(alert.severity, _SEVERITIES.get(alert.severity, Style.PLAIN)),
            Cell(
                _told_state(alert, reasons),
                _STATES.get(alert.state, Style.PLAIN),
            ),
            Cell(ago(alert.starts_at, now=now), is_number=True),
            Cell(alert.name, Style.BOLD),
            Cell(alert.title),
            Cell(alert.source, Style.CYAN),
            Cell(", ".join(alert.receivers) or "-"),
        ]
        for alert in found.alerts
    ]
    terminal.table(["id", "severity", "state", "since", "alert", "title", "source", "receivers"], rows)


def _told_state(alert: AlertView, reasons: Mapping[str, str]) -> str:
    """The state, and why nobody is told; `reasons` by the ids of silences."""
    words: list[str] = [alert.state]
    if alert.acknowledgement is not None:
        words.append(f"acknowledged by {alert.acknowledgement.by}")
    elif alert.snoozed_until is not None:
        words.append("snoozed")
    if alert.silenced_by:
        words.append(reasons.get(alert.silenced_by[0], "silenced"))
    if alert.inhibited_by:
        words.append("inhibited")
    if alert.muted_by:
        words.append("muted")
    return ", ".join(words)
