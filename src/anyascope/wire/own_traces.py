"""What the own API answers about traces; as `own_api` is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from anyascope.wire.own_api import ScopeView


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """What a service does."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A service and its operations."""

    name: str
    operations: list[OperationView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesView:
    """The services that ever sent a span."""

    services: list[ServiceView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpansView:
    """How many spans of a trace are a service's."""

    name: str
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummaryView:
    """A trace in one line."""

    trace_id: str
    root_service: str
    root_name: str
    start: str
    duration_ns: int
    spans: int
    errors: int
    services: list[ServiceSpansView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSearchView:
    """Traces, newest first."""

    traces: list[TraceSummaryView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEventView:
    """Something that happened inside a span."""

    time: str
    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLinkView:
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanView:
    """One span. `parent_id` is empty for a root; `warnings` say what is odd about it."""

    span_id: str
    parent_id: str
    name: str
    service: str
    kind: Literal["internal", "server", "client", "producer", "consumer", "unspecified"]
    start: str
    duration_ns: int
    status: Literal["unset", "ok", "error"]
    status_message: str
    attributes: dict[str, Any]
    events: list[SpanEventView]
    links: list[SpanLinkView]
    resource: dict[str, Any]
    scope: ScopeView
    correlation_id: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """A trace, its spans by start. `is_cut` says that it has more spans than are shown."""

    trace_id: str
    start: str
    duration_ns: int
    spans: list[SpanView]
    is_cut: bool = False
