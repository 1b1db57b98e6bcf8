"""What happens to delivery when the process forks or ends.

Parts enrol here. A forked child keeps each part but none of its threads, locks, connections and waiting items: those are its
parent's. A process that ends sends what it still can within one bound for all parts together.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from types import FrameType
from typing import Protocol

from anyascope.sdk.guard import guarded

EXIT_WITHIN_S = 3.0  # for all queues together; an orchestrator kills some 10 to 30 s after it asked
LATE_WITHIN_S = 0.25  # for what other exit handlers record after the bound was used up


class Part(Protocol):
    """Something that has threads, locks or items.

    Attributes:
        flush_order: parts with a lower one hand on to those with a higher one.
    """

    flush_order: int

    def after_fork(self) -> None:
        """Start anew, in the child."""

    def flush_at_exit(self, deadline_s: float) -> None:
        """Send what waits until `deadline_s` of `time.monotonic()`."""


_parts: weakref.WeakSet[Part] = weakref.WeakSet()
_exit_deadline_s: float | None = None
_is_hooked = False
_exit_within_s = EXIT_WITHIN_S


def enrol(part: Part) -> None:
    """Tell this part of forks and of the end, for as long as somebody else holds it."""
    global _is_hooked  # noqa: PLW0603  # once a process
    _parts.add(part)
    if not _is_hooked:
        _is_hooked = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
        _flush_on_sigterm()


def expect_exit() -> None:
    """Be the first of the exit handlers, and one of those of multiprocessing; called when a thread starts.

    Handlers run last registered first, and OpenTelemetry's providers register theirs before the first span is recorded:
    what flushes under one common bound must run before theirs, which each would wait for a bound of its own.
    """
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    # A child of multiprocessing ends by `os._exit`, after the finalisers of its own registry and without `atexit`.
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize  # noqa: PLC0415  # only where the host uses it

        Finalize(None, _at_exit, exitpriority=0)


def exit_remaining_s(wanted_s: float) -> float:
    """Seconds that may be waited: `wanted_s`, and less once the process is ending."""
    if _exit_deadline_s is None:
        return wanted_s
    return min(wanted_s, max(_exit_deadline_s - time.monotonic(), LATE_WITHIN_S))


def limit_exit(seconds: float) -> None:
    """Wait for at most `seconds` at the end of the process, 0 or more."""
    global _exit_within_s  # noqa: PLW0603  # an option of the process
    _exit_within_s = seconds


@guarded(None)
def _at_exit() -> None:
    _flush_all(time.monotonic() + _exit_within_s)


def _flush_all(deadline_s: float) -> None:
    global _exit_deadline_s  # noqa: PLW0603  # the process ends once
    _exit_deadline_s = deadline_s
    for part in sorted(_parts, key=lambda part: part.flush_order):
        part.flush_at_exit(deadline_s)


@guarded(None)
def _in_child() -> None:
    global _exit_deadline_s  # noqa: PLW0603  # the parent's
    _exit_deadline_s = None
    for part in list(_parts):
        part.after_fork()


@guarded(None)
def _flush_on_sigterm() -> None:
    """Flush before the default action ends the process; a host that handles the signal keeps its handler."""
    is_free = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if is_free:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    _at_exit()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
