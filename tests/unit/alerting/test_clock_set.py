"""Waits, repeats and the ends of alerts keep their length when the wall clock is set, forward or back."""

from __future__ import annotations

import pytest

from support.pages import House

CONFIG = """
global: {resolve_timeout: 5m}
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "warning"}
B = {"alertname": "Down", "instance": "b", "severity": "warning"}
HOURS_S = 3 * 3600.0


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


@pytest.fixture(params=[HOURS_S, -HOURS_S], ids=["forward", "back"])
def jump_s(request):
    return request.param


async def test_a_group_wait_keeps_its_length(house, jump_s):
    """Thirty seconds are over after thirty seconds."""
    await house.fire(A, for_s=36_000)
    await house.clock.advance(10)
    house.clock.set_wall(by_s=jump_s)
    await house.clock.advance(19)
    assert house.channels["team/webhook/0"].sent == []
    await house.clock.advance(2)
    assert len(house.channels["team/webhook/0"].sent) == 1


async def test_an_interval_and_a_repeat_keep_their_length(house, jump_s):
    """News wait for the rest of `group_interval`, and nothing is repeated sooner or later than it would have been."""
    sent = house.channels["team/webhook/0"].sent
    await house.fire(A, for_s=360_000)
    await house.clock.advance(40)
    house.clock.set_wall(by_s=jump_s)
    await house.fire(B, for_s=360_000)
    await house.clock.advance(280)
    assert len(sent) == 1
    await house.clock.advance(20)
    assert [one.reason.value for one in sent] == ["first notification", "new alerts added"]
    house.clock.set_wall(by_s=-jump_s)
    await house.clock.advance(3500)
    assert len(sent) == 2
    await house.clock.advance(100)
    assert [one.reason.value for one in sent[2:]] == ["repeat interval elapsed"]


async def test_an_alert_is_not_ended_by_the_clock(house, jump_s):
    """An alert without an end counts as resolved when nothing was heard of it for `resolve_timeout`, no sooner and no later."""
    await house.fire(A)
    await house.clock.advance(100)
    house.clock.set_wall(by_s=jump_s)
    await house.clock.advance(190)
    assert [one.is_firing for one in house.alerting.alerts()] == [True]
    await house.clock.advance(400)
    assert [one.is_firing for one in house.alerting.alerts()] == [False]
    assert [one.reason.value for one in house.channels["team/webhook/0"].sent] == [
        "first notification",
        "all alerts resolved",
    ]


async def test_a_restart_after_the_jump_knows_the_new_times(house, jump_s):
    """What was stored under the old clock was stored anew."""
    await house.fire(A, for_s=360_000)
    await house.clock.advance(40)
    house.clock.set_wall(by_s=jump_s)
    await house.clock.advance(60)
    await house.restart()
    await house.fire(B, for_s=360_000)
    await house.clock.advance(220)
    assert len(house.channels["team/webhook/0"].sent) == 1
    await house.clock.advance(20)
    assert len(house.channels["team/webhook/0"].sent) == 2


async def test_a_clock_set_back_between_two_lives_does_not_hold_a_group_up(house):
    """A stored time that lies further ahead than any wait of the route is taken for what it is."""
    await house.fire(A, for_s=36_000)
    await house.clock.advance(40)
    await house.crash()
    house.clock.set_wall(by_s=-HOURS_S)
    await house.restart()
    await house.fire(B, for_s=36_000)
    await house.clock.advance(301)
    assert len(house.channels["team/webhook/0"].sent) == 2


async def test_a_slewed_clock_is_not_a_set_one(house):
    """Less than a second moves nothing: what was due is due."""
    await house.fire(A, for_s=36_000)
    house.clock.set_wall(by_s=0.4)
    await house.clock.advance(30.1)
    assert len(house.channels["team/webhook/0"].sent) == 1
