"""Where in the host's context something stands: the current span, and the correlation id that holds there.

OpenTelemetry and `contextvars` give a token for each change, and a token may be given back only in the context that it came
from. Frameworks enter fixtures and dependencies in one task and leave them in another; then there is nothing to give back.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Generic, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from anyascope.sdk.correlation import current_correlation_id, hold, release

T = TypeVar("T")


class Place:
    """A change of the current context, and the way back. The correlation id is known to be sound."""

    __slots__ = ("_joined", "_token")

    def __init__(self, context: Context, correlation_id: str) -> None:
        self._joined: Token[str] | None = None
        if current_correlation_id() != correlation_id:
            self._joined = hold(correlation_id)
        self._token: Token[Context] = otel_context.attach(context)

    def leave(self) -> None:
        """Give the context back as it was."""
        otel_context.detach(self._token)
        if self._joined is not None:
            release(self._joined)


class _Entered:
    """A block that was entered in this task or thread, and the one around it."""

    __slots__ = ("around", "owner", "thing")

    def __init__(self, owner: Entries[Any], thing: object, around: _Entered | None) -> None:
        self.owner = owner
        self.thing = thing
        self.around = around


_entered: ContextVar[_Entered | None] = ContextVar("anya_entered", default=None)


class Entries(Generic[T]):
    """What one object has entered and not yet left, in all tasks and threads.

    The object may be entered again before it is left, by the same task or by another.
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[T] = []

    def enter(self, thing: T) -> None:
        """Note what was entered here."""
        self._open.append(thing)
        _entered.set(_Entered(self, thing, _entered.get()))

    def leave(self) -> tuple[T, bool] | None:
        """What is left now, and whether it was entered in this context; None where nothing is open.

        The innermost that this context entered, else the one that was entered last anywhere.
        """
        entry = _entered.get()
        while entry is not None and (entry.owner is not self or entry.thing not in self._open):
            entry = entry.around
        if entry is not None:
            _entered.set(entry.around)
            self._open.remove(cast("T", entry.thing))
            return cast("T", entry.thing), True
        return (self._open.pop(), False) if self._open else None
