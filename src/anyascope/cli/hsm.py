"""`anyascope hsm`."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from anyascope.cli.help import examples
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import time_or_dash
from anyascope.cli.terminal import Cell, Style, Terminal, clean

app = typer.Typer(
    help="Watched HSMs: how each is, and what is another than it was accepted.",
    epilog=examples(
        ("anyascope hsm", "how each is"),
        ("anyascope hsm accept core", "what changed was meant: keys, firmware, mechanisms"),
    ),
    invoke_without_command=True,
)
NO_HSM = "no HSM is watched: name one in collectors.hsm of anyascope.yml, then reload"

_STATES = {"healthy": Style.GREEN, "degraded": Style.YELLOW, "unhealthy": Style.RED}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def hsm(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show how each HSM is, where no other command is given."""
    if context.invoked_subcommand is None:
        list_hsms(context, as_json=as_json)


@app.command("list")
def list_hsms(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show how each HSM is, and what is another than it was accepted."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.hsms()
    if as_json:
        print_json(terminal, found)
        return
    if not found.hsms:
        terminal.line(NO_HSM)
        return
    rows = [
        [
            Cell(one.name, Style.BOLD),
            Cell(one.status, _STATES.get(one.status, Style.PLAIN)),
            Cell(one.token or "-"),
            Cell(time_or_dash(one.accepted_at)),
            Cell(one.message),
        ]
        for one in found.hsms
    ]
    terminal.table(["hsm", "status", "token", "accepted", "says"], rows)
    for one in found.hsms:
        if one.advice:
            terminal.line()
            terminal.line(f"{terminal.paint(clean(one.name), Style.BOLD)}  {clean(one.message)}")
            terminal.line(f"    {clean(one.advice.replace('accept NAME', f'accept {one.name}'))}")


@app.command()
def accept(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The HSM's name in the configuration.")],
    *,
    by: Annotated[
        str, typer.Option("--by", help="Who says so; you, where not given.", metavar="NAME", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Take what the token is now for what it should be: its mechanisms, its firmware, its keys."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.accept_hsm(name, by=by or getpass.getuser())
    if as_json:
        print_json(terminal, found)
        return
    terminal.line(f"{terminal.paint('accepted', Style.GREEN)}  {clean(found.name)}: token {clean(found.token)}")
    for change in found.changes:
        terminal.line(f"  {clean(change)}")
