"""`anyascope alerts`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import ago
from anyascope.cli.terminal import Cell, Style, Terminal


class State(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


_SEVERITIES = {"critical": Style.ALARM, "high": Style.RED, "medium": Style.YELLOW, "low": Style.GREEN}
_STATES = {"firing": Style.RED, "pending": Style.YELLOW, "resolved": Style.DIM}


def alerts(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option("--state", help="Only these.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List alerts, the most severe first."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.alerts(state=state.value if state else "")
    if as_json:
        print_json(terminal, found)
        return
    if not found.alerts:
        terminal.line("no alerts")
        return
    now = datetime.now(UTC)
    rows = [
        [
            Cell(alert.severity, _SEVERITIES.get(alert.severity, Style.PLAIN)),
            Cell(
                _told_state(alert.state, is_muted=bool(alert.silenced_by or alert.inhibited_by or alert.muted_by)),
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
    terminal.table(["severity", "state", "since", "alert", "title", "source", "receivers"], rows)


def _told_state(state: str, *, is_muted: bool) -> str:
    return f"{state}, muted" if is_muted else state
