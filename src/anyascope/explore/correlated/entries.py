"""Records, spans and measurements as entries of one time line; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from anyascope.clock import NS_PER_MS
from anyascope.explore.correlated.kinds import EntryKind
from anyascope.explore.correlated.nouns import Entry, Found
from anyascope.model.attributes import Attributes
from anyascope.model.logs import LogRecord, Severity
from anyascope.model.metrics import Exemplar
from anyascope.model.traces import Span, SpanStatus

DETAIL_CHARS_MAX = 2_000  # of one entry: the record itself is one click away
_SAID_ELSEWHERE = re.compile(r"anya\.correlation_id|audit\.correlation_id|event\.name|audit\.(action|phase)|code\.")
_UNTOLD_LABELS = frozenset(("__name__", "job", "instance", "le"))
_ORDER = list(EntryKind)


def entries_of(found: Found) -> list[Entry]:
    """Everything but alerts, in no order."""
    return [*map(_of_record, found.records), *map(_of_span, found.spans), *map(_of_exemplar, found.exemplars)]


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """In the order in which it happened."""
    return sorted(entries, key=lambda one: (one.at_ns, _ORDER.index(one.kind)))


def time_of(record: LogRecord) -> int:
    """When a record was made, or at least seen."""
    return record.time_ns or record.observed_ns


def _of_record(record: LogRecord) -> Entry:
    return Entry(
        at_ns=time_of(record),
        kind=kind_of(record),
        title=record.body or record.event_name,
        detail=_told(record.attributes),
        source=record.resource.service,
        is_bad=_is_bad(record),
        correlation_id=record.correlation_id,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
    )


def kind_of(record: LogRecord) -> EntryKind:
    """By who told it."""
    if record.event_name.startswith("audit."):
        return EntryKind.AUDIT
    if record.stream == "bitcoin":
        return EntryKind.CHAIN
    if record.stream == "custody" or record.event_name.startswith("custody."):
        return EntryKind.CUSTODY
    return EntryKind.LOG


def _is_bad(record: LogRecord) -> bool:
    if record.severity_number:
        return record.severity_number >= Severity.ERROR
    return record.severity_text.upper() in {"ERROR", "FATAL", "CRITICAL"}


def _told(attributes: Attributes) -> str:
    texts = (
        f"{name}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in attributes.items()
        if not _SAID_ELSEWHERE.match(name) and value not in ("", None)
    )
    told = " ".join(texts)
    return told if len(told) <= DETAIL_CHARS_MAX else f"{told[: DETAIL_CHARS_MAX - 1]}…"


def _of_span(span: Span) -> Entry:
    return Entry(
        at_ns=span.start_ns,
        kind=EntryKind.SPAN,
        title=span.name,
        detail=span.status_message,
        source=span.resource.service,
        is_bad=span.status == SpanStatus.ERROR,
        duration_ns=span.duration_ns,
        correlation_id=span.correlation_id,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
    )


def _of_exemplar(exemplar: Exemplar) -> Entry:
    series, named = dict(exemplar.series), dict(exemplar.labels)
    name = series.get("__name__", "")
    return Entry(
        at_ns=exemplar.time_ms * NS_PER_MS,
        kind=EntryKind.METRIC,
        title=f"{name.removesuffix('_bucket')} = {exemplar.value:.4g}",
        detail=" ".join(f"{label}={value}" for label, value in series.items() if label not in _UNTOLD_LABELS),
        source=series.get("job", ""),
        is_bad=False,
        correlation_id=named.get("correlation_id", ""),
        metric=name,
        trace_id=named.get("trace_id", ""),
        span_id=named.get("span_id", ""),
    )
