"""`anyascope notify test`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.wire.own_api import TrialsView

EXIT_UNWELL = 1
_SHOWN = {"ok": ("ok", Style.GREEN), "retry": ("not now", Style.YELLOW), "failed": ("refused", Style.RED)}


def tried(
    context: typer.Context,
    receiver: Annotated[str, typer.Argument(help="A receiver of the configuration.")],
    *,
    alertmanager_config: Annotated[
        Path | None,
        typer.Option("--alertmanager-config", metavar="FILE", help="Send from here, with the receivers of this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send a real test message through each channel of a receiver, and print what the far ends answer."""
    terminal = Terminal.standard()
    if alertmanager_config is None:
        with session_of(context).client() as client:
            found = client.test_receiver(receiver)
    else:
        found = _try_from_here(alertmanager_config, receiver)
    if as_json:
        print_json(terminal, found)
    else:
        _print(terminal, found)
    if any(one.outcome != "ok" for one in found.channels):
        raise typer.Exit(EXIT_UNWELL)


def _print(terminal: Terminal, found: TrialsView) -> None:
    if not found.channels:
        terminal.line(f"receiver {clean(found.receiver)} has no channel: nobody is told")
    for one in found.channels:
        word, style = _SHOWN[one.outcome]
        terminal.line(f"{terminal.paint(word, style)}  {clean(one.key)}: {clean('; '.join(one.answers))}")


def _try_from_here(path: Path, receiver: str) -> TrialsView:
    import asyncio

    from anyascope.alerting.settings import read_alertmanager_file
    from anyascope.api.receivers import trials_view
    from anyascope.app.trials import Trials
    from anyascope.clock import SystemClock
    from anyascope.config.load import read_text
    from anyascope.ids import RandomIds

    options, clock = read_alertmanager_file(read_text(path), file=str(path)), SystemClock()
    trials = Trials(lambda: options, clock=clock, ids=RandomIds(clock))
    return trials_view(receiver, asyncio.run(trials.try_receiver(receiver)))
