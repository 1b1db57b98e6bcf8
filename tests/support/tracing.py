"""Tracing in tests: a provider that keeps its spans, and the globals of OpenTelemetry put back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

from anyascope.sdk.tracing import provider as ours


@contextlib.contextmanager
def untouched_globals() -> Iterator[None]:
    """No tracer provider is set inside, and what was set outside is there again afterwards."""
    before = (trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE)
    textmap = propagate.get_global_textmap()
    trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()
    try:
        yield
    finally:
        made = trace._TRACER_PROVIDER
        trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = before
        propagate.set_global_textmap(textmap)
        installation = ours._installations.pop(made, None) if made is not None else None
        if installation is not None:
            installation.end()
            installation.road.shutdown()


@dataclass
class Recorder:
    """A provider whose spans can be looked at."""

    memory: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    provider: TracerProvider = field(default_factory=TracerProvider)

    def __post_init__(self) -> None:
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.tracer = self.provider.get_tracer("test")

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Finished spans by name."""
        return {span.name: span for span in self.memory.get_finished_spans()}
