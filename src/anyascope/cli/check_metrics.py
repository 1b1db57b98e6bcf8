"""`anyascope check metrics`: what a scrape would make of a page, and what is likely to be regretted about it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.terminal import Cell, Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.collect.http import Answer
    from anyascope.wire.exposition.document import Exposition
    from anyascope.wire.exposition.lint import PageFamily

EXIT_MISTAKES = 2
EXIT_LINT = 3  # as promtool
STDIN = "-"
PAGE_BYTES_MAX = 256 * 1024 * 1024  # as a scrape without body_size_limit
FETCH_S = 10.0  # as a scrape without scrape_timeout
_OPENMETRICS_END = b"# EOF"


def metrics(
    page: Annotated[
        str, typer.Argument(metavar="[FILE|URL]", help="A page of metrics: a file, an address, or - for what is piped.")
    ] = STDIN,
    *,
    extended: Annotated[bool, typer.Option("--extended", help="Show how many series each metric has.")] = False,
) -> None:
    """Read a page as a scrape would, and tell what is likely to be regretted about its metrics.

    Exit code: 0 well, 2 the page cannot be read, 3 something is likely to be regretted.
    """
    from anyascope.collect.http import FetchError
    from anyascope.errors import InvalidInputError
    from anyascope.wire.exposition.lint import families_of, problems_of

    terminal = Terminal.standard()
    name = "standard input" if page == STDIN else page
    try:
        families = families_of(_read(page))
    except OSError as error:
        raise InvalidInputError(f"cannot be read: {error.strerror}", path=name) from error
    except FetchError as error:
        raise InvalidInputError(str(error), path=name) from error
    except InvalidInputError as error:
        terminal.line(f"{clean(name)}: {clean(str(error))}")
        raise typer.Exit(EXIT_MISTAKES) from error
    problems = problems_of(families)
    for problem in problems:
        terminal.line(clean(str(problem)))
    if extended:
        _tell_series(terminal, families)
    if problems:
        raise typer.Exit(EXIT_LINT)
    series = sum(len(family.series) for family in families)
    sound = terminal.paint("sound", Style.GREEN)
    terminal.line(f"{clean(name)}: {sound}, {len(families)} metrics, {series} series")


def _read(page: str) -> Exposition:
    from anyascope.wire.exposition.document import format_of, parse_exposition
    from anyascope.wire.exposition.lines import Format

    if page.startswith(("http://", "https://")):
        answer = asyncio.run(_fetch(page))
        form, body = format_of(answer.content_type) or Format.TEXT, answer.body
    else:
        body = sys.stdin.buffer.read(PAGE_BYTES_MAX) if page == STDIN else Path(page).read_bytes()
        is_open = body.rstrip(b"\n").endswith(_OPENMETRICS_END)
        form = Format.OPENMETRICS if is_open else Format.TEXT
    return parse_exposition(body, form=form)


async def _fetch(url: str) -> Answer:
    from anyascope.collect.http import USER_AGENT, FetchBounds, HttpFetcher
    from anyascope.collect.sample_rules import accept_header
    from anyascope.collect.scrape_config import ScrapeConfig
    from anyascope.collect.tls import TlsContexts
    from anyascope.model.http import HttpOptions, TlsOptions

    fetcher = HttpFetcher(HttpOptions(), TlsContexts(TlsOptions()))
    # The text formats, as a scrape without native histograms asks for them.
    accept = accept_header(ScrapeConfig("check"))
    headers = (("Accept", accept), ("User-Agent", USER_AGENT), ("Accept-Encoding", "gzip"))
    try:
        return await fetcher.get(url, headers=headers, bounds=FetchBounds(FETCH_S, PAGE_BYTES_MAX))
    finally:
        fetcher.close()


def _tell_series(terminal: Terminal, families: Sequence[PageFamily]) -> None:
    total = sum(len(family.series) for family in families) or 1  # of an empty page
    ordered = sorted(families, key=lambda family: -len(family.series))
    rows = [_row(each.metadata.metric, len(each.series), total) for each in ordered]
    terminal.table(["metric", "series", "share"], [*rows, _row("total", total, total)])


def _row(name: str, series: int, total: int) -> list[Cell]:
    return [Cell(clean(name)), Cell(str(series), is_number=True), Cell(f"{100 * series / total:.2f}%", is_number=True)]
