"""Finds in the stores what belongs to one operation; each search is bounded and says whether it was cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from anyascope.clock import NS_PER_MS, NS_PER_S
from anyascope.explore.correlated.entries import time_of
from anyascope.explore.correlated.ids import is_hash, txids_in
from anyascope.explore.correlated.nouns import Found
from anyascope.model.labels import Labels, Matcher, MatchOp
from anyascope.model.logs import LogRecord
from anyascope.model.metrics import Exemplar, is_stale
from anyascope.model.traces import Span
from anyascope.store.api.logs import AllOf, AnyOf, Condition, FieldEquals, FieldMatches, LogQuery, LogReader
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.store.api.spans import SpanReader, TraceQuery

RECORDS_MAX = 500  # of an operation; a withdrawal leaves some 50
TRACES_MAX = 8  # an operation is one trace, or one a process that was started anew
SPANS_MAX = 2_000  # of these traces together; a withdrawal has some 30
IDS_MAX = 20  # a batch that pays many has as many transactions
ROUNDS_MAX = 3  # operation -> transaction -> its replacement; whoever needs more follows the links
EXEMPLARS_MAX = 200
FIGURES_MAX = 50  # series that name a transaction: stuck, unmatched
AROUND_NS = 10 * NS_PER_S  # measurements are made with what they measure
STRETCHES_MAX = 5  # request, approval, and three confirmations: what lies between would be everybody else's
LOOKBACK_MS = 300_000  # after which a query takes a series for ended
AT_ONCE = 2  # questions of one search; the store answers four at a time, and others ask, too
EVENTS: Final = FieldMatches("event_name", r"(audit|bitcoin|custody)\..*")
_EXEMPLARS: Final = (Matcher("__name__", MatchOp.REGEX, "anya_.+"),)

A = TypeVar("A")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when is looked, UTC nanoseconds; the end is exclusive."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A series that names the operation, and its newest sample."""

    labels: Labels
    time_ms: int
    value: float


async def find_records(
    reader: LogReader, ids: Sequence[str], stretch: Stretch
) -> tuple[Sequence[str], list[LogRecord], bool]:
    """(ids with those that the records join to them, the records from the oldest on, whether there are more).

    Where there are too many, what tells of stages and of the chain is still read to its end.
    """
    for _ in range(ROUNDS_MAX):
        condition = _about(ids)
        page = await reader.search(
            LogQuery(condition, stretch.start_ns, stretch.end_ns, limit=RECORDS_MAX, newest_first=False)
        )
        records = list(page.records)
        if page.cursor is not None and records:
            events = AllOf((condition, EVENTS))
            later = LogQuery(events, time_of(records[-1]) + 1, stretch.end_ns, limit=RECORDS_MAX, newest_first=False)
            records += (await reader.search(later)).records
        joined = join(ids, [*(one.correlation_id for one in records), *txids_in(one.attributes for one in records)])
        if len(joined) == len(ids):
            break
        ids = joined
    return ids, records, page.cursor is not None


def join(ids: Sequence[str], more: Iterable[str]) -> list[str]:
    """These ids and the new ones, each once, at most `IDS_MAX`."""
    return list(dict.fromkeys(one for one in (*ids, *more) if one))[:IDS_MAX]


async def find_spans(
    reader: SpanReader, ids: Sequence[str], records: Iterable[LogRecord], stretch: Stretch
) -> tuple[list[Span], bool]:
    """(spans of the traces that carry the ids, or that the records name; whether there are more)."""
    queries = [
        TraceQuery(stretch.start_ns, stretch.end_ns - 1, tags={"anya.correlation_id": one}, limit=TRACES_MAX)
        for one in ids
        if not is_hash(one)
    ]
    found = await _ask_all(reader.find_traces, queries)
    trace_ids = dict.fromkeys(trace_id for some in found for trace_id in some)
    trace_ids |= dict.fromkeys(record.trace_id for record in records if record.trace_id)
    if not trace_ids:
        return [], False
    chosen = list(trace_ids)[:TRACES_MAX]
    spans = await reader.spans_of(chosen, spans_max=SPANS_MAX + 1)
    own = [span for span in spans[:SPANS_MAX] if not span.correlation_id or span.correlation_id in ids]
    return own, len(spans) > SPANS_MAX or len(trace_ids) > TRACES_MAX


async def find_exemplars(reader: MetricReader, found: Found) -> tuple[list[Exemplar], bool]:
    """(measurements that name the operation or one of its spans, whether there are more)."""
    ends_ns = [span.start_ns + span.duration_ns for span in found.spans] + [time_of(one) for one in found.records]
    span_ids = {span.span_id.hex() for span in found.spans}
    stretches, is_cut = stretches_around(ends_ns)

    async def measured_in(stretch: Stretch) -> list[Exemplar]:
        start_ms, end_ms = stretch.start_ns // NS_PER_MS, stretch.end_ns // NS_PER_MS
        return await reader.exemplars([_EXEMPLARS], start_ms=start_ms, end_ms=end_ms)

    def is_own(one: Exemplar) -> bool:
        labels = dict(one.labels)
        return labels.get("correlation_id") in found.ids or labels.get("span_id") in span_ids

    own = [one for some in await _ask_all(measured_in, stretches) for one in some if is_own(one)]
    return own[:EXEMPLARS_MAX], is_cut or len(own) > EXEMPLARS_MAX


async def find_figures(reader: MetricReader, ids: Collection[str], *, now_ns: int) -> tuple[list[Figure], bool]:
    """(series of now with a transaction of the operation as label `txid`, whether there are more)."""
    txids = [one for one in ids if is_hash(one)]
    if not txids:
        return [], False
    now_ms = now_ns // NS_PER_MS
    frame = await reader.select(
        Selection((Matcher("txid", MatchOp.REGEX, "|".join(txids)),), start_ms=now_ms - LOOKBACK_MS, end_ms=now_ms)
    )
    ended = is_stale(frame.values)
    last = [
        (row, int(end) - 1)
        for row, end in enumerate(frame.offsets[1:])
        if end > frame.offsets[row] and not ended[end - 1]
    ]
    figures = [Figure(frame.labels[row], int(frame.times_ms[at]), float(frame.values[at])) for row, at in last]
    return figures[:FIGURES_MAX], len(figures) > FIGURES_MAX


async def _ask_all(ask: Callable[[Q], Awaitable[A]], questions: Sequence[Q]) -> list[A]:
    """The answers in the order of the questions, of which `AT_ONCE` are asked side by side."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(question: Q) -> A:
        async with turn:
            return await ask(question)

    return await asyncio.gather(*map(one, questions))


def stretches_around(times_ns: Iterable[int]) -> tuple[list[Stretch], bool]:
    """(stretches around these times, those that touch as one, the first `STRETCHES_MAX`; whether there are more)."""
    found: list[Stretch] = []
    for time_ns in sorted(times_ns):
        if found and time_ns - AROUND_NS <= found[-1].end_ns:
            found[-1] = Stretch(found[-1].start_ns, time_ns + AROUND_NS)
        else:
            found.append(Stretch(time_ns - AROUND_NS, time_ns + AROUND_NS))
    return found[:STRETCHES_MAX], len(found) > STRETCHES_MAX


def _about(ids: Iterable[str]) -> Condition:
    """Records that carry one of the ids, or name one of the transactions."""
    fields = [FieldEquals("correlation_id", one) for one in ids]
    fields += [FieldEquals("attributes.transaction_id", one) for one in ids if is_hash(one)]
    return AnyOf(tuple(fields))
