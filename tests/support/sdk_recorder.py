"""What an operation leaves behind, in memory: for the tests of the rooms on which `anyascope.sdk.testing` itself stands."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Exemplar

from anyascope.sdk.logs import joined_ids
from anyascope.sdk.metrics import AnyaMetrics


@dataclass
class Line:
    """A record of one of our loggers."""

    logger: str
    level: str
    event: str
    fields: dict[str, Any]
    ids: dict[str, str]


class _Handler(logging.Handler):
    def __init__(self, lines: list[Line]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines
        self._others = set(threading.enumerate()) - {threading.current_thread()}  # still busy with what was before

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "anyascope.sdk" or threading.current_thread() in self._others:
            return  # the first is told once a process: whether it comes depends on which test was first
        fields = dict(record.__dict__.get("_anyascope_fields", {}))
        self._lines.append(Line(record.name, record.levelname, str(record.msg), fields, joined_ids()))


@dataclass
class Recorder:
    """Spans in the order in which they ended, lines in the order in which they were written, and a registry."""

    exporter: InMemorySpanExporter
    registry: CollectorRegistry
    lines: list[Line] = field(default_factory=list)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def span(self, name: str | None = None) -> ReadableSpan:
        """The one span, or the one of this name."""
        [found] = [span for span in self.spans if name is None or span.name == name]
        return found

    def named(self) -> list[str]:
        return [span.name for span in self.spans]

    def line(self, event: str) -> Line:
        [found] = [line for line in self.lines if line.event == event]
        return found

    def events(self, logger: str | None = None) -> list[str]:
        return [line.event for line in self.lines if logger is None or line.logger == logger]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def exemplars(self, name: str) -> list[Exemplar]:
        return [
            sample.exemplar
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and sample.exemplar
        ]


@contextlib.contextmanager
def recording(sampler: Sampler | None = None) -> Iterator[Recorder]:
    """While this lasts the process's operations are recorded here, and nothing is strict."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    recorder = Recorder(exporter, CollectorRegistry())
    handler = _Handler(recorder.lines)
    logger = logging.getLogger("anyascope")
    level, found = logger.level, trace.get_tracer_provider
    former = AnyaMetrics.swap_global(AnyaMetrics(recorder.registry))
    trace.get_tracer_provider = lambda: provider
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield recorder
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        trace.get_tracer_provider = found
        AnyaMetrics.swap_global(former)
        provider.shutdown()
