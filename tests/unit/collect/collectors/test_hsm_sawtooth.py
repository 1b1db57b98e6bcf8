"""Sessions that climb and are given back again and again, beside work; seconds are a manual clock's."""

from __future__ import annotations

from random import Random

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.hsm.clients import Client
from anyascope.collect.collectors.hsm.leaks import LeakWatch
from anyascope.collect.collectors.hsm.nouns import TokenSight
from anyascope.collect.collectors.hsm.sawtooth import Sawtooth

STEP_S = 15
LIMIT = 1_000
POOL = Client(7, "signer", 5)


class Sessions:
    """A token whose sessions are counted every 15 s, and who uses it."""

    def __init__(self, *clients: Client) -> None:
        self.clients = clients
        self._clock = ManualClock()
        self._random = Random(1)
        self._leaks = LeakWatch(lambda: self.clients, clock=self._clock)

    async def climb(self, peak: int, *, within_s: int = 600, full_s: int = 0) -> list[tuple[int, str]]:
        """From 10 to the peak, and so long at it; what was told: the sessions open, and in what words."""
        told = []
        for at_s in range(0, within_s + full_s, STEP_S):
            busy = sum(self._random.random() < 0.1 for _ in range(20))
            count = 10 + (peak - 10) * min(at_s, within_s) // within_s + busy
            found = await self._leaks.judge(TokenSight("1", "t", counts={"sessions": count, "sessions_max": LIMIT}))
            told += [(count, finding.message) for finding in found]
            await self._clock.advance(STEP_S)
        return told

    def left_s(self) -> float:
        """The newest forecast."""
        (family,) = [one for one in self._leaks.families() if one.name == "anya_hsm_sessions_exhausted_in_seconds"]
        return family.points[0][1]


@pytest.mark.parametrize(("within_s", "full_s"), [(600, 0), (300, 300)])
async def test_the_next_climb_of_a_sawtooth_is_no_news(within_s: int, full_s: int) -> None:
    """Once sessions fell back to their floor, the same climb is told no more; whether at once or after a while at the peak."""
    sessions = Sessions(POOL)
    first = await sessions.climb(60, within_s=within_s, full_s=full_s)
    assert max(count for count, _ in first) > 50
    told = [await sessions.climb(peak, within_s=within_s, full_s=full_s) for peak in (60, 62)]
    # Until the fall is known to last the climb of before is told.
    assert [count for count, _ in told[0] if count > 20] == []
    assert told[1] == []


async def test_a_climb_beyond_the_known_peak_is_told_and_forecast() -> None:
    """As soon as it is beyond, with its client; later ones are held against the higher peak, a lower one is not news either."""
    sessions = Sessions(POOL)
    for _ in range(2):
        await sessions.climb(60)
    told = await sessions.climb(160)
    assert 60 < told[0][0] < 75
    assert "signer (pid 7)" in told[-1][1]
    assert sessions.left_s() == pytest.approx((LIMIT - 160) / 150 * 600, rel=0.2)
    await sessions.climb(160)
    assert await sessions.climb(160) == await sessions.climb(60) == []


async def test_a_client_that_ended_and_leaks_anew_is_told_anew() -> None:
    """Its pid is another: it is no pool that gives back what it takes."""
    sessions = Sessions(POOL)
    await sessions.climb(60)
    sessions.clients = (Client(8, "signer", 5),)
    told = [count for count, _ in await sessions.climb(60)]
    assert max(told) > 50
    assert min(count for count in told if count > 20) < 30  # as soon as the first time


async def test_a_client_that_came_since_is_no_known_one() -> None:
    """Who leaks beside a pool is told within the known peak, too."""
    sessions = Sessions(POOL)
    await sessions.climb(60)
    sessions.clients = (POOL, Client(9, "batch", 5))
    assert max(count for count, _ in await sessions.climb(60)) > 50


async def test_climbs_that_become_higher_by_little_are_told_in_the_end() -> None:
    """A peak that is as good as known does not raise what is known."""
    sessions = Sessions(POOL)
    told = [await sessions.climb(peak) for peak in (60, 60, 63, 67, 72)]
    assert told[2] == []
    assert any(told[3:])


def test_what_scatters_is_no_climb_that_fell() -> None:
    """Less than four sessions are work; nothing is known of what was not a leak."""
    sawtooth, nobody = Sawtooth(), frozenset[int]()
    assert not sawtooth.has_fallen([10, 10, 10], nobody)
    sawtooth.begin(10, 12, nobody)
    assert not sawtooth.has_fallen([10, 10, 10], nobody)
    assert not sawtooth.has_fallen([30, 31, 32], nobody)
    assert not sawtooth.has_fallen([10, 16, 10], nobody)  # a quarter is left
    assert not sawtooth.is_known(20, nobody)
    assert sawtooth.has_fallen([10, 15, 10], nobody)
    assert sawtooth.is_known(33, nobody)
    assert not sawtooth.is_known(34, nobody)
    assert not sawtooth.is_known(20, frozenset({1}))
