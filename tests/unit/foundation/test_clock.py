"""The manual clock wakes sleepers in the order of their deadlines."""

from __future__ import annotations

import asyncio

from anyascope.clock import NS_PER_S, ManualClock


async def test_sleepers_wake_at_their_own_time():
    """Advancing over several deadlines stops at each, in order."""
    clock = ManualClock(0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now_ns() // NS_PER_S))

    tasks = [asyncio.create_task(sleeper(name, s)) for name, s in (("late", 20), ("soon", 5), ("never", 99))]
    await clock.advance(30)
    assert woken == [("soon", 5), ("late", 20)]
    assert clock.now_ns() == 30 * NS_PER_S
    tasks[2].cancel()


async def test_what_a_woken_task_starts_also_runs():
    """A loop that sleeps again and again is woken each time."""
    clock = ManualClock(0)
    ticks: list[int] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(10)
            ticks.append(clock.now_ns() // NS_PER_S)

    task = asyncio.create_task(ticker())
    await clock.advance(35)
    assert ticks == [10, 20, 30]
    task.cancel()
