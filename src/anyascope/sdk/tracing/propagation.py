"""A trace, its baggage and its correlation id go into headers and message metadata, and come out of them.

Source: W3C Trace Context; W3C Baggage; openzipkin/b3-propagation.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from functools import cache
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator

from anyascope.sdk.correlation import CONTEXT_KEY, HEADER, correlation, current_correlation_id
from anyascope.sdk.guard import as_text, guarded, quoted, report_misuse, tell_once, text_of
from anyascope.sdk.tracing.carriers import FieldsGetter, read_fields, write_fields
from anyascope.sdk.tracing.settings import checked_propagators

C = TypeVar("C")

SNAPSHOT_CHARS_MAX = 16_384  # twice what W3C's baggage may have; a longer one is not ours
SNAPSHOT_VERSION = 1
W3C = ("tracecontext", "baggage")
B3_PACKAGE = "pip install 'anyascope[b3]'"

_getter = FieldsGetter()


@guarded(None)
def use_propagators(names: Sequence[str]) -> None:
    """Carry traces in these headers from now on, in the whole process; of two that a request has, the later name counts.

    Args:
        names: of `tracecontext`, `baggage`, `b3`, `b3multi`, and whatever propagators are installed. A name that is not known
            is reported, and the others are used.
    """
    from opentelemetry.propagate import set_global_textmap  # noqa: PLC0415  # raises where OTEL_PROPAGATORS is wrong
    from opentelemetry.propagators.composite import CompositePropagator  # noqa: PLC0415

    wanted = checked_propagators(names)
    if wanted is None:
        return
    found = [propagator for name in wanted if (propagator := _propagator(name)) is not None]
    # Whoever lets OpenTelemetry's instrumentations carry the correlation id (`instrument_clients`) goes on doing so.
    carrying = [one for one in getattr(_configured(), "_propagators", ()) if one.fields == {HEADER}]
    set_global_textmap(CompositePropagator([*found, *carrying]))


def inject(carrier: C, context: Context | None = None) -> C:
    """The carrier with the headers of the current trace, its baggage and the correlation id.

    Args:
        carrier: a dictionary or header object, of texts or bytes; a list of pairs, as Kafka and AMQP have them; a WSGI
            environment; None for a new dictionary. It is changed where it can be, otherwise a changed copy is given.
        context: the trace to carry; the current one by default.

    Anything else is reported and given back as it is.
    """
    known = _checked_context("inject", context)
    try:
        fields: dict[str, str] = {}
        _configured().inject(fields, context=known)
        correlation_id = (correlation_id_of(known) if known is not None else "") or current_correlation_id()
        if correlation_id:
            fields[HEADER] = correlation_id
        result: C = write_fields(carrier, {name.lower(): value for name, value in fields.items()})
    except TypeError as error:
        report_misuse(f"inject: {error}")
        return carrier
    except Exception as error:  # noqa: BLE001  # a carrier of the host's whose methods raise
        tell_once("writing the headers of a trace", error)
        return carrier
    return result


def extract(carrier: object, context: Context | None = None) -> Context:
    """The trace, baggage and correlation id of this carrier, as a context; `context`, or an empty one, with nothing in it.

    Args:
        carrier: as of `inject`; names are found in any case, `HTTP_TRACEPARENT` too.
        context: what the result is based on.
    """
    base = _checked_context("extract", context) or Context()
    try:
        fields = read_fields(carrier)
        found = _configured().extract(fields, context=base, getter=_getter)
    except TypeError as error:
        report_misuse(f"extract: {error}")
        return base
    except Exception as error:  # noqa: BLE001  # a carrier of the host's whose methods raise
        tell_once("reading the headers of a trace", error)
        return base
    correlation_id = next(iter(fields.get(HEADER, ())), "")
    return otel_context.set_value(CONTEXT_KEY, correlation_id, found) if correlation_id else found


def _checked_context(what: str, context: object) -> Context | None:
    """`context` where it is one of OpenTelemetry's, or None."""
    with contextlib.suppress(Exception):  # an object of the host's that hides even its class
        if context is None or isinstance(context, Context):
            return context
    report_misuse(f"{what} wants a context of OpenTelemetry's, got {quoted(context)}; it is ignored")
    return None


@guarded("")
def correlation_id_of(context: Context | None) -> str:
    """The correlation id that `extract` found; empty where there was none. It may be anything that a caller sent."""
    known = _checked_context("correlation_id_of", context)
    found = known.get(CONTEXT_KEY) if known is not None else None
    return found if isinstance(found, str) else ""


class Active:
    """While this lasts, a context and a correlation id are the current ones; gives the correlation id that holds.

    Args:
        context: the trace and baggage; None leaves them as they are.
        correlation_id: "" leaves it as it is. One that is not sound is replaced by a new one, as `correlation` does.
    """

    __slots__ = ("_context", "_correlation", "_id", "_token")

    def __init__(self, context: Context | None, correlation_id: str) -> None:
        self._context = context
        self._id = correlation_id
        self._correlation: Any = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> str:
        if self._context is not None:
            self._token = otel_context.attach(self._context)
        if not self._id:
            return current_correlation_id()
        self._correlation = correlation(self._id)
        return str(self._correlation.__enter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._correlation is not None:
            self._correlation.__exit__(None, None, None)
        if self._token is not None:
            otel_context.detach(self._token)


def continued(carrier: object) -> Active:
    """A context manager in which the trace, baggage and correlation id of a request or message hold; gives the id."""
    context = extract(carrier)
    return Active(context, correlation_id_of(context))


@guarded("")
def context_snapshot() -> str:
    """The current trace, baggage and correlation id as one line of text, to be put beside a queue's message or in a table.

    W3C's headers in JSON, whatever propagators are configured: whoever resumes it need not know our configuration. At most
    `SNAPSHOT_CHARS_MAX` characters; baggage that does not fit is left out.
    """
    return snapshot_of(otel_context.get_current(), current_correlation_id())


def snapshot_of(context: Context, correlation_id: str) -> str:
    """As `context_snapshot`, of a given context."""
    fields: dict[str, str] = {}
    _w3c().inject(fields, context=context)
    if correlation_id:
        fields[HEADER] = correlation_id
    text = json.dumps({"v": SNAPSHOT_VERSION, **fields}, separators=(",", ":"))
    if len(text) > SNAPSHOT_CHARS_MAX:
        fields.pop("baggage", None)
        text = json.dumps({"v": SNAPSHOT_VERSION, **fields}, separators=(",", ":"))
    return text


def resume(snapshot: str | bytes | None) -> Active:
    """A context manager in which what `context_snapshot` took holds, in any process and at any time; gives the correlation id.

    None and "" change nothing: a message from before the SDK. So does what is no snapshot, after a report.
    """
    try:
        text = "" if snapshot is None else _as_line(snapshot)
        return Active(*read_snapshot(text)) if text else Active(None, "")
    except Exception as error:  # noqa: BLE001  # whatever stands in a message, or an object of the host's
        report_misuse(f"resume wants what context_snapshot gave, got {quoted(snapshot)} ({text_of(error)[:100]})")
        return Active(None, "")


def _as_line(snapshot: object) -> str:
    text = as_text(snapshot)
    if text is not None:
        return text
    if isinstance(snapshot, (bytes, bytearray, memoryview)):
        return bytes(snapshot).decode()
    raise TypeError(f"a {type(snapshot).__name__}")


def read_snapshot(snapshot: str) -> tuple[Context, str]:
    """The context and the correlation id of a snapshot.

    Raises:
        ValueError, RecursionError: it is none.
    """
    if len(snapshot) > SNAPSHOT_CHARS_MAX:
        raise ValueError(f"{len(snapshot)} characters")
    document = json.loads(snapshot)
    if not isinstance(document, Mapping) or document.get("v") != SNAPSHOT_VERSION:
        raise ValueError(f"no snapshot of version {SNAPSHOT_VERSION}")
    fields = read_fields(document)
    context = _w3c().extract(fields, context=Context(), getter=_getter)
    return context, next(iter(fields.get(HEADER, ())), "")


def _configured() -> TextMapPropagator:
    try:
        from opentelemetry.propagate import get_global_textmap  # noqa: PLC0415  # raises where OTEL_PROPAGATORS is wrong

        return get_global_textmap()
    except Exception as error:  # noqa: BLE001  # whatever an installed propagator raises when it is loaded
        tell_once("loading the propagators of OTEL_PROPAGATORS, W3C's are used", error)
        return _w3c()


@cache
def _w3c() -> TextMapPropagator:
    from opentelemetry.propagators.composite import CompositePropagator  # noqa: PLC0415  # with the first use

    return CompositePropagator([_tracecontext(), _baggage()])


def _tracecontext() -> TextMapPropagator:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    return TraceContextTextMapPropagator()


def _baggage() -> TextMapPropagator:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator  # noqa: PLC0415

    return W3CBaggagePropagator()


_OWN: dict[str, Callable[[], TextMapPropagator]] = {"tracecontext": _tracecontext, "baggage": _baggage}


def _propagator(name: str) -> TextMapPropagator | None:
    """A propagator by its name; None, after a report, where there is none."""
    wanted = name.lower()
    if wanted in _OWN:
        return _OWN[wanted]()
    installed = importlib.metadata.entry_points(group="opentelemetry_propagator", name=wanted)
    if not installed:
        hint = f"; it needs another package: {B3_PACKAGE}" if wanted in ("b3", "b3multi") else ""
        report_misuse(f"propagator {wanted[:80]!r} is not installed{hint}; known are {', '.join(_known())}")
        return None
    made: TextMapPropagator = next(iter(installed)).load()()
    return made


def _known() -> list[str]:
    found = importlib.metadata.entry_points(group="opentelemetry_propagator")
    return sorted({*_OWN, *(point.name for point in found)})
