"""One id that joins the spans, logs, metrics exemplars, alerts and audit entries of one operation."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar, Token
from types import TracebackType

from opentelemetry import context as otel_context

from anyascope.sdk.guard import as_text, guarded, quoted, report_misuse

HEADER = "x-correlation-id"
SPAN_ATTRIBUTE = "anya.correlation_id"
LOG_FIELD = "correlation_id"
LENGTH_MAX = 128  # a UUID has 36; a longer one than this comes from somebody who wants to fill our store

# Where an id stands that came with a message and was taken out of it by a propagator of OpenTelemetry.
CONTEXT_KEY = otel_context.create_key("anyascope-correlation-id")

_SOUND = re.compile(rf"[!-~]{{1,{LENGTH_MAX}}}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_current: ContextVar[str] = ContextVar("anya_correlation_id", default="")


def current_correlation_id() -> str:
    """The id of the operation that this task or thread works on; empty outside of one.

    That of the innermost `correlation`, else the one that came with the message which OpenTelemetry continues here.
    """
    return _current.get() or _of_message()


class correlation:  # noqa: N801  # a verb: `with correlation(id):`
    """Work under this id, or under a new one: `with correlation(id) as id:`; asynchronous with `async with`.

    An id that came from outside is used only if it is printable ASCII without spaces, at most `LENGTH_MAX` characters long
    and no secret; otherwise a new one stands in its place.
    """

    __slots__ = ("_tokens", "correlation_id")

    def __init__(self, correlation_id: str | None = None) -> None:
        self.correlation_id = sound_id(correlation_id)
        self._tokens: list[Token[str]] = []

    def __enter__(self) -> str:
        self._tokens.append(_current.set(self.correlation_id))
        return self.correlation_id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        if not self._tokens:
            return
        release(self._tokens.pop())

    async def __aenter__(self) -> str:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, stack)


def hold(correlation_id: str) -> Token[str]:
    """What `correlation` does on entering, with an id that is known to be sound; for the SDK itself."""
    return _current.set(correlation_id)


def release(token: Token[str]) -> None:
    """Give back what `hold` gave."""
    try:
        _current.reset(token)
    except (ValueError, RuntimeError):
        # Left in another context than it was entered in, as generators of web frameworks are: that one is not ours.
        return


def _of_message() -> str:
    received = otel_context.get_value(CONTEXT_KEY)
    return received if isinstance(received, str) and _is_sound(received) else ""


@guarded("")
def sound_id(given: object) -> str:
    """What was given, where it may be a correlation id; else a new one."""
    text = as_text(given)
    if given is not None and text is None:
        report_misuse(f"a correlation id is a text, got {quoted(given)}; a new one is used")
    elif text and _is_sound(text):
        return text
    return str(uuid.uuid4())


def _is_sound(text: str) -> bool:
    if _UUID.fullmatch(text):
        return True
    return _SOUND.fullmatch(text) is not None and not _is_secret(text)


def _is_secret(text: str) -> bool:
    from anyascope.sdk.redaction import redact_text  # noqa: PLC0415  # its word lists load with the first id that is not ours

    return redact_text(text) != text
