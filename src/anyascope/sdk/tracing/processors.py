"""What a span passes on its way: it gets the correlation id and keeps our attributes, then waits to be sent."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.guard import guarded
from anyascope.sdk.tracing.limits import protect

FLUSH_WITHIN_MS = 30_000  # OpenTelemetry's default


class CorrelationProcessor(SpanProcessor):
    """Writes the current correlation id on every span that starts."""

    @guarded(None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        _ = parent_context
        correlation_id = current_correlation_id()
        if correlation_id:
            span.set_attribute(SPAN_ATTRIBUTE, correlation_id)


class ServiceProcessor(CorrelationProcessor):
    """Our whole part in a tracer provider; where spans go can be exchanged while they flow.

    A provider's processors can be added to but not removed, so this one is added once and holds the one that counts.

    Args:
        is_correlating: whether spans get their correlation id here; our own provider's sampler gives it sooner and cheaper.
    """

    def __init__(self, *, is_correlating: bool = True) -> None:
        self._is_correlating = is_correlating
        self._next: SpanProcessor | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        protect(span)
        if self._is_correlating:
            super().on_start(span, parent_context)

    @guarded(None)
    def on_end(self, span: ReadableSpan) -> None:
        following = self._next
        if following is not None:
            if (span.end_time or 0) < (span.start_time or 0):
                span._end_time = span.start_time  # noqa: SLF001  # the machine's clock was set back; far ends refuse such spans
            following.on_end(span)

    @guarded(None)
    def shutdown(self) -> None:
        """Send what waits, and nothing more until the next `lead_to`."""
        former = self.lead_to(None)
        if former is not None:
            former.shutdown()

    @guarded(False)
    def force_flush(self, timeout_millis: int = FLUSH_WITHIN_MS) -> bool:
        """Whether everything that waits was sent."""
        following = self._next
        return following is None or following.force_flush(timeout_millis)

    def lead_to(self, following: SpanProcessor | None) -> SpanProcessor | None:
        """Hand finished spans to `following` from now on; gives the one that had them until now, for its `shutdown`."""
        former, self._next = self._next, following
        return former
