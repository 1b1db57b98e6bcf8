"""`anyascope correlate`: one operation across traces, logs, audit, metrics, chain and alerts, as a time line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anyascope.cli.operation import BACK, Operation, PlacedSpan, gather, is_hash
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import NS_PER_MS, duration, local_time, read_ns
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.errors import InvalidInputError

if TYPE_CHECKING:
    from anyascope.client.client import ExemplarSeries
    from anyascope.wire.own_api import AlertView, LogRowView
    from anyascope.wire.own_custody import SpendView

ERROR_NUMBER = 17  # of OpenTelemetry's severity numbers, the first that is an error
_SAID_ELSEWHERE = re.compile(
    r"(anya\.correlation_id|audit\.correlation_id|event\.name|audit\.(action|phase)|code\.)"
)  # attributes


class Kind(StrEnum):
    """What an entry of the time line is; of one time they stand in this order."""

    SPAN = "span"
    LOG = "log"
    AUDIT = "audit"
    CUSTODY = "custody"
    CHAIN = "chain"
    METRIC = "metric"
    ALERT = "alert"


_ORDER = list(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened. `trace_id`, `span_id` and `alert_id` are empty where it has none."""

    time: str
    kind: Kind
    source: str
    title: str
    detail: str
    is_bad: bool
    duration_ns: int | None = None
    trace_id: str = ""
    span_id: str = ""
    alert_id: str = ""


def correlate(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A correlation id, or a transaction's id.")],
    *,
    kind: Annotated[list[Kind] | None, typer.Option("--kind", "-k", help="Only these; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Follow one operation: all that carries its id or its transaction's, the oldest first."""
    terminal = Terminal.standard()
    asked = identity.strip()
    if not asked:
        raise InvalidInputError("ID is empty: give a correlation id or a transaction's id")
    # Some programs write ids of transactions in capitals; they are kept in small letters.
    asked = asked.lower() if is_hash(asked.lower()) else asked
    with session_of(context).client() as client:
        found = gather(client, asked)
    every = time_line(found)
    entries = [one for one in every if not kind or one.kind in kind]
    if as_json:
        print_json(terminal, document_of(found, entries))
        return
    for fault in found.faults:
        typer.echo(f"(not all could be asked; {clean(fault)})", err=True)
    if every or found.spends:
        _print(terminal, found, entries)
    else:
        terminal.line(f"nothing carries this id in the last {BACK[1:-1]} days")


def time_line(found: Operation) -> list[Entry]:
    """Everything in the order in which it happened."""
    entries = [
        *map(_of_span, found.spans),
        *map(_of_row, found.rows),
        *(_of_alert(alert, alert.starts_at) for alert in found.alerts if alert.starts_at),
        *(entry for series in found.exemplars for entry in _of_exemplars(series)),
    ]
    return sorted(entries, key=lambda one: (read_ns(one.time), _ORDER.index(one.kind)))


def document_of(found: Operation, entries: list[Entry]) -> dict[str, Any]:
    """As JSON: times RFC 3339 in UTC, null for a duration that there is not."""
    return {
        "ids": found.ids,
        "spends": found.spends,
        "entries": entries,
        "is_cut": found.is_cut,
        "faults": found.faults,
    }


def _of_row(row: LogRowView) -> Entry:
    return Entry(
        time=row.time,
        kind=_kind_of(row),
        source=row.service,
        title=row.body or row.event_name,
        detail=_told(row.attributes),
        is_bad=row.severity_number >= ERROR_NUMBER
        or (row.severity_number == 0 and row.severity.upper() in ("ERROR", "FATAL")),
        trace_id=row.trace_id,
        span_id=row.span_id,
    )


def _kind_of(row: LogRowView) -> Kind:
    if row.event_name.startswith("audit."):
        return Kind.AUDIT
    if row.stream == "bitcoin":
        return Kind.CHAIN
    if row.stream == "custody" or row.event_name.startswith("custody."):
        return Kind.CUSTODY
    return Kind.LOG


def _told(attributes: Mapping[str, Any]) -> str:
    import msgspec

    texts = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in attributes.items()
        if not _SAID_ELSEWHERE.match(name) and value not in ("", None)
    }
    return " ".join(f"{name}={text}" for name, text in texts.items())


def _of_span(placed: PlacedSpan) -> Entry:
    span = placed.span
    return Entry(
        time=span.start,
        kind=Kind.SPAN,
        source=span.service,
        title=span.name,
        detail=span.status_message,
        is_bad=span.status == "error",
        duration_ns=span.duration_ns,
        trace_id=placed.trace_id,
        span_id=span.span_id,
    )


def _of_alert(alert: AlertView, starts_at: str) -> Entry:
    return Entry(
        time=starts_at,
        kind=Kind.ALERT,
        source=alert.source,
        title=alert.title or alert.name,
        detail=alert.state,
        is_bad=alert.state == "firing",
        alert_id=alert.id,
    )


def _of_exemplars(series: ExemplarSeries) -> Iterator[Entry]:
    from anyascope.explore.times import format_time

    name = series.labels.get("__name__", "").removesuffix("_bucket")
    shown = {key: value for key, value in series.labels.items() if key not in ("__name__", "job", "instance", "le")}
    for one in series.exemplars:
        yield Entry(
            time=format_time(round(one.timestamp * 1000) * NS_PER_MS),
            kind=Kind.METRIC,
            source=series.labels.get("job", ""),
            title=f"{name} = {float(one.value):.4g}",
            detail=" ".join(f"{key}={value}" for key, value in shown.items()),
            is_bad=False,
            trace_id=one.labels.get("trace_id", ""),
            span_id=one.labels.get("span_id", ""),
        )


def _print(terminal: Terminal, found: Operation, entries: list[Entry]) -> None:
    asked, *others = found.ids
    terminal.line(clean(asked))
    for one in others:
        terminal.line(f"joined with {clean(one)}")
    for spend in found.spends:
        terminal.line(_spend_line(terminal, spend))
    if entries:
        start_ns = read_ns(entries[0].time)
        terminal.table(
            ["time", "after", "kind", "source", "took", "what", "details"],
            [_row(one, after_ns=read_ns(one.time) - start_ns) for one in entries],
        )
    else:
        terminal.line("nothing of these kinds")
    if found.is_cut:
        terminal.line("there are more records than are shown: these are the oldest")


def _spend_line(terminal: Terminal, spend: SpendView) -> str:
    lacks = f"lacks {', '.join(spend.lacks)}" if spend.lacks else "request, approval and signature are there"
    style = Style.ALARM if spend.state == "unmatched" else Style.GREEN if spend.state == "matched" else Style.YELLOW
    by = f", by {clean(spend.accepted_by)}: {clean(spend.note)}" if spend.accepted_by else ""
    told = f"{clean(spend.wallet)} spends {spend.amount_sats} sats: {clean(lacks)}"
    return f"{terminal.paint(clean(spend.state), style)}  {told}{by}"


def _row(one: Entry, *, after_ns: int) -> list[Cell]:
    return [
        Cell(local_time(one.time), Style.DIM, is_whole=True),
        Cell(f"+{duration(after_ns)}", is_number=True),
        Cell(one.kind.value, Style.BLUE),
        Cell(one.source, Style.CYAN),
        Cell("-" if one.duration_ns is None else duration(one.duration_ns), is_number=True),
        Cell(one.title, Style.RED if one.is_bad else Style.PLAIN),
        Cell(one.detail, Style.DIM),
    ]
