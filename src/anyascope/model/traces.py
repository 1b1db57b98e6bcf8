"""Spans, OTLP's own model whole: columns on their way in, rows on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from anyascope.model.attributes import Attributes, AttributeValue, Resource, Scope
from anyascope.model.logs import index_in


class SpanKind(IntEnum):
    """OTLP's SpanKind."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class SpanStatus(IntEnum):
    """OTLP's StatusCode."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened inside a span."""

    time_ns: int
    name: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that this one has to do with."""

    trace_id: bytes
    span_id: bytes
    trace_state: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One operation. Ids are raw bytes; `parent_id` is empty for a root. The end is `start_ns + duration_ns`."""

    trace_id: bytes
    span_id: bytes
    name: str
    start_ns: int
    duration_ns: int
    parent_id: bytes = b""
    kind: int = SpanKind.UNSPECIFIED
    status: int = SpanStatus.UNSET
    status_message: str = ""
    trace_state: str = ""
    flags: int = 0
    attributes: Attributes = field(default_factory=dict)
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()
    resource: Resource = field(default_factory=Resource)
    scope: Scope = field(default_factory=Scope)
    correlation_id: str = ""


@dataclass(slots=True)
class SpanBatch:
    """Spans as parallel columns; see `LogBatch`. `events` and `links` hold only the rows that have any."""

    resources: list[Resource] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    resource_rows: list[int] = field(default_factory=list)
    scope_rows: list[int] = field(default_factory=list)
    trace_ids: list[bytes] = field(default_factory=list)
    span_ids: list[bytes] = field(default_factory=list)
    parent_ids: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)
    durations_ns: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    status_messages: list[str] = field(default_factory=list)
    trace_states: list[str] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    attributes: list[dict[str, AttributeValue]] = field(default_factory=list)
    events: dict[int, tuple[SpanEvent, ...]] = field(default_factory=dict)
    links: dict[int, tuple[SpanLink, ...]] = field(default_factory=dict)
    correlation_ids: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.span_ids)

    def add(self, span: Span) -> None:
        """Append one span. For small batches: hot paths fill the columns themselves."""
        row = len(self.span_ids)
        self.resource_rows.append(index_in(self.resources, span.resource))
        self.scope_rows.append(index_in(self.scopes, span.scope))
        self.trace_ids.append(span.trace_id)
        self.span_ids.append(span.span_id)
        self.parent_ids.append(span.parent_id)
        self.names.append(span.name)
        self.kinds.append(int(span.kind))
        self.starts_ns.append(span.start_ns)
        self.durations_ns.append(span.duration_ns)
        self.statuses.append(int(span.status))
        self.status_messages.append(span.status_message)
        self.trace_states.append(span.trace_state)
        self.flags.append(span.flags)
        self.attributes.append(dict(span.attributes))
        if span.events:
            self.events[row] = tuple(span.events)
        if span.links:
            self.links[row] = tuple(span.links)
        self.correlation_ids.append(span.correlation_id)

    def span(self, row: int) -> Span:
        """The span of one row."""
        return Span(
            trace_id=self.trace_ids[row],
            span_id=self.span_ids[row],
            name=self.names[row],
            start_ns=self.starts_ns[row],
            duration_ns=self.durations_ns[row],
            parent_id=self.parent_ids[row],
            kind=self.kinds[row],
            status=self.statuses[row],
            status_message=self.status_messages[row],
            trace_state=self.trace_states[row],
            flags=self.flags[row],
            attributes=self.attributes[row],
            events=self.events.get(row, ()),
            links=self.links.get(row, ()),
            resource=self.resources[self.resource_rows[row]],
            scope=self.scopes[self.scope_rows[row]],
            correlation_id=self.correlation_ids[row],
        )
