"""`anyascope correlate`: one operation across traces, logs, audit, metrics, chain and alerts, as stages and a time line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import duration, local_time, read_ns
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.explore.correlated.kinds import EntryKind
from anyascope.semconv.coins import smallest_unit

if TYPE_CHECKING:
    from anyascope.wire.own_correlation import CorrelationView, EntryView, SetbackView, StageView
    from anyascope.wire.own_custody import SpendView


_STAGES = {"done": Style.GREEN, "failed": Style.RED, "open": Style.YELLOW, "missing": Style.RED, "waiting": Style.DIM}
_STAGE_WORDS = {"open": "under way", "waiting": "not yet"}
_SPENDS = {"unmatched": Style.ALARM, "matched": Style.GREEN}


def correlate(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A correlation id, or a transaction's id.")],
    *,
    kind: Annotated[list[EntryKind] | None, typer.Option("--kind", "-k", help="Only these; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Follow one operation: its stages, and all that carries its id or its transaction's, the oldest first."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.correlation(identity)
    shown = [one for one in found.entries if not kind or one.kind in kind]
    if as_json:
        print_json(terminal, replace(found, entries=shown))
        return
    for part in found.parts:
        if part.state in ("late", "failed"):
            typer.echo(f"(not all could be asked; {part.name}: {clean(part.detail)})", err=True)
    _print_head(terminal, found)
    _print_entries(terminal, shown, start_ns=read_ns(found.entries[0].at) if found.entries else 0)
    for part in found.parts:
        if part.state == "cut":
            terminal.line(f"{part.name}: {clean(part.detail)}")


def _print_head(terminal: Terminal, found: CorrelationView) -> None:
    asked, *others = found.ids
    terminal.line(clean(asked))
    for one in others:
        terminal.line(f"joined with {clean(one)}")
    for spend in found.spends:
        terminal.line(_spend_line(terminal, spend))
    for setback in found.setbacks:
        terminal.line(_setback_line(terminal, setback))
    if found.stages:
        terminal.table(["stage", "", "began", "after", "details"], [_stage_row(one) for one in found.stages])


def _print_entries(terminal: Terminal, entries: list[EntryView], *, start_ns: int) -> None:
    if not entries:
        terminal.line("nothing of these kinds")
        return
    terminal.table(
        ["time", "after", "kind", "source", "took", "what", "details"],
        [_row(one, after_ns=read_ns(one.at) - start_ns) for one in entries],
    )


def _spend_line(terminal: Terminal, spend: SpendView) -> str:
    lacks = f"lacks {', '.join(spend.lacks)}" if spend.lacks else "request, approval and signature are there"
    by = f", by {clean(spend.accepted_by)}: {clean(spend.note)}" if spend.accepted_by else ""
    told = f"{clean(spend.wallet)} spends {spend.amount_sats} {smallest_unit(spend.coin)}: {clean(lacks)}"
    return f"{terminal.paint(clean(spend.state), _SPENDS.get(spend.state, Style.YELLOW))}  {told}{by}"


def _setback_line(terminal: Terminal, setback: SetbackView) -> str:
    style, end = (Style.DIM, ", made good since") if setback.is_over else (Style.YELLOW, "")
    about = " ".join(text for text in (setback.txid, setback.detail) if text)
    return f"{terminal.paint(setback.kind, style)}  {local_time(setback.at)}  {clean(about)}{end}"


def _stage_row(stage: StageView) -> list[Cell]:
    return [
        Cell(stage.name),
        Cell(_STAGE_WORDS.get(stage.state, stage.state), _STAGES[stage.state]),
        Cell(local_time(stage.at) if stage.at else "-", Style.DIM, is_whole=True),
        Cell("-" if stage.took_ns is None else duration(stage.took_ns), is_number=True),
        Cell(stage.detail, Style.DIM),
    ]


def _row(one: EntryView, *, after_ns: int) -> list[Cell]:
    return [
        Cell(local_time(one.at), Style.DIM, is_whole=True),
        Cell(f"+{duration(after_ns)}", is_number=True),
        Cell(one.kind, Style.BLUE),
        Cell(one.source, Style.CYAN),
        Cell("-" if one.duration_ns is None else duration(one.duration_ns), is_number=True),
        Cell(one.title, Style.RED if one.is_bad else Style.PLAIN),
        Cell(one.detail, Style.DIM),
    ]
