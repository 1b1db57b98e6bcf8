"""Captures the spans of every tracer, whenever it was got: at import, from a proxy, or from a provider that the host set.

OpenTelemetry's global provider can be set once in a process. A switch stands in its place only while something is captured;
tracers that were got meanwhile keep a switch of their own, which leads to whatever is global when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from anyascope.clock import Clock
from anyascope.ids import Ids
from anyascope.sdk.redaction import redacting
from anyascope.sdk.testing.records import CapturedSpan
from anyascope.sdk.tracing import CorrelationProcessor


@contextmanager
def captured_spans(keep: Callable[[CapturedSpan], None], *, clock: Clock | None, ids: Ids | None) -> Iterator[None]:
    """While this lasts every span that ends is kept, as it would leave the process, and none is exported."""
    provider = TracerProvider(
        resource=Resource.get_empty(),
        id_generator=_GivenIds(ids) if ids is not None else None,
        shutdown_on_exit=False,
    )
    keeper = _Keeper(keep)
    provider.add_span_processor(CorrelationProcessor())
    if clock is not None:
        provider.add_span_processor(_Times(clock))
    provider.add_span_processor(keeper)
    before = trace._TRACER_PROVIDER  # noqa: SLF001  # there is no public way to put the former one back
    with ExitStack() as stack:
        if isinstance(before, TracerProvider):
            stack.enter_context(_diverted(before, keeper))
        stack.enter_context(_switched(provider))
        try:
            yield
        finally:
            provider.shutdown()


@contextmanager
def _switched(provider: TracerProvider) -> Iterator[None]:
    """Tracers come from `provider`; nobody else can set the global one meanwhile."""
    global _current  # noqa: PLW0603  # what the switches lead to
    before, outer = trace._TRACER_PROVIDER, _current  # noqa: SLF001
    once = trace._TRACER_PROVIDER_SET_ONCE  # noqa: SLF001
    was_set = once._done  # noqa: SLF001
    _current = provider
    trace._TRACER_PROVIDER = _SWITCH  # noqa: SLF001
    once._done = True  # noqa: SLF001
    try:
        yield
    finally:
        _current = outer
        trace._TRACER_PROVIDER = before  # noqa: SLF001
        once._done = was_set  # noqa: SLF001


@contextmanager
def _diverted(provider: TracerProvider, keeper: SpanProcessor) -> Iterator[None]:
    """Spans of tracers that a host's provider handed out are kept, and do not go where it sends them."""
    road = provider._active_span_processor  # noqa: SLF001  # tracers hold this very object
    before: Sequence[SpanProcessor] = road._span_processors  # noqa: SLF001
    road._span_processors = (CorrelationProcessor(), keeper)  # noqa: SLF001
    try:
        yield
    finally:
        road._span_processors = tuple(before)  # noqa: SLF001


class _SwitchProvider(trace.TracerProvider):
    """What stands as the global provider while something is captured."""

    def get_tracer(self, *arguments: Any, **options: Any) -> trace.Tracer:
        return _SwitchTracer(arguments, options)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Nothing is sent from a test: what a service sets up to send with is let go."""


class _SwitchTracer(trace.Tracer):
    """Leads each span to the provider that counts when it starts."""

    def __init__(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._arguments = arguments
        self._options = options
        self._found: tuple[trace.TracerProvider, trace.Tracer] | None = None

    def start_span(self, *arguments: Any, **options: Any) -> trace.Span:
        return self._tracer().start_span(*arguments, **options)

    def start_as_current_span(self, *arguments: Any, **options: Any) -> AbstractContextManager[trace.Span]:  # type: ignore[override]  # OpenTelemetry's helper class, which its own proxy gives as well
        return self._tracer().start_as_current_span(*arguments, **options)

    def _tracer(self) -> trace.Tracer:
        provider = _current or trace.get_tracer_provider()
        if self._found is None or self._found[0] is not provider:
            self._found = (provider, provider.get_tracer(*self._arguments, **self._options))
        return self._found[1]


_SWITCH = _SwitchProvider()
_current: TracerProvider | None = None


class _Keeper(SpanProcessor):
    """Keeps ended spans without their secrets."""

    def __init__(self, keep: Callable[[CapturedSpan], None]) -> None:
        self._exporter = redacting(_Keeping(keep))

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._exporter.export((span,))


class _Keeping(SpanExporter):
    def __init__(self, keep: Callable[[CapturedSpan], None]) -> None:
        self._keep = keep

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._keep(_record(span))
        return SpanExportResult.SUCCESS


class _Times(SpanProcessor):
    """Spans begin and end when a given clock says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        _ = parent_context
        end = span.end
        span._start_time = self._clock.now_ns()  # noqa: SLF001  # `start_span` had no clock to ask
        span.end = lambda end_time=None: end(end_time or self._clock.now_ns())  # type: ignore[method-assign]  # of this one span


class _GivenIds(IdGenerator):
    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def generate_trace_id(self) -> int:
        return int.from_bytes(self._ids.trace_id(), "big")

    def generate_span_id(self) -> int:
        return int.from_bytes(self._ids.span_id(), "big")


def _record(span: ReadableSpan) -> CapturedSpan:
    context = span.context
    return CapturedSpan(
        name=span.name,
        attributes=dict(span.attributes or {}),
        status=span.status.status_code.name,
        kind=span.kind.name,
        trace_id=f"{context.trace_id:032x}" if context else "",
        span_id=f"{context.span_id:016x}" if context else "",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        events=tuple((event.name, dict(event.attributes or {})) for event in span.events),
        raw=span,
    )
