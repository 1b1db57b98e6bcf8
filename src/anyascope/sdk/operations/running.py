"""One run of an operation: its span, its place in the current context, its outcome.

Written for speed: a run costs the host's thread its span, two log lines and three metrics, and nothing else that can be
left out. No context manager of `contextlib`, no stack, one dictionary of attributes.
"""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode, TraceFlags, Tracer, TracerProvider

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.guard import guarded, is_strict, report_misuse, tell_once
from anyascope.sdk.logs.emitting import announce
from anyascope.sdk.logs.entry import NO_IDS, Ids
from anyascope.sdk.operations import sources
from anyascope.sdk.operations.outcomes import error_text
from anyascope.sdk.operations.places import Place
from anyascope.sdk.tracing.limits import SoundAttributes, write_sound
from anyascope.sdk.values import MESSAGE_CHARS_MAX, attribute, bounded, identifier, printed, stack_of

TRACER_NAME = "anyascope.sdk"
SUCCESS = "success"
ERROR = "error"
EXEMPLAR_CHARS_MAX = 128  # of all names and values together, as OpenMetrics wants it
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000
US_PER_MS = 1_000

log = logging.getLogger("anyascope.operations")

_OK = Status(StatusCode.OK)
_tracer_of: tuple[TracerProvider | None, Tracer | None] = (None, None)


def tracer() -> Tracer:
    """The tracer of the provider that holds now; asked for once a provider, since asking costs as much as a log line."""
    global _tracer_of  # noqa: PLW0603  # one tuple, so that no thread sees half of a change
    provider = trace.get_tracer_provider()
    known, found = _tracer_of
    if found is None or known is not provider:
        found = provider.get_tracer(TRACER_NAME)
        _tracer_of = provider, found
    return found


def fault(what: str, error: Exception) -> None:
    """What `guarded` does with a fault of ours, for the code that every operation runs: a call less each."""
    if is_strict():
        raise error
    tell_once(what, error)


def _told(error: BaseException, message: str) -> dict[str, Any]:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "exception.type": name,
        "exception.message": message,
        "exception.stacktrace": stack_of(error),
        "exception.escaped": "True",
    }


class Operation:
    """What runs between the start and the end of one call or block.

    `span` is OpenTelemetry's own. `correlation_id` is the one that held when it began, or a new one.
    """

    __slots__ = (
        "_duration_ns",
        "_error",
        "_ids",
        "_is_over",
        "_place",
        "_result",
        "_started_ns",
        "correlation_id",
        "span",
    )

    def __init__(self) -> None:
        self.span: Span = INVALID_SPAN
        self.correlation_id = ""
        self._ids = NO_IDS
        self._result: object = None
        self._error: BaseException | str | None = None
        self._started_ns = 0
        self._duration_ns = 0
        self._place: Place | None = None
        self._is_over = False

    def set_result(self, result: object) -> None:
        """Say what the operation gave; what a decorated function returns is its result by itself."""
        self._result = result

    @guarded(None)
    def set_attribute(self, name: str, value: object) -> None:
        """Write an attribute on the span: any value, bounded and without secrets."""
        if self._is_over:
            report_misuse(f"{type(self).__name__}.set_attribute after its end")
            return
        named = identifier(name, "an attribute's name")
        self.span.set_attribute(named, attribute(named, value))

    @guarded(None)
    def fail(self, error: BaseException | str) -> None:
        """Say that the operation failed although no exception leaves the block."""
        self._error = error if isinstance(error, BaseException) else printed(error)

    # What a kind of operation adds.

    def _begin(self) -> None:
        """Open the span and tell that it began."""
        raise NotImplementedError

    def _mark(self) -> None:
        """Write the outcome on the span."""
        raise NotImplementedError

    def _measure(self) -> None:
        """Record the metrics."""
        raise NotImplementedError

    def _tell(self) -> None:
        """Write the log line of the end."""
        raise NotImplementedError

    @property
    def duration_s(self) -> float:
        """Seconds that it took; 0 while it runs."""
        return self._duration_ns / NS_PER_S

    @property
    def duration_ms(self) -> float:
        """The same in milliseconds, to the microsecond."""
        return self._duration_ns // NS_PER_US / US_PER_MS

    # The course that all share.

    def start(self) -> None:
        """Begin; the host's function is called next."""
        try:
            self._started_ns = sources.monotonic_ns()
            self._begin()
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            if is_strict():
                self.pause()  # nobody will end it
            fault("beginning an operation", error)

    def end(self, error: BaseException | None = None) -> None:
        """End with the result that was set, or with this error; a second time changes nothing."""
        if self._is_over:
            return
        if error is not None:
            self._error = error
        self._duration_ns = max(sources.monotonic_ns() - self._started_ns, 0)
        if self._place is None:
            self.resume()
        try:
            self._leave_traces()
        finally:
            self._is_over = True
            self._close()

    def _leave_traces(self) -> None:
        """Span, metrics and log line, each by itself: where one of them has a fault, the others still tell."""
        try:
            self._mark()
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            fault("marking a span", error)
        try:
            self._measure()
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            fault("measuring an operation", error)
        try:
            self._tell()
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            fault("logging an operation", error)

    def _open(
        self, name: str, attributes: dict[str, Any], *, correlation_id: str = "", context: Context | None = None
    ) -> None:
        """Start the span and make it current.

        Args:
            name: of the span.
            attributes: of the span, bounded and without secrets; the correlation id is added.
            correlation_id: the sound one to work under; else the current one, else a new one.
            context: what the span starts in, the current one where it is not given.
        """
        joined = self.correlation_id = correlation_id or current_correlation_id() or sources.new_id()
        attributes[SPAN_ATTRIBUTE] = joined
        span = self.span = tracer().start_span(name, context, attributes=SoundAttributes(attributes))
        own = span.get_span_context()
        self._ids = Ids(own.trace_id, own.span_id, own.trace_flags, joined) if own.is_valid else Ids(0, 0, 0, joined)
        self._place = Place(trace.set_span_in_context(span, context), joined)

    def _say(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Write a log line of this operation; the fields are sound, and nobody changes them."""
        announce(log, level, event, fields, self._ids)

    @guarded(None)
    def resume(self) -> None:
        """Make the operation current again, in the context that holds now, unless it is."""
        if self._place is None and self.correlation_id:
            self._place = Place(trace.set_span_in_context(self.span), self.correlation_id)

    def pause(self) -> None:
        """Leave the context without ending."""
        place, self._place = self._place, None
        if place is not None:
            try:
                place.leave()
            except Exception as error:  # noqa: BLE001  # ours, never the host's
                fault("leaving the context of an operation", error)

    def forget_place(self) -> None:
        """The context in which it was made current is out of reach: it was left in another task or thread."""
        self._place = None

    def _close(self) -> None:
        try:
            self.span.end()
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            fault("ending a span", error)
        self.pause()

    @property
    def _failed(self) -> bool:
        return self._error is not None

    def _error_text(self) -> str:
        if isinstance(self._error, BaseException):
            return error_text(self._error)
        return bounded(self._error or "", MESSAGE_CHARS_MAX)

    def _mark_outcome(self, attributes: dict[str, Any], *, error: str | None = None) -> None:
        """Write these on the span, and its status: failed for this reason, or well."""
        write_sound(self.span, attributes)
        if error is None:
            self.span.set_status(_OK)
            return
        self.span.set_status(Status(StatusCode.ERROR, error))
        if isinstance(self._error, BaseException) and self.span.is_recording():
            # OpenTelemetry's own `record_exception` would write message and stack as they are.
            self.span.add_event("exception", _told(self._error, error))

    def _exemplar(self, name: str, value: str) -> dict[str, str] | None:
        """The trace and this id as an exemplar's labels; the trace only where it is kept, the id only where it fits."""
        ids = self._ids
        labels: dict[str, str] = {}
        room = EXEMPLAR_CHARS_MAX
        if ids.flags & TraceFlags.SAMPLED:
            labels["trace_id"] = f"{ids.trace_id:032x}"
            labels["span_id"] = f"{ids.span_id:016x}"
            room -= _TRACE_LABEL_CHARS
        if value and len(name) + len(value) <= room:
            labels[name] = value
        return labels or None


_TRACE_LABEL_CHARS = len("trace_id") + 32 + len("span_id") + 16
