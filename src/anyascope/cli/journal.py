"""`anyascope journal`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.lengths import seconds_of
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import local_time, read_time
from anyascope.cli.terminal import Cell, Style, Terminal

if TYPE_CHECKING:
    from anyascope.client.client import Client
    from anyascope.wire.own_api import NotificationView

PAGE = 200
NAMES_SHOWN = 3  # alerts of a notification that a line names; the rest is counted


class Status(StrEnum):
    """Where a notification stands."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


_STYLES = {"queued": Style.YELLOW, "sent": Style.GREEN, "failed": Style.RED}


def journal(  # an option each
    context: typer.Context,
    *,
    receiver: Annotated[str, typer.Option("--receiver", help="Only this receiver's.", show_default=False)] = "",
    status: Annotated[Status | None, typer.Option("--status", help="Only these.")] = None,
    since: Annotated[
        str, typer.Option("--since", help="How far back, such as 12h.", metavar="DURATION", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, max=10_000)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show who was told what, when and why, and what came of it; newest first."""
    oldest = datetime.now(UTC) - timedelta(seconds=seconds_of(since, option="--since")) if since else None
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = _read(client, receiver=receiver, status=status.value if status else "", oldest=oldest, limit=limit)
    if as_json:
        print_json(terminal, found)
        return
    if not found:
        terminal.line("nobody was told anything")
        return
    headers = ["time", "receiver", "channel", "status", "why", "alerts", "answer"]
    terminal.table(headers, [_row(one) for one in found])


def _read(client: Client, *, receiver: str, status: str, oldest: datetime | None, limit: int) -> list[NotificationView]:
    found: list[NotificationView] = []
    cursor = ""
    while len(found) < limit:
        page = client.notifications(limit=min(PAGE, limit), cursor=cursor, receiver=receiver, status=status)
        for one in page.notifications:
            if oldest is not None and read_time(one.at) < oldest:
                return found
            found.append(one)
        if not page.cursor:
            break
        cursor = page.cursor
    return found[:limit]


def _row(one: NotificationView) -> list[Cell]:
    why = (
        one.reason
        if one.policy is None
        else f"{one.policy}, {'end' if one.level is None else f'level {one.level + 1}'}"
    )
    last = one.attempts[-1].detail if one.attempts else "-"
    answer = last if len(one.attempts) < 2 else f"{last} ({len(one.attempts)} attempts)"
    names = [f"{alert.name}{'' if alert.state == 'firing' else ' (resolved)'}" for alert in one.alerts[:NAMES_SHOWN]]
    more = len(one.alerts) - NAMES_SHOWN
    return [
        Cell(local_time(one.at), Style.DIM),
        Cell(one.receiver, Style.CYAN),
        Cell(one.channel),
        Cell(one.status, _STYLES.get(one.status, Style.PLAIN)),
        Cell(why),
        Cell(", ".join(names) + (f" and {more} more" if more > 0 else "")),
        Cell(answer),
    ]
