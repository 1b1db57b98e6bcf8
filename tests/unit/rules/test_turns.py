"""In which order rules are evaluated, and what counts as their work."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.rules.turns import OVERTAKEN_MAX, Turns, Work, inherited


async def _run(turns: Turns, ranks: list[int], *, per_turn: list[int] | None = None) -> list[int]:
    """The numbers of those who came, in the order of their turns; `per_turn` counts them by turn of the loop."""
    done: list[int] = []

    async def one(number: int) -> None:
        await turns.come(ranks[number])
        done.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(len(ranks))]
    while not all(task.done() for task in tasks):
        before = len(done)
        await asyncio.sleep(0)
        if per_turn is not None:
            per_turn.append(len(done) - before)
    return done


async def test_the_most_severe_goes_first():
    """Those who wait have their turns by severity, and among equals in the order of their coming; the first found nobody."""
    assert await _run(Turns(), [3, 3, 2, 0, 3, 0]) == [0, 3, 5, 2, 1, 4]


async def test_one_a_turn():
    """All else on the loop has its turn between two rules."""
    per_turn: list[int] = []

    await _run(Turns(), [2] * 20, per_turn=per_turn)

    assert max(per_turn) == 1


async def test_nobody_starves():
    """Who is least severe is overtaken by so many for each step of severity, and then has his turn."""
    order = await _run(Turns(), [0, 3, *[0] * (5 * OVERTAKEN_MAX)])

    assert order.index(1) <= 3 * OVERTAKEN_MAX + 1


async def test_quiet_waits_for_nothing():
    """The only one who comes has his turn at once."""
    turns = Turns()
    coming = turns.come(2)

    with pytest.raises(StopIteration):
        coming.send(None)


async def test_who_is_cancelled_holds_up_nobody():
    """A turn that nobody takes any more is the next one's."""
    turns = Turns()
    await turns.come(2)
    gone, next_one = asyncio.create_task(turns.come(0)), asyncio.create_task(turns.come(2))
    await asyncio.sleep(0)
    gone.cancel()

    await asyncio.wait_for(next_one, 60)

    assert gone.cancelled() or gone.done()
    await asyncio.wait_for(turns.come(2), 60)


@given(st.lists(st.integers(0, 3)))
def test_what_is_before_a_severe_one_is_as_urgent(ranks):
    """A rule of a group is as urgent as the most severe of those that are evaluated after it."""
    assert inherited(ranks) == [min(ranks[at:]) for at in range(len(ranks))]


async def test_work_is_the_processors():
    """What a coroutine does counts, on either side of what it waits for; what others do meanwhile does not."""
    others_done, worked_ns = asyncio.Event(), [0]

    async def others() -> None:
        worked_ns[0] += 50_000_000
        others_done.set()

    async def own() -> str:
        worked_ns[0] += 5_000_000
        await others_done.wait()
        worked_ns[0] += 5_000_000
        return "done"

    work = Work(own(), worked_ns=lambda: worked_ns[0])
    other = asyncio.create_task(others())

    assert await work == "done"
    await other
    assert work.seconds == 0.01


async def test_work_passes_on_what_happens():
    """An error reaches the caller, and a cancellation the coroutine."""
    ended = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it is")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async def within(work: Work[None]) -> None:
        await work

    with pytest.raises(ValueError, match="as it is"):
        await Work(fails())
    task = asyncio.create_task(within(Work(waits())))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert ended == [True]
