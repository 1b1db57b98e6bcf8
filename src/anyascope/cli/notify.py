"""`anyascope notify`: how the channels are, what failed, and sending it again."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli import notify_test
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import ago
from anyascope.cli.terminal import Cell, Style, Terminal

if TYPE_CHECKING:
    from anyascope.wire.own_api import NotificationView

app = typer.Typer(help="Look after what is sent to receivers.", no_args_is_help=True)
app.command("test")(notify_test.tried)

_STATES = {"healthy": Style.GREEN, "degraded": Style.YELLOW, "open": Style.RED}
_LIMIT = 100  # letters that are listed; more are a fault to mend, not to read


@app.command("channels")
def channels(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show how each receiver's channels are."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.channels()
    if as_json:
        print_json(terminal, found)
        return
    if not found.channels:
        terminal.line("no receiver has a channel")
        return
    rows = [
        [
            Cell(one.key, Style.BOLD),
            Cell(one.state, _STATES[one.state]),
            Cell(str(one.waiting), is_number=True),
            Cell(str(one.dead), is_number=True),
            Cell(one.last_error or "-"),
        ]
        for one in found.channels
    ]
    terminal.table(["channel", "state", "waiting", "dead", "last error"], rows)


@app.command("dead")
def dead(
    context: typer.Context,
    *,
    receiver: Annotated[str, typer.Option("--receiver", help="Only this receiver's.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List notifications that failed for good, newest first."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.notifications(status="failed", receiver=receiver, limit=_LIMIT)
    if as_json:
        print_json(terminal, found)
        return
    letters = [one for one in found.notifications if one.told_in is None]
    if not letters:
        terminal.line("nothing has failed")
        return
    now = datetime.now(UTC)
    rows = [
        [
            Cell(one.id, Style.BOLD),
            Cell(ago(one.at, now=now), is_number=True),
            Cell(one.integration),
            Cell(_about(one)),
            Cell(one.attempts[-1].detail if one.attempts else "-"),
        ]
        for one in letters
    ]
    terminal.table(["notification", "since", "channel", "alerts", "last answer"], rows)
    if found.cursor is not None:
        terminal.line(f"there are more than these {_LIMIT}")


def _about(one: NotificationView) -> str:
    names = list(dict.fromkeys(alert.name for alert in one.alerts))
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


@app.command("replay")
def replay(
    context: typer.Context,
    notifications: Annotated[list[str], typer.Argument(help="As `dead` lists them.", metavar="NOTIFICATION...")],
    *,
    by: Annotated[str, typer.Option("--by", help="Who wants it; else your user name.", show_default=False)] = "",
) -> None:
    """Send notifications again that have failed."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        for identity in notifications:
            sent = client.replay(identity, by=by or getpass.getuser())
            terminal.line(f"{sent.id} goes to {sent.integration} again")
