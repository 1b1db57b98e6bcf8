"""Time, as something that is passed in: the machine's for the server, a hand-turned one for tests."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
MS_PER_S = 1_000


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970-01-01."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back; for durations and deadlines only."""

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed; at the next turn of the loop where it is 0 or less."""


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


async def wait_for(event: asyncio.Event, *, clock: Clock, timeout_s: float) -> bool:
    """Whether the event was set within `timeout_s` of this clock; a time-out of 0 or less gives way once."""
    if event.is_set():
        return True
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(timeout_s))
    try:
        await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        sleeping.cancel()
    return event.is_set()


class WallWatch:
    """Notices that the wall clock was set: that it moved further, or less far, than time went by.

    A clock that is slewed, by half a thousandth of its pace, stays unnoticed between two looks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ns = clock.now_ns() - clock.monotonic_ns()

    def moved_ns(self) -> int:
        """By how much the wall clock was set since the last look; 0 where it only ran."""
        offset_ns = self._clock.now_ns() - self._clock.monotonic_ns()
        moved_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        return moved_ns if abs(moved_ns) >= CLOCK_SET_NS_MIN else 0


CLOCK_SET_NS_MIN = NS_PER_S  # less harms no wait, and is what a time service corrects by slewing


class ManualClock:
    """A clock that stands still until `advance` is awaited; sleepers wake in the order of their deadlines."""

    def __init__(self, start_ns: int = 1_700_000_000 * NS_PER_S) -> None:
        self._now_ns = start_ns
        self._start_ns = start_ns
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns - self._start_ns

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.monotonic_ns() + round(seconds * NS_PER_S), next(self._order), wake))
        await wake

    def set_wall(self, *, by_s: float) -> None:
        """Set the wall clock forward, or back; no time goes by."""
        by_ns = round(by_s * NS_PER_S)
        self._now_ns += by_ns
        self._start_ns += by_ns

    async def advance(self, seconds: float) -> None:
        """Move to now + `seconds`, waking every sleeper on the way at its own time, and let what it starts run."""
        until_ns = self.monotonic_ns() + round(seconds * NS_PER_S)
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until_ns:
            at_ns, _, wake = heapq.heappop(self._sleepers)
            self._now_ns += max(at_ns - self.monotonic_ns(), 0)
            if not wake.done():
                wake.set_result(None)
            await self._settle()
        self._now_ns += until_ns - self.monotonic_ns()
        await self._settle()

    async def _settle(self) -> None:
        # Woken tasks may start others; some turns of the loop let a chain of them reach its next sleep.
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)


SETTLE_TURNS = 25  # the longest chain of tasks in a scenario, measured at 9, with room
