"""While the store cannot write, critical alerts are told from memory and nothing is acknowledged that is not stored."""

from __future__ import annotations

import pytest

from anyascope.errors import UnavailableError
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
CRITICAL = {"alertname": "Signer", "instance": "x", "severity": "critical"}
WARNING = {"alertname": "Down", "instance": "a", "severity": "warning"}
FULL = UnavailableError("no space left on device", retry_after_s=1)


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


async def test_a_critical_alert_is_told_although_it_cannot_be_stored(house):
    """The sender hears that it was not taken over, people hear of it at once, and health says so."""
    house.documents.trouble = FULL
    with pytest.raises(UnavailableError):
        await house.fire(CRITICAL, for_s=36_000)
    await house.advance(to_s=1)
    assert house.told() == [(0, "first notification", ["x"])]
    health = house.alerting.health()[0]
    assert health.status.value == "unhealthy"
    assert "no space left on device" in health.message


async def test_what_was_told_from_memory_is_stored_once_that_is_possible(house):
    """Alert, group, and journal are written as soon as the store can; neither the next look nor a restart tells it again."""
    house.documents.trouble = FULL
    with pytest.raises(UnavailableError):
        await house.fire(CRITICAL, for_s=36_000)
    await house.advance(to_s=35)
    house.documents.trouble = None
    await house.advance(to_s=40)
    assert house.alerting.health()[0].status.value == "healthy"
    page = await house.documents.page("alert-group")
    assert [list(one.body["told"]) for one in page.documents] == [["team/webhook/0"]]
    assert len((await house.alerting.notifications()).entries) == 1
    await house.restart()
    await house.advance(to_s=700)
    assert len(house.told()) == 1


async def test_a_repeat_is_acknowledged_only_when_it_is_stored(house):
    """An alert that only memory holds is no mere repeat: 200 means stored."""
    house.documents.trouble = FULL
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await house.fire(CRITICAL, for_s=36_000)
    house.documents.trouble = None
    await house.fire(CRITICAL, for_s=36_000)
    assert [one.key for one in (await house.documents.page("alert")).documents]
    assert len(house.told()) == 1


async def test_a_known_critical_alert_is_told_when_its_look_cannot_be_stored(house):
    """Of the groups that are due those with critical alerts are told from memory, the others once the store can write."""
    await house.fire(WARNING, for_s=36_000)
    await house.advance(to_s=29.9)
    await house.alerting.receive([Alert(labels_of(CRITICAL), starts_ns=house.clock.now_ns())])
    house.documents.trouble = FULL
    await house.advance(to_s=60)
    assert [names for _, _, names in house.told()] == [["x"]]
    house.documents.trouble = None
    await house.advance(to_s=63)
    assert [names for _, _, names in house.told()] == [["x"], ["a"]]


async def test_a_warning_is_not_told_from_memory(house):
    """It waits: its sender repeats it."""
    house.documents.trouble = FULL
    with pytest.raises(UnavailableError):
        await house.fire(WARNING, for_s=36_000)
    await house.advance(to_s=60)
    assert house.told() == []
    assert house.alerting.alerts() == []
