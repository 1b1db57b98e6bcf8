"""Our faults never break the host: they become one log line, and the host runs on."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

_log = logging.getLogger("anyascope.sdk")
_told: set[str] = set()
_told_lock = threading.Lock()

TOLD_MAX = 1_000  # different faults that are told; a fault that differs at every call must not fill the memory


def tell_once(what: str, error: BaseException) -> None:
    """Log a fault of ours the first time it is seen in this process."""
    kind = f"{what}: {type(error).__name__}: {error}"
    with _told_lock:
        if kind in _told or len(_told) >= TOLD_MAX:
            return
        _told.add(kind)
    _log.warning("telemetry failed and the service runs on: %s", kind)


def forget_told() -> None:
    """Tell every fault anew; for tests."""
    with _told_lock:
        _told.clear()


def guarded(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """A decorator for a function of ours: where it raises, the host gets `default` and one log line is written.

    `KeyboardInterrupt`, `SystemExit` and cancellation pass: they are the host's own.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is ours and must not reach the host
                tell_once(function.__qualname__, error)
                return default

        return call

    return decorate
