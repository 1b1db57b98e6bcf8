"""`for` is taken up from ALERTS_FOR_STATE where the control store knows nothing of a group, as Prometheus does it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.model.alerts import AlertState
from anyascope.promql.engine import Engine
from anyascope.rules.options import RulesOptions
from anyascope.store.memory.metrics import MemoryMetrics
from support.rules_house import Pipe, RulesHouse

MINUTE_S = 60


class House(RulesHouse):
    """Judges the one series `x`, sent each minute, which is 1 or 0."""

    async def minutes(self, count, *, value=1.0):
        for _ in range(count):
            await self.send({"__name__": "x", "job": "a"}, value)
            await self.clock.advance(MINUTE_S)

    async def moved(self, rule, *, away_s):
        """The server comes back after a crash with its series and nothing else."""
        await self.crash()
        self.documents.kept.clear()
        await self.clock.advance(away_s)
        await self.start(rule)

    def state(self):
        (group,) = self.rules.groups()
        return group.rules[0].state


@pytest.fixture
async def house():
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    made = House(engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions(restore_grace_s=120))
    yield made
    await made.rules.stop()
    engine.close()


def rule(hold, labels=""):
    return f"groups: [{{name: g, interval: 1m, rules: [{{alert: A, expr: x > 0, for: {hold}, labels: {{{labels}}}}}]}}]"


async def minutes_until_firing(house):
    for minute in range(120):
        if house.state() is AlertState.FIRING:
            return minute
        await house.minutes(1)
    return None


@pytest.mark.parametrize(
    ("pending", "away", "found"),
    [
        (35, 20, 0),  # fired before: as soon as it is found again
        (25, 20, 10),  # 5 minutes were missing: not before the grace period is over
        (10, 20, 20),  # 20 minutes were missing: they still are
        (10, 70, 30),  # away longer than the tolerance: from the start
    ],
)
async def test_what_is_left_of_for(house, pending, away, found):
    """The time before counts, the time away does not, and nothing fires within the grace period that had not fired."""
    await house.start(rule("30m"))
    await house.minutes(pending)
    await house.moved(rule("30m"), away_s=away * MINUTE_S)

    assert await minutes_until_firing(house) == pytest.approx(found, abs=2)


async def test_short_for_begins_anew(house):
    """A `for` below the grace period is not restored."""
    await house.start(rule("9m"))
    await house.minutes(8)
    await house.moved(rule("9m"), away_s=MINUTE_S)

    assert await minutes_until_firing(house) == pytest.approx(9, abs=1)


async def test_ended_alerts_stay_ended(house):
    """An alert that had ended before is not taken up again by its old series."""
    await house.start(rule("30m"))
    await house.minutes(25)
    await house.minutes(3, value=0.0)
    await house.moved(rule("30m"), away_s=MINUTE_S)

    assert house.state() is AlertState.INACTIVE
    assert await minutes_until_firing(house) == pytest.approx(30, abs=1)


async def test_another_rules_alerts_are_not_taken(house):
    """Rules of one name and other labels are not confused."""
    await house.start(rule("30m", "severity: page"))
    await house.minutes(25)
    await house.moved(rule("30m", "severity: low"), away_s=MINUTE_S)

    assert await minutes_until_firing(house) == pytest.approx(30, abs=1)
