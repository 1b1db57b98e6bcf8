"""`anyascope cardinality`: who makes the series, and `anyascope series delete`: away with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.query import series_name
from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Cell, Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.wire.own_api import CardinalityView, CountView

NEAR = 0.8  # of a limit: where the default rules warn
SHOWN_MAX = 10  # series that are shown before they are deleted

app = typer.Typer(help="Look at series and delete them.", no_args_is_help=True)


def cardinality(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Entries of each list.")] = 10,
    label: Annotated[str, typer.Option("--by", help="Count the series by this label, too.")] = "job",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say who makes the series: by metric, label, pair, source and job, beside the limits."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.cardinality(limit=limit, label=label)
    if as_json:
        print_json(terminal, found)
        return
    _print_limits(terminal, found)
    for title, counts, of in (
        (f"by {label}", found.by, "series"),
        ("by metric", found.metrics, "series"),
        ("by label", found.labels, "values"),
        ("by pair", found.pairs, "series"),
    ):
        _print_counts(terminal, title, counts, total=found.series, noun=of)
    _print_advice(terminal)


def _print_limits(terminal: Terminal, found: CardinalityView) -> None:
    terminal.line(
        f"{terminal.paint(f'{found.series:,} series', Style.BOLD)} stored · {found.new:,} began within the last hour · "
        f"{found.quiet:,} had no sample in it"
    )
    taken = sum(source.count for source in found.sources)
    rows = [_share("all sources", taken, found.limit)]
    rows += [_share(source.name, source.count, found.source_limit) for source in found.sources]
    terminal.line()
    terminal.table(["let in", "series", "limit", "share"], rows)


def _share(name: str, count: int, limit: int) -> list[Cell]:
    share = count / limit
    style = Style.RED if share >= 1 else Style.YELLOW if share > NEAR else Style.PLAIN
    return [
        Cell(name),
        Cell(f"{count:,}", is_number=True),
        Cell(f"{limit:,}", is_number=True),
        Cell(f"{share:.1%}", style, is_number=True),
    ]


def _print_counts(terminal: Terminal, title: str, counts: Sequence[CountView], *, total: int, noun: str) -> None:
    if not counts:
        return
    terminal.line()
    rows = [
        [
            Cell(each.name),
            Cell(f"{each.count:,}", is_number=True),
            Cell(f"{each.count / total:.1%}" if noun == "series" and total else "", is_number=True),
        ]
        for each in counts
    ]
    terminal.table([title, noun, "share" if noun == "series" else ""], rows)


def _print_advice(terminal: Terminal) -> None:
    terminal.line()
    terminal.line("drop a label on its way in   metric_relabel_configs: [{regex: LABEL, action: labeldrop}]")
    terminal.line("delete what is stored        anyascope series delete 'METRIC{LABEL!=\"\"}'")


@app.command("delete")
def delete(
    context: typer.Context,
    selectors: Annotated[list[str], typer.Argument(metavar="SELECTOR...", help="Such as 'up{job=\"old\"}'.")],
    *,
    start: Annotated[str, typer.Option("--start", help="From this time on: RFC 3339, Unix, -1h.")] = "",
    end: Annotated[str, typer.Option("--end", help="Until this time.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the samples of series, for good. The server must run with --enable-admin-api."""
    from anyascope.clock import NS_PER_S, SystemClock
    from anyascope.explore.times import parse_time

    now_ns = SystemClock().now_ns()
    start_s = parse_time(start, now_ns=now_ns, name="--start") / NS_PER_S if start else None
    end_s = parse_time(end, now_ns=now_ns, name="--end") / NS_PER_S if end else None
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.series(*selectors, start_s=start_s, end_s=end_s)
        if not found:
            terminal.line("nothing matches")
            return
        for labels in found[:SHOWN_MAX]:
            terminal.line(f"  {clean(series_name(labels))}")
        if len(found) > SHOWN_MAX:
            terminal.line(f"  and {len(found) - SHOWN_MAX:,} more")
        terminal.flush()
        if not yes:
            typer.confirm(f"delete the samples of these {len(found):,} series?", abort=True, err=True)
        client.delete_series(*selectors, start_s=start_s, end_s=end_s)
    terminal.line(f"deleted the samples of {len(found):,} series")
