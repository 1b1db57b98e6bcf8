"""Our faults never break the host: they become one log line, and the host runs on.

Two kinds are told apart. A *fault* is ours, or a far end's. *Misuse* is an argument that cannot be what the caller meant. In
production both are one log line; under `strict()`, which the testing module and the pytest plugin switch on, both raise.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

TOLD_MAX = 1_000  # different faults that are told; a fault that differs at every call must not fill the memory
TOLD_CHARS_MAX = 500  # of one line; an argument that is quoted in it may have any size
RETELL_S = 3_600.0  # a fault that goes on is told again after an hour, with how often it was seen
QUOTED_CHARS_MAX = 80  # of an argument in a message

_log = logging.getLogger("anyascope.sdk")


class _Told:
    """One fault: when it was told last, and how often it was seen since."""

    __slots__ = ("at_s", "since")

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.since = 0


_told: dict[str, _Told] = {}
_told_lock = threading.RLock()  # a signal handler of the host's may tell a fault while this thread tells one
_strict_depth = 0


class MisuseError(ValueError):
    """The SDK was called with something that it cannot use; raised under `strict()` only."""


def tell_once(what: str, error: BaseException) -> None:
    """Log a fault of ours when it is first seen in this process, and every `RETELL_S` while it goes on.

    Faults of the same kind of error in the same place are one, whatever their texts say.
    """
    kind = f"{text_of(what)}: {type(error).__name__}"
    _tell(kind, f"telemetry failed and the service runs on: {kind}: {text_of(error)}", again=True)


def report_misuse(message: str) -> None:
    """Log a wrong use the first time it is seen in this process; messages that differ after `, got ` are the same.

    Raises:
        MisuseError: under `strict()`, at every time.
    """
    message = text_of(message)
    if is_strict():
        raise MisuseError(_without_secrets(message))
    _tell(message.partition(", got ")[0], f"wrong use of anyascope.sdk, ignored: {message}", again=False)


def note_once(message: str) -> None:
    """Log, once in this process, what somebody may wonder about and what is as it was asked for."""
    text = text_of(message)
    _tell(text, f"anyascope.sdk: {text}", again=False)


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """While this lasts, faults and misuse raise in every thread of the process; for tests."""
    global _strict_depth  # noqa: PLW0603  # a switch of the whole process, as its name says
    with _told_lock:
        _strict_depth += 1
    try:
        yield
    finally:
        with _told_lock:
            _strict_depth -= 1


def is_strict() -> bool:
    """Whether faults and misuse raise."""
    return _strict_depth > 0


def forget_told() -> None:
    """Tell every fault anew; for tests."""
    with _told_lock:
        _told.clear()


def guarded(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """A decorator for a function whose faults must not reach its caller: it gives `default` then, and one log line is written.

    A coroutine function is awaited inside. `KeyboardInterrupt`, `SystemExit` and cancellation pass: they are the host's own.
    Under `strict()` everything passes.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        given: object = function
        if not callable(given):
            report_misuse(f"guarded() decorates functions, got {quoted(given)}")
            return function
        name = getattr(function, "__qualname__", type(function).__name__)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if is_strict():
                    raise
                tell_once(name, error)
                return default

        @functools.wraps(function)
        async def call_later(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return await cast("Any", function(*args, **kwargs))
            except Exception as error:
                if is_strict():
                    raise
                tell_once(name, error)
                return default

        return cast("Callable[P, R | D]", call_later) if inspect.iscoroutinefunction(function) else call

    return decorate


def quoted(value: object) -> str:
    """A value as a message may show it: short, and whatever it is."""
    try:
        plain = as_text(value)
        if plain is not None:
            text = repr(plain[:QUOTED_CHARS_MAX])
        elif value.__class__ is bytes:
            text = repr(value[:QUOTED_CHARS_MAX])
        else:
            text = repr(value) if value is None or value.__class__ in (int, float, bool) else ""
    except Exception:  # noqa: BLE001  # a subclass of the host's; also an int with too many digits
        text = ""
    text = text or f"a value of type {type(value).__name__}"
    return text if len(text) <= QUOTED_CHARS_MAX else f"{text[:QUOTED_CHARS_MAX]}…"


def as_text(value: object) -> str | None:
    """A text as a plain one, whatever its class does; None where it is none."""
    try:
        return str.__str__(value) if isinstance(value, str) else None
    except Exception:  # noqa: BLE001  # an object of the host's that hides even its class
        return None


def as_number(value: object) -> int | float | None:
    """A number that is neither True nor False as a plain one, whatever its class does; None where it is none."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int):
            return int.__int__(value)
        return float.__float__(value) if isinstance(value, float) else None
    except Exception:  # noqa: BLE001  # as above
        return None


def text_of(value: object) -> str:
    """The text of a value whose own way to print itself may raise."""
    try:
        return str.__str__(str(value))
    except Exception:  # noqa: BLE001  # an object of the host's
        return f"({type(value).__name__} that cannot be printed)"


def _tell(kind: str, line: str, *, again: bool) -> None:
    try:
        seen = _seen_before(kind[:TOLD_CHARS_MAX], again=again)
        if seen is not None:
            since = f" ({seen} more since this was last told)" if seen else ""
            _log.warning("%s", _without_secrets(line) + since)
    except Exception:  # noqa: BLE001, S110  # a handler of the host's, or the end of the interpreter: nobody is left to be told
        pass


def _seen_before(kind: str, *, again: bool) -> int | None:
    """How often this was seen without being told; None where it is not to be told now."""
    now_s = time.monotonic()
    with _told_lock:
        known = _told.get(kind)
        if known is None:
            if len(_told) >= TOLD_MAX:
                return None
            _told[kind] = _Told(now_s)
            return 0
        if not again or now_s - known.at_s < RETELL_S:
            known.since += 1
            return None
        seen, known.since, known.at_s = known.since, 0, now_s
        return seen


def _without_secrets(line: str) -> str:
    from anyascope.redact.text import clean  # noqa: PLC0415  # its word lists load with the first fault, not with every import

    try:
        plain = clean(line[:TOLD_CHARS_MAX], TOLD_CHARS_MAX)[0]
        # Half a character, as an argument may have one, would make the host's handler fail when it writes the line.
        return plain if plain.isascii() else plain.encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001  # nothing goes out that was not looked at
        return "(a message that could not be searched for secrets)"


def _in_child() -> None:
    global _told_lock  # noqa: PLW0603  # another thread of the parent may have held it
    _told_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
