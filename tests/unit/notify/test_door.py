"""The door lets few sends out at once, and keeps nobody waiting for a far end that is slow."""

from __future__ import annotations

import asyncio

from anyascope.clock import ManualClock
from anyascope.notify.door import AT_ONCE_MAX, FAR_S, Door


class Sends:
    """Sends through a door, each answered when the test says so."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.door = Door(self.clock)
        self.out: list[str] = []
        self._answers: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, *names: str, far_end: str = "hook") -> None:
        for name in names:
            self._answers[name] = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._send(name, far_end)))
        await self.clock.advance(0)

    async def answer(self, name: str) -> None:
        self._answers[name].set()
        await self.clock.advance(0)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, name: str, far_end: str) -> None:
        async with self.door.passage(far_end):
            self.out.append(name)
            await self._answers[name].wait()


async def test_each_answer_lets_the_next_out_in_order():
    """Never more than two wait for an answer that comes at once."""
    sends = Sends()
    await sends.begin("a", "b", "c", "d")
    assert sends.out == ["a", "b"]
    assert len(sends.out) == AT_ONCE_MAX
    await sends.answer("b")
    assert sends.out == ["a", "b", "c"]
    await sends.answer("a")
    assert sends.out == ["a", "b", "c", "d"]
    await sends.end()


async def test_a_slow_answer_holds_its_place_for_a_moment_only():
    """What has waited longer than a near far end takes stands in nobody's way."""
    sends = Sends()
    await sends.begin("a", "b", "c")
    await sends.clock.advance(FAR_S * 0.9)
    assert sends.out == ["a", "b"]
    await sends.clock.advance(FAR_S * 0.2)
    assert sends.out == ["a", "b", "c"]
    await sends.end()


async def test_a_far_end_known_to_be_slow_is_sent_to_beside_the_others():
    """Its sends wait for nobody and nobody for them, until it answers quickly again."""
    sends = Sends()
    await sends.begin("first", far_end="chat")
    await sends.clock.advance(FAR_S * 2)
    await sends.answer("first")
    await sends.begin("a", "b")
    await sends.begin("second", "third", far_end="chat")
    assert sends.out == ["first", "a", "b", "second", "third"]
    await sends.answer("second")
    await sends.begin("fourth", far_end="chat")
    assert "fourth" not in sends.out
    await sends.end()


async def test_a_send_that_is_given_up_leaves_its_place():
    """One that is cancelled while it waits, or on its way, blocks nothing."""
    sends = Sends()
    await sends.begin("a", "b", "c", "d")
    sends._tasks[2].cancel()
    sends._tasks[0].cancel()
    await sends.clock.advance(0)
    assert sends.out == ["a", "b", "d"]
    await sends.end()
