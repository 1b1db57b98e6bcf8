"""`anyascope logs`: search and follow logs in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anyascope.cli.session import session_of
from anyascope.cli.show import local_time, relative
from anyascope.cli.terminal import SEVERITY_STYLES, Style, Terminal, clean, clean_json

if TYPE_CHECKING:
    from anyascope.client.client import Client
    from anyascope.wire.own_api import LogRowView

PAGE_ROWS = 1_000  # asked for at a time, where more are wanted
RECONNECT_AFTER_S = 2.0
SEVERITY_COLUMNS = 6
SHOWN_BEFORE_FOLLOWING = 10  # lines of the past, as `tail` has it
ATTRIBUTE_CHARS_MAX = 200  # of one attribute on a terminal; --json and pipes have all


def logs(
    context: typer.Context,
    query: Annotated[
        list[str] | None,
        typer.Argument(help="In the log search language, such as: severity:error service:custody 'signing failed'."),
    ] = None,
    *,
    since: Annotated[str, typer.Option("--since", help="From when: 1h, -1h, RFC 3339, Unix.")] = "1h",
    until: Annotated[str, typer.Option("--until", help="Until when.")] = "now",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="How many of the newest; 100, or 10 with --follow.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they arrive.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a record.")] = False,
) -> None:
    """Search logs; the newest stand last."""
    text = " ".join(query or ())
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        wanted = limit or (SHOWN_BEFORE_FOLLOWING if follow else 100)
        printer = _Printer(terminal, as_json=as_json)
        for row in reversed(list(_newest(client, text, start=relative(since), end=until, wanted=wanted))):
            printer.print(row)
        terminal.flush()
        if follow:
            _follow(client, text, printer)


def _newest(client: Client, query: str, *, start: str, end: str, wanted: int) -> Iterator[LogRowView]:
    cursor = ""
    while wanted > 0:
        page = client.search_logs(query, start=start, end=end, limit=min(wanted, PAGE_ROWS), cursor=cursor)
        yield from page.rows
        wanted -= len(page.rows)
        if not page.cursor:
            return
        cursor = page.cursor


def _follow(client: Client, query: str, printer: _Printer) -> None:
    """Print what arrives until interrupted; after a lost connection what was missed comes first."""
    from anyascope.client.client import Dropped
    from anyascope.errors import UnavailableError

    while True:
        try:
            for item in client.tail_logs(query):
                if isinstance(item, Dropped):
                    typer.echo(f"({item.rows} records arrived too fast and were left out)", err=True)
                else:
                    printer.print(item)
                printer.terminal.flush()
        except UnavailableError as error:
            typer.echo(f"({clean(str(error))}; trying again)", err=True)
        sleep(RECONNECT_AFTER_S)
        try:
            missed = list(_newest(client, query, start=printer.newest or "-1m", end="now", wanted=PAGE_ROWS))
        except UnavailableError:
            continue
        for row in reversed(missed):
            printer.print(row)


class _Printer:
    """Prints records, and no record twice in a row of those that share the newest time."""

    def __init__(self, terminal: Terminal, *, as_json: bool) -> None:
        self.terminal = terminal
        self.newest = ""
        self._as_json = as_json
        self._at_newest: set[bytes] = set()

    def print(self, row: LogRowView) -> None:
        import msgspec

        encoded = msgspec.json.encode(row)
        if row.time == self.newest and encoded in self._at_newest:
            return
        if row.time > self.newest:
            self.newest = row.time
            self._at_newest.clear()
        self._at_newest.add(encoded)
        if self._as_json:
            self.terminal.line(clean_json(encoded.decode()))
        else:
            self._print_line(row)

    def _print_line(self, row: LogRowView) -> None:
        terminal = self.terminal
        severity = row.severity or "-"
        style = SEVERITY_STYLES.get(severity.rstrip("234").upper(), Style.PLAIN)
        body = [clean(line) for line in row.body.rstrip("\n").split("\n")]
        if not terminal.is_tty:
            body = ["\\n".join(body)]
        parts = [
            terminal.paint(local_time(row.time), Style.DIM),
            terminal.paint(clean(severity)[:SEVERITY_COLUMNS].ljust(SEVERITY_COLUMNS), style),
            terminal.paint(clean(row.service), Style.CYAN),
            body[0],
            terminal.paint(self._attributes(row), Style.DIM),
        ]
        terminal.line(" ".join(part for part in parts if part))
        for line in body[1:]:
            terminal.line(f"    {line}")

    def _attributes(self, row: LogRowView) -> str:
        told = [f"{clean(name)}={self._value(value)}" for name, value in row.attributes.items()]
        if row.correlation_id:
            told.append(f"correlation_id={clean(row.correlation_id)}")
        if row.trace_id:
            told.append(f"trace_id={row.trace_id}")
        return " ".join(told)

    def _value(self, value: Any) -> str:
        import msgspec

        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if not text or any(letter.isspace() or letter == '"' for letter in text):
            text = msgspec.json.encode(text).decode() if isinstance(value, str) else text
        text = clean(text)
        is_long = self.terminal.is_tty and len(text) > ATTRIBUTE_CHARS_MAX
        return f"{text[:ATTRIBUTE_CHARS_MAX]}…" if is_long else text
