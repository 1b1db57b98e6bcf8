"""How many sends leave at once: few enough that their answers are read as they come."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyascope.clock import NS_PER_S, Clock, wait_for

# Of a hundred sends to a far end that answers in a millisecond all would be answered before we have read the first answer:
# `kill -9` would then send a hundred again. Two keep one on the way while the other is read, which is as fast.
AT_ONCE_MAX = 2
FAR_S = 0.05  # what takes longer is far: its sends go beside the others; this long the first one to it holds a place


class Door:
    """Lets sends to far ends that answer quickly out two at a time, in the order in which they come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue = asyncio.Lock()
        self._answered = asyncio.Event()
        self._began_ns: dict[int, int] = {}  # of the sends under way that had to pass
        self._numbers = itertools.count()
        self._far: set[str] = set()

    @asynccontextmanager
    async def passage(self, far_end: str) -> AsyncIterator[None]:
        """For the length of one send to a far end, known by any name of its own."""
        number = -1
        if far_end not in self._far:
            async with self._queue:
                await self._room()
                number = next(self._numbers)
                self._began_ns[number] = self._clock.monotonic_ns()
        began_ns = self._clock.monotonic_ns()
        try:
            yield
        finally:
            self._began_ns.pop(number, None)
            self._answered.set()
            is_far = self._clock.monotonic_ns() - began_ns > FAR_S * NS_PER_S
            (self._far.add if is_far else self._far.discard)(far_end)

    async def _room(self) -> None:
        """Wait until fewer than `AT_ONCE_MAX` sends are under way that began within `FAR_S`."""
        far_ns = round(FAR_S * NS_PER_S)
        while True:
            now_ns = self._clock.monotonic_ns()
            near = [began_ns for began_ns in self._began_ns.values() if now_ns - began_ns < far_ns]
            if len(near) < AT_ONCE_MAX:
                return
            self._answered.clear()
            await wait_for(self._answered, clock=self._clock, timeout_s=(min(near) + far_ns - now_ns) / NS_PER_S)
