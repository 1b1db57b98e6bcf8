"""Everything that carries one correlation id, or that is joined to it by its transaction, from the resources that have it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from anyascope.cli.show import NS_PER_S, read_ns
from anyascope.errors import AnyascopeError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from anyascope.client.client import Client, ExemplarSeries
    from anyascope.wire.own_api import AlertView, LogRowView
    from anyascope.wire.own_custody import SpendView
    from anyascope.wire.own_traces import SpanView

T = TypeVar("T")

BACK = "-30d"  # what is kept by default
ROWS_MAX = 500
TRACES_MAX = 8  # an operation is one trace, or one a process that was started anew
IDS_MAX = 20  # a batch that pays many has as many transactions
SPENDS_MAX = 1_000  # the newest; what is older has its events all the same
SPENDS_PAGE = 200
AROUND_S = 10.0  # measurements are made with what they measure
STRETCHES_MAX = 5  # request, approval, and three confirmations: what lies between would be everybody else's
EXEMPLARS = '{__name__=~"anya_.+"}'
TXID_FIELDS = ("transaction_id", "bitcoin.transaction.id", "custody.transaction.id", "txid")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSpan:
    """A span with the trace that it is of."""

    trace_id: str
    span: SpanView


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What was found.

    Attributes:
        ids: correlation ids and transactions that belong together, the one asked for first.
        rows: log records, the oldest first.
        is_cut: whether there are more records than these.
        faults: what could not be asked, in words.
    """

    ids: list[str]
    spans: list[PlacedSpan]
    rows: list[LogRowView]
    alerts: list[AlertView]
    spends: list[SpendView]
    exemplars: list[ExemplarSeries]
    is_cut: bool
    faults: list[str]


def is_hash(text: str) -> bool:
    """Whether a text is a transaction's id rather than an operation's."""
    return bool(_HASH.fullmatch(text))


def gather(client: Client, identity: str) -> Operation:
    """Ask for all of it. A part that cannot be had is told in `faults`, and does not keep the others away.

    Raises:
        AnyascopeError: the records cannot be searched, or nobody answers.
    """
    faults: list[str] = []
    ids, rows, is_cut = _joined_rows(client, identity)
    spans = _or_nothing("traces", lambda: _spans_of(client, ids, rows), faults)
    alerts = _or_nothing("alerts", lambda: client.alerts().alerts, faults)
    spends = _or_nothing("spends", lambda: _spends(client), faults)
    exemplars = _or_nothing("measurements", lambda: _exemplars_of(client, ids, spans, rows), faults)
    known = list(dict.fromkeys([*ids, *txids_in(placed.span.attributes for placed in spans)]))
    return Operation(
        ids=known,
        spans=spans,
        rows=rows,
        alerts=[one for one in alerts if one.correlation_id in known or one.labels.get("txid") in known],
        spends=[one for one in spends if one.txid in known or not set(known).isdisjoint(one.correlation_ids)],
        exemplars=exemplars,
        is_cut=is_cut,
        faults=faults,
    )


def txids_in(attributes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The transactions that records and spans name, each once."""
    named = (found.get(field) for found in attributes for field in TXID_FIELDS)
    return list(dict.fromkeys(value for value in named if isinstance(value, str) and is_hash(value)))


def stretches_around(times_s: Iterable[float], *, margin_s: float, most: int) -> list[tuple[float, float]]:
    """(start, end) around each time, those that touch as one; the first `most` of them."""
    found: list[tuple[float, float]] = []
    for time_s in sorted(times_s):
        if found and time_s - margin_s <= found[-1][1]:
            found[-1] = (found[-1][0], time_s + margin_s)
        else:
            found.append((time_s - margin_s, time_s + margin_s))
    return found[:most]


def _or_nothing(what: str, ask: Callable[[], list[T]], faults: list[str]) -> list[T]:
    try:
        return ask()
    except NotFoundError:
        return []  # this server has no such thing
    except AnyascopeError as error:
        faults.append(f"{what}: {error}")
        return []


def _joined_rows(client: Client, identity: str) -> tuple[list[str], list[LogRowView], bool]:
    """Records of an id; of a transaction also those of the operation that it belongs to, and the other way round."""
    own = f"correlation_id:{_quoted(identity)}"
    if is_hash(identity):
        own += f" OR attributes.transaction_id:{_quoted(identity)}"
    first = client.search_logs(own, start=BACK, end="now", limit=ROWS_MAX, order="oldest")
    named = [row.correlation_id for row in first.rows if row.correlation_id]
    ids = list(dict.fromkeys([identity, *named, *txids_in(row.attributes for row in first.rows)]))[:IDS_MAX]
    if len(ids) == 1:
        return ids, first.rows, first.cursor is not None
    any_of = " OR ".join(f"correlation_id:{_quoted(one)}" for one in ids)
    every = client.search_logs(any_of, start=BACK, end="now", limit=ROWS_MAX, order="oldest")
    return ids, every.rows, every.cursor is not None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _spans_of(client: Client, ids: Sequence[str], rows: Sequence[LogRowView]) -> list[PlacedSpan]:
    found = [
        trace.trace_id
        for one in ids
        if not is_hash(one)
        for trace in client.search_traces(tags=[f"anya.correlation_id={one}"], start=BACK, limit=TRACES_MAX).traces
    ]
    named = [row.trace_id for row in rows if row.trace_id]
    placed: list[PlacedSpan] = []
    for trace_id in list(dict.fromkeys([*found, *named]))[:TRACES_MAX]:
        try:
            spans = client.trace(trace_id).spans
        except UnavailableError:
            raise
        except AnyascopeError:
            continue  # a record may name a trace that was never sent
        placed += [PlacedSpan(trace_id=trace_id, span=one) for one in spans if one.correlation_id in ("", *ids)]
    return placed


def _spends(client: Client) -> list[SpendView]:
    found: list[SpendView] = []
    cursor = ""
    while len(found) < SPENDS_MAX:
        page = client.spends(limit=SPENDS_PAGE, cursor=cursor)
        found += page.spends
        if not page.cursor:
            break
        cursor = page.cursor
    return found


def _exemplars_of(
    client: Client, ids: Sequence[str], spans: Sequence[PlacedSpan], rows: Sequence[LogRowView]
) -> list[ExemplarSeries]:
    """Series with those of their exemplars that name the operation or one of its spans."""
    ends_ns = [read_ns(one.span.start) + one.span.duration_ns for one in spans] + [read_ns(row.time) for row in rows]
    span_ids = {one.span.span_id for one in spans}
    found: list[ExemplarSeries] = []
    times_s = (end_ns / NS_PER_S for end_ns in ends_ns)
    for start_s, end_s in stretches_around(times_s, margin_s=AROUND_S, most=STRETCHES_MAX):
        for series in client.exemplars(EXEMPLARS, start_s=start_s, end_s=end_s):
            own = [
                one
                for one in series.exemplars
                if one.labels.get("correlation_id") in ids or one.labels.get("span_id") in span_ids
            ]
            if own:
                found.append(type(series)(labels=series.labels, exemplars=own))
    return found
