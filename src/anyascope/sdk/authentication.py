"""Keeps one failed authentication from being counted twice: by the host's own event, and by the 401 that follows it."""

from __future__ import annotations

from contextvars import ContextVar, Token


class AuthenticationWatch:
    """Learns of failed authentications that the code inside reports itself; may be entered again after it was left.

    Code that runs in another thread or task learns of it too, as long as the context was handed over (asyncio, executors of
    the web frameworks and `copy_context` do).
    """

    __slots__ = ("_token", "noted")

    def __init__(self) -> None:
        self.noted = False
        self._token: Token[AuthenticationWatch | None] | None = None

    def enter(self) -> None:
        """Watch from here on."""
        self._token = _watching.set(self)

    def leave(self) -> None:
        """Watch no more.

        Raises:
            ValueError: left in another context than it was entered in.
        """
        token, self._token = self._token, None
        if token is not None:
            _watching.reset(token)


_watching: ContextVar[AuthenticationWatch | None] = ContextVar("anya_authentication_watch", default=None)


def note_failed_authentication() -> None:
    """Tell whoever watches that this failure has been counted."""
    watch = _watching.get()
    if watch is not None:
        watch.noted = True
