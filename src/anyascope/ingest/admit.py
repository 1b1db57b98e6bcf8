"""What of logs and spans is let in, and in which form: checked, redacted, shortened, enriched.

Each check first looks at a whole column (`min`, `max`, the set of lengths), which costs some 10 ns a row; rows are looked
at one by one only where that finds a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from anyascope.clock import NS_PER_S, Clock
from anyascope.ingest.columns import log_rows, span_rows
from anyascope.ingest.enrich import enrich_logs, enrich_spans
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.shorten import Shortener
from anyascope.ingest.tally import Reason, Signal, Tally
from anyascope.model.logs import LogBatch
from anyascope.model.traces import SpanBatch, SpanEvent, SpanKind, SpanLink, SpanStatus
from anyascope.redact.api import Redactor

T = TypeVar("T")

ROW_BYTES = 120  # of a record beside its texts: times, numbers, ids and list slots
TIME_NS_MAX = 2**63 - 1  # what the stores' times can hold
TEXT_CHARS_MAX = 1024  # names, states and messages of records; the longest of real SDKs are below 300
SEVERITY_MAX = 24  # OpenTelemetry's FATAL4

Faults = dict[int, Reason]


@dataclass(frozen=True, slots=True)
class Admitted(Generic[T]):
    """What is left of a request.

    Attributes:
        rows: how many rows `item` holds; `size_bytes` about how much memory.
        refused: how many rows were not taken, and why.
        extras: whether `item` holds anything to store beside its rows.
    """

    item: T
    rows: int
    size_bytes: int
    refused: Mapping[Reason, int]
    extras: bool = False


class LogAdmission:
    """Admits log records. Batches are changed in place where they must be; may run in any thread."""

    def __init__(self, options: AdmitOptions, *, redactor: Redactor, tally: Tally, clock: Clock) -> None:
        self._options = options
        self._redactor = redactor
        self._tally = tally
        self._clock = clock

    def admit(self, batches: Sequence[LogBatch]) -> Admitted[Sequence[LogBatch]]:
        """Everything of these batches that can be kept."""
        refused: Counter[Reason] = Counter()
        shortener = Shortener(self._options)
        kept: list[LogBatch] = []
        size_bytes = 0
        for batch in batches:
            self._fill_times(batch)
            faults = self._faults(batch)
            taken = log_rows(batch, [row for row in range(len(batch)) if row not in faults]) if faults else batch
            refused.update(faults.values())
            if len(taken):
                size_bytes += self._mend(taken, shortener)
                kept.append(taken)
        _count_cuts(self._tally, Signal.LOGS, shortener)
        return Admitted(kept, sum(map(len, kept)), size_bytes, refused)

    def _fill_times(self, batch: LogBatch) -> None:
        now_ns = self._clock.now_ns()
        if batch.observed_ns and not 0 < min(batch.observed_ns) <= max(batch.observed_ns) <= TIME_NS_MAX:
            batch.observed_ns = [at if 0 < at <= TIME_NS_MAX else now_ns for at in batch.observed_ns]
        if 0 in batch.times_ns:
            # Source: OpenTelemetry's log data model: use Timestamp if it is present, otherwise ObservedTimestamp.
            batch.times_ns = [at or seen for at, seen in zip(batch.times_ns, batch.observed_ns, strict=True)]

    def _faults(self, batch: LogBatch) -> Faults:
        faults = _time_faults(batch.times_ns, latest_ns=_latest_ns(self._clock, self._options))
        faults |= _id_faults(batch.trace_ids, sizes={0, 16}, reason=Reason.TRACE_ID)
        return faults | _id_faults(batch.span_ids, sizes={0, 8}, reason=Reason.SPAN_ID)

    def _mend(self, batch: LogBatch, shortener: Shortener) -> int:
        _blank_zero_ids(batch.trace_ids, bytes(16))
        _blank_zero_ids(batch.span_ids, bytes(8))
        if not 0 <= min(batch.severity_numbers) <= max(batch.severity_numbers) <= SEVERITY_MAX:
            batch.severity_numbers = [n if 0 <= n <= SEVERITY_MAX else 0 for n in batch.severity_numbers]
        names: set[str] = set().union(*batch.attributes)
        enrich_logs(batch, names)
        # Before anything is cut: half a key is no longer recognised, and still half a key.
        self._redactor.logs(batch)
        shortener.texts(batch.bodies, chars_max=self._options.body_chars_max, what="body")
        shortener.texts(batch.severity_texts, chars_max=TEXT_CHARS_MAX, what="severity_text")
        shortener.texts(batch.event_names, chars_max=TEXT_CHARS_MAX, what="event_name")
        texts_bytes = shortener.attributes(batch.attributes, names)
        return texts_bytes + sum(map(len, batch.bodies)) + ROW_BYTES * len(batch)


class SpanAdmission:
    """Admits spans. Batches are changed in place where they must be; may run in any thread."""

    def __init__(self, options: AdmitOptions, *, redactor: Redactor, tally: Tally, clock: Clock) -> None:
        self._options = options
        self._redactor = redactor
        self._tally = tally
        self._clock = clock

    def admit(self, batches: Sequence[SpanBatch]) -> Admitted[Sequence[SpanBatch]]:
        """Everything of these batches that can be kept."""
        refused: Counter[Reason] = Counter()
        shortener = Shortener(self._options)
        kept: list[SpanBatch] = []
        size_bytes = 0
        for batch in batches:
            faults = self._faults(batch)
            taken = span_rows(batch, [row for row in range(len(batch)) if row not in faults]) if faults else batch
            refused.update(faults.values())
            if len(taken):
                size_bytes += self._mend(taken, shortener)
                kept.append(taken)
        _count_cuts(self._tally, Signal.TRACES, shortener)
        return Admitted(kept, sum(map(len, kept)), size_bytes, refused)

    def _faults(self, batch: SpanBatch) -> Faults:
        faults = _time_faults(batch.starts_ns, latest_ns=_latest_ns(self._clock, self._options))
        faults |= _id_faults(batch.trace_ids, sizes={16}, zero=bytes(16), reason=Reason.TRACE_ID)
        faults |= _id_faults(batch.span_ids, sizes={8}, zero=bytes(8), reason=Reason.SPAN_ID)
        return faults | _id_faults(batch.parent_ids, sizes={0, 8}, reason=Reason.SPAN_ID)

    def _mend(self, batch: SpanBatch, shortener: Shortener) -> int:
        _blank_zero_ids(batch.parent_ids, bytes(8))
        self._mend_numbers(batch)
        names: set[str] = set().union(*batch.attributes)
        enrich_spans(batch, names)
        self._redactor.spans(batch)
        for column in (batch.names, batch.status_messages, batch.trace_states):
            shortener.texts(column, chars_max=TEXT_CHARS_MAX, what="span_text")
        texts_bytes = shortener.attributes(batch.attributes, names)
        for row, events in batch.events.items():
            batch.events[row] = tuple(self._event(event, batch.starts_ns[row], shortener) for event in events)
        for row, links in batch.links.items():
            batch.links[row] = tuple(self._link(link, shortener) for link in links)
        return texts_bytes + sum(map(len, batch.names)) + ROW_BYTES * len(batch)

    def _mend_numbers(self, batch: SpanBatch) -> None:
        if not 0 <= min(batch.durations_ns) <= max(batch.durations_ns) <= TIME_NS_MAX:
            # A clock was set back while the operation ran: the span is true, its length is not.
            mended = [duration if 0 <= duration <= TIME_NS_MAX else 0 for duration in batch.durations_ns]
            self._tally.cut(Signal.TRACES, what="duration", count=_differences(mended, batch.durations_ns))
            batch.durations_ns = mended
        if not set(batch.kinds) <= _KINDS:
            batch.kinds = [kind if kind in _KINDS else SpanKind.UNSPECIFIED for kind in batch.kinds]
        if not set(batch.statuses) <= _STATUSES:
            batch.statuses = [status if status in _STATUSES else SpanStatus.UNSET for status in batch.statuses]

    def _event(self, event: SpanEvent, start_ns: int, shortener: Shortener) -> SpanEvent:
        attributes = shortener.entry(dict(event.attributes))
        time_ns = event.time_ns if 0 < event.time_ns <= TIME_NS_MAX else start_ns
        if attributes == event.attributes and time_ns == event.time_ns:
            return event
        return SpanEvent(time_ns, event.name, attributes)

    def _link(self, link: SpanLink, shortener: Shortener) -> SpanLink:
        attributes = shortener.entry(dict(link.attributes))
        # A link leads elsewhere or nowhere; ids of a wrong size lead nowhere.
        trace_id = link.trace_id if len(link.trace_id) == 16 else bytes(16)
        span_id = link.span_id if len(link.span_id) == 8 else bytes(8)
        return SpanLink(trace_id, span_id, link.trace_state, attributes)


_KINDS = frozenset(int(kind) for kind in SpanKind)
_STATUSES = frozenset(int(status) for status in SpanStatus)


def _latest_ns(clock: Clock, options: AdmitOptions) -> int:
    return clock.now_ns() + round(options.future_s_max * NS_PER_S)


def _time_faults(times_ns: Sequence[int], *, latest_ns: int) -> Faults:
    if not times_ns or 0 < min(times_ns) <= max(times_ns) <= latest_ns:
        return {}
    faults: Faults = {}
    for row, time_ns in enumerate(times_ns):
        if time_ns <= 0 or time_ns > TIME_NS_MAX:
            faults[row] = Reason.TIME_IMPOSSIBLE
        elif time_ns > latest_ns:
            faults[row] = Reason.TIME_FUTURE
    return faults


def _id_faults(column: Sequence[bytes], *, sizes: set[int], reason: Reason, zero: bytes | None = None) -> Faults:
    if set(map(len, column)) <= sizes and (zero is None or zero not in column):
        return {}
    return {row: reason for row, value in enumerate(column) if len(value) not in sizes or value == zero}


def _blank_zero_ids(column: list[bytes], zero: bytes) -> None:
    # All zero is OpenTelemetry's way to say "none".
    if zero in column:
        column[:] = [b"" if value == zero else value for value in column]


def _differences(some: Sequence[int], others: Sequence[int]) -> int:
    return sum(1 for one, other in zip(some, others, strict=True) if one != other)


def _count_cuts(tally: Tally, signal: Signal, shortener: Shortener) -> None:
    for what, count in shortener.cuts.items():
        tally.cut(signal, what=what, count=count)
