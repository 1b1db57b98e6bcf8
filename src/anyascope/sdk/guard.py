"""Our faults never break the host: they become one log line, and the host runs on.

Two kinds are told apart. A *fault* is ours, or a far end's. *Misuse* is an argument that cannot be what the caller meant. In
production both are one log line; under `strict()`, which the testing module and the pytest plugin switch on, both raise.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

TOLD_MAX = 1_000  # different faults that are told; a fault that differs at every call must not fill the memory
TOLD_CHARS_MAX = 500  # of one line; an argument that is quoted in it may have any size

_log = logging.getLogger("anyascope.sdk")
_told: set[str] = set()
_told_lock = threading.Lock()
_strict_depth = 0


class MisuseError(ValueError):
    """The SDK was called with something that it cannot use; raised under `strict()` only."""


def tell_once(what: str, error: BaseException) -> None:
    """Log a fault of ours the first time it is seen in this process."""
    _tell(f"telemetry failed and the service runs on: {what}: {type(error).__name__}: {_text_of(error)}")


def report_misuse(message: str) -> None:
    """Log a wrong use the first time it is seen in this process.

    Raises:
        MisuseError: under `strict()`, at every time.
    """
    if is_strict():
        raise MisuseError(message)
    _tell(f"wrong use of anyascope.sdk, ignored: {message}")


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
    """A decorator for a function of ours: where it raises, the host gets `default` and one log line is written.

    `KeyboardInterrupt`, `SystemExit` and cancellation pass: they are the host's own. Under `strict()` everything passes.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if is_strict():
                    raise
                tell_once(function.__qualname__, error)
                return default

        return call

    return decorate


def _tell(line: str) -> None:
    line = line[:TOLD_CHARS_MAX]
    with _told_lock:
        if line in _told or len(_told) >= TOLD_MAX:
            return
        _told.add(line)
    _log.warning("%s", line)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # an exception of the host's whose text cannot be made
        return "(its message cannot be printed)"
