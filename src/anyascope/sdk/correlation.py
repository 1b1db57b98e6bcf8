"""One id that joins the spans, logs, metrics exemplars, alerts and audit entries of one operation."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from contextvars import ContextVar

from opentelemetry import context as otel_context

HEADER = "x-correlation-id"
SPAN_ATTRIBUTE = "anya.correlation_id"
LOG_FIELD = "correlation_id"
LENGTH_MAX = 128  # a UUID has 36; a longer one than this comes from somebody who wants to fill our store

# Where an id stands that came with a message and was taken out of it by a propagator of OpenTelemetry.
CONTEXT_KEY = otel_context.create_key("anyascope-correlation-id")

_current: ContextVar[str] = ContextVar("anya_correlation_id", default="")


def current_correlation_id() -> str:
    """The id of the operation that this task or thread works on; empty outside of one.

    That of the innermost `correlation`, else the one that came with the message which OpenTelemetry continues here.
    """
    return _current.get() or _of_message()


def _of_message() -> str:
    received = otel_context.get_value(CONTEXT_KEY)
    return received if isinstance(received, str) and _is_sound(received) else ""


@contextlib.contextmanager
def correlation(correlation_id: str | None = None) -> Iterator[str]:
    """Work under this id, or under a new one, and give it.

    An id that came from outside is used only if it is printable and at most `LENGTH_MAX` characters long; otherwise a
    new one stands in its place.
    """
    chosen = correlation_id if correlation_id and _is_sound(correlation_id) else str(uuid.uuid4())
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def _is_sound(text: str) -> bool:
    return len(text) <= LENGTH_MAX and text.isascii() and text.isprintable() and " " not in text
