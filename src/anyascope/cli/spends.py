"""`anyascope spends`."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import local_time
from anyascope.cli.terminal import Cell, Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.client.client import Client
    from anyascope.wire.own_custody import SpendView

PAGE = 200
app = typer.Typer(
    help="Spends of watched wallets: was each asked for, approved and signed?", invoke_without_command=True
)


class State(StrEnum):
    """Where a spend stands."""

    WAITING = "waiting"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    LATE = "late"
    ACCEPTED = "accepted"


_STATES = {"unmatched": Style.ALARM, "late": Style.YELLOW, "waiting": Style.YELLOW, "matched": Style.GREEN}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def spends(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option("--state", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List spends of watched wallets, newest first."""
    if context.invoked_subcommand is not None:
        return
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = _read(client, state=state.value if state else "", limit=limit)
    if as_json:
        print_json(terminal, found)
        return
    if not found:
        terminal.line("no spends")
        return
    headers = ["seen", "wallet", "sats", "state", "lacks", "operation", "transaction"]
    terminal.table(headers, [_row(one) for one in found])


@app.command()
def accept(
    context: typer.Context,
    txid: Annotated[str, typer.Argument(help="The transaction.")],
    *,
    note: Annotated[str, typer.Option("--note", help="Why it is in order.", metavar="TEXT", show_default=False)],
    chain: Annotated[str, typer.Option("--chain", help="Its chain.")] = "main",
    by: Annotated[
        str, typer.Option("--by", help="Who says so; you, where not given.", metavar="NAME", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say that an unmatched spend is in order; its page ends."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.accept_spend(chain, txid, by=by or getpass.getuser(), note=note)
    if as_json:
        print_json(terminal, found)
        return
    terminal.line(
        f"{terminal.paint('accepted', Style.GREEN)}  {found.amount_sats} sats of {clean(found.wallet)}: {clean(found.txid)}"
    )


def _read(client: Client, *, state: str, limit: int) -> list[SpendView]:
    found: list[SpendView] = []
    cursor = ""
    while len(found) < limit:
        page = client.spends(limit=min(PAGE, limit), cursor=cursor, state=state)
        found.extend(page.spends)
        if not page.cursor:
            break
        cursor = page.cursor
    return found[:limit]


def _row(one: SpendView) -> list[Cell]:
    return [
        Cell(local_time(one.seen_at) if one.seen_at else "-", Style.DIM),
        Cell(one.wallet, Style.CYAN),
        Cell(str(one.amount_sats)),
        Cell(one.state, _STATES.get(one.state, Style.PLAIN)),
        Cell(",".join(one.lacks) or "-"),
        Cell(one.operation or "-"),
        Cell(one.txid),
    ]
