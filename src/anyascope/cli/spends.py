"""`anyascope spends`."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.help import examples
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import amount_of, local_time, wallet_of
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.semconv.coins import smallest_unit

if TYPE_CHECKING:
    from anyascope.client.client import Client
    from anyascope.wire.own_custody import SpendView

PAGE = 200
LOOKED_AT_MAX = 10_000  # unmatched spends among which a chain is sought; as many as may be listed at once
CHAIN_DEFAULT = "main"
app = typer.Typer(
    help="Spends of watched wallets: was each asked for, approved and signed?",
    epilog=examples(
        ("anyascope spends --state unmatched", "what nobody asked for, approved or signed"),
        ("anyascope correlate TXID", "all that is known of one"),
        ('anyascope spends accept TXID --note "moved by hand, OPS-42"', "it is in order: its page ends"),
    ),
    invoke_without_command=True,
)


class State(StrEnum):
    """Where a spend stands."""

    WAITING = "waiting"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    LATE = "late"
    ACCEPTED = "accepted"
    HISTORY = "history"


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
        nothing = _why_none(client, state) if not found and not as_json else ""
    if as_json:
        print_json(terminal, found)
        return
    if not found:
        terminal.line(nothing)
        return
    headers = ["seen", "wallet", "sats", "state", "lacks", "operation", "transaction"]
    terminal.table(headers, [_row(one) for one in found])


@app.command()
def accept(
    context: typer.Context,
    txid: Annotated[str, typer.Argument(help="The transaction.")],
    *,
    note: Annotated[str, typer.Option("--note", help="Why it is in order.", metavar="TEXT", show_default=False)],
    chain: Annotated[
        str,
        typer.Option("--chain", help="Its chain; that of the unmatched spend, where not given.", show_default=False),
    ] = "",
    by: Annotated[
        str, typer.Option("--by", help="Who says so; you, where not given.", metavar="NAME", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say that an unmatched spend is in order; its page ends."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.accept_spend(chain or _chain_of(client, txid), txid, by=by or getpass.getuser(), note=note)
    if as_json:
        print_json(terminal, found)
        return
    terminal.line(
        f"{terminal.paint('accepted', Style.GREEN)}  {found.amount_sats:,} {smallest_unit(found.coin)} of {clean(found.wallet)}: {clean(found.txid)}"
    )


def _why_none(client: Client, state: State | None) -> str:
    """Nothing was spent, or nothing is compared: only the second is to be mended."""
    parts = [part for part in client.health().components if part.component.startswith("custody")]
    if not parts:
        return "no spends: nothing is reconciled, since anyascope.yml has no section custody (`custody: {}` is enough)"
    ill = [part for part in parts if part.status != "healthy"]
    if ill:
        return "\n".join(f"no spends: {clean(part.message)}; {clean(part.advice)}" for part in ill)
    return f"no {state.value} spends" if state else "no spends: nothing was spent from the wallets that must reconcile"


def _chain_of(client: Client, txid: str) -> str:
    """The chain of an unmatched spend, where the person did not say it."""
    known = {one.chain for one in _read(client, state=State.UNMATCHED.value, limit=LOOKED_AT_MAX) if one.txid == txid}
    return known.pop() if len(known) == 1 else CHAIN_DEFAULT


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
        Cell(wallet_of(one.wallet, one.coin), Style.CYAN),
        Cell(amount_of(one.amount_sats, one.coin), is_number=True),
        Cell(one.state, _STATES.get(one.state, Style.PLAIN)),
        Cell(",".join(one.lacks) or "-"),
        Cell(one.operation or "-"),
        Cell(one.txid, is_whole=True),
    ]
