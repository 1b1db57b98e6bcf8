"""An alert that comes and goes is told once, and its end once it is calm; what it does meanwhile is known."""

from __future__ import annotations

import pytest

from anyascope.alerting.flapping import Pulse
from anyascope.clock import NS_PER_S
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 4h}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "warning"}
MINUTE_NS = 60 * NS_PER_S


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


async def flap(house, times: int, *, every_s: float = 150.0) -> None:
    """Fires and ends, `times` times, each time half of `every_s`."""
    for _ in range(times):
        await house.fire(A, for_s=36_000)
        await house.clock.advance(every_s / 2)
        await house.resolve(A)
        await house.clock.advance(every_s / 2)


def test_the_fourth_beginning_within_the_window_counts():
    """Three are not flapping, nor are four that lie further apart; it is calm a window after the last beginning."""
    pulse = Pulse()
    for minute in (0, 5, 10):
        pulse = pulse.began(minute * MINUTE_NS)
    assert not pulse.is_flapping(10 * MINUTE_NS)
    assert not pulse.began(15 * MINUTE_NS).is_flapping(15 * MINUTE_NS)
    pulse = pulse.began(14 * MINUTE_NS)
    assert pulse.is_flapping(29 * MINUTE_NS - 1)
    assert not pulse.is_flapping(29 * MINUTE_NS)
    assert pulse.began(28 * MINUTE_NS).is_flapping(40 * MINUTE_NS)


async def test_three_that_come_and_go_are_told_each_time(house):
    """Below the rule everything is told as Alertmanager tells it."""
    await flap(house, 3)
    assert [names for _, _, names in house.told()] == [["a"], ["-a"]] * 3
    assert not house.alerting.alerts()[0].is_flapping


async def test_one_that_flaps_is_told_once_and_its_end_when_it_is_calm(house):
    """From the fourth beginning on neither ends nor returns are told; the end is told once it is calm, with a word on why."""
    await flap(house, 6)
    assert [names for _, _, names in house.told()] == [["a"], ["-a"]] * 3 + [["a"]]
    assert house.channels["team/webhook/0"].sent[-1].alerts[0].annotations["flapping"].startswith("It comes and goes")
    shown = house.alerting.alerts()[0]
    assert (shown.is_flapping, shown.is_firing) == (True, False)
    assert house.registry.get_sample_value("anyascope_alerts_flapping") == 1
    last_s = 5 * 150
    await house.advance(to_s=last_s + 899)
    assert len(house.told()) == 7
    await house.advance(to_s=last_s + 961)
    assert house.told()[-1][1:] == ("all alerts resolved", ["-a"])
    assert "flapping" not in house.channels["team/webhook/0"].sent[-1].alerts[0].annotations
    assert not house.alerting.alerts()[0].is_flapping


async def test_one_that_fires_when_it_is_calm_goes_on_firing(house):
    """Its next end is told as any other."""
    await flap(house, 6)
    await house.fire(A, for_s=36_000)
    told = len(house.told())
    await house.clock.advance(20 * 60)
    assert len(house.told()) == told
    await house.resolve(A)
    await house.clock.advance(61)
    assert house.told()[-1][1:] == ("all alerts resolved", ["-a"])


async def test_a_restart_knows_that_it_flaps(house):
    """The beginnings are stored with the alert."""
    await flap(house, 6)
    told = len(house.told())
    await house.restart()
    assert house.alerting.alerts()[0].is_flapping
    await flap(house, 3)
    assert len(house.told()) == told
