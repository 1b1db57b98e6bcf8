"""Where operations get the time and new ids from: the machine, or a test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from anyascope.clock import Clock, SystemClock
from anyascope.ids import Ids, RandomIds

_machine_clock = SystemClock()
_clock: Clock = _machine_clock
_ids: Ids = RandomIds(_machine_clock)


def now_ns() -> int:
    """UTC nanoseconds; may jump when the machine's clock is set."""
    return _clock.now_ns()


def monotonic_ns() -> int:
    """Nanoseconds that never step back; for durations within this process."""
    return _clock.monotonic_ns()


def new_id() -> str:
    """A random UUID in its usual form, for correlation."""
    return _ids.uuid4()


@contextlib.contextmanager
def given(*, clock: Clock | None = None, ids: Ids | None = None) -> Iterator[None]:
    """While this lasts, operations of the whole process take time and ids from these; for tests."""
    global _clock, _ids  # the process's own, as the docstring says
    former = _clock, _ids
    _clock, _ids = clock or _clock, ids or _ids
    try:
        yield
    finally:
        _clock, _ids = former
