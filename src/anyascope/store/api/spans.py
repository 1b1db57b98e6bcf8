"""The door to spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from anyascope.model.traces import Span, SpanBatch


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """Which traces: one span of the trace must meet every condition that is given.

    Attributes:
        start_ns, end_ns: the span starts in this stretch, both inclusive.
        duration_ns_min, duration_ns_max: inclusive; 0 is no bound.
        tags: key -> value as text (5 is "5", true is "true"). A tag may stand among the span's attributes, its
            events', its links', its scope's or its resource's.
        errors_only: the span's status is ERROR.
    """

    start_ns: int
    end_ns: int
    service: str = ""
    operation: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    duration_ns_min: int = 0
    duration_ns_max: int = 0
    errors_only: bool = False
    limit: int = 20


class SpanWriter(Protocol):
    """Keeps spans."""

    async def write_spans(self, batches: Sequence[SpanBatch], *, token: str = "") -> None:
        """Return once all batches survive `kill -9`; see `MetricWriter.write_metrics`."""


class SpanReader(Protocol):
    """Gives spans out."""

    async def find_traces(self, query: TraceQuery) -> list[bytes]:
        """The ids of the traces, the one with the newest matching span first."""

    async def spans_of(self, trace_ids: Sequence[bytes], *, spans_max: int = 100_000) -> list[Span]:
        """The spans of these traces by start time, each once; of more than `spans_max` the earliest.

        Who must tell whether there are more asks for one more.
        """

    async def services(self) -> list[str]:
        """The names of the services that ever sent a span, sorted."""

    async def operations(self, service: str) -> list[tuple[str, int]]:
        """(span name, kind) of one service, sorted."""
