"""Followers of the desk: what they contribute is committed with its own changes, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.alerting.steps import NO_STEP, Step
from anyascope.clock import NS_PER_S
from anyascope.errors import UnavailableError
from anyascope.model.documents import Put
from anyascope.model.notifications import Notification, NotificationReason
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "warning"}


class Counting:
    """Writes down what it hears, says one thing of its own `due_s` after the first alert, and can break."""

    def __init__(self, clock, *, due_s: float = 10.0) -> None:
        self.clock = clock
        self.due_s = due_s
        self.due_ns: int | None = None
        self.heard: list[str] = []
        self.looked: list[int] = []
        self.broken = False

    def next_ns(self):
        return self.due_ns

    def on_heard(self, book, heard, *, now_ns):
        if self.broken:
            raise RuntimeError("broken")

        def hold() -> None:
            self.heard += ["new" if one.before is None else "known" for one in heard]
            self.due_ns = now_ns + int(self.due_s * NS_PER_S)

        return Step(changes=[Put("counting", "heard", {"alerts": len(heard)})], hold=hold)

    def on_looked(self, book, looks, *, now_ns):
        return Step(hold=lambda: self.looked.append(sum(len(look.notifications) for look in looks)))

    def on_due(self, book, *, now_ns):
        if self.broken:
            raise RuntimeError("broken")

        def hold() -> None:
            self.due_ns = None

        said = Notification(
            id=f"{now_ns:032x}",
            created_ns=now_ns,
            receiver="team",
            channel="webhook",
            integration="team/webhook/0",
            group_key="",
            reason=NotificationReason.REPEAT,
            alerts=(),
        )
        return Step(notifications=[said], hold=hold)

    def on_clock_set(self, *, by_ns, now_ns):
        def hold() -> None:
            self.due_ns = None if self.due_ns is None else self.due_ns + by_ns

        return Step(hold=hold)


@pytest.fixture
async def house():
    built = House(CONFIG)
    built.follow(Counting(built.clock))
    async with built:
        yield built


async def test_a_follower_is_told_of_news_and_speaks_at_its_time(house):
    """It hears of new alerts (not of repeats) and of looks, and what it says leaves through the outbox."""
    follower = house.follower
    await house.fire(A, for_s=3600)
    await house.fire(A, for_s=3600)
    assert follower.heard == ["new"]
    assert (await house.documents.get("counting", "heard")).body == {"alerts": 1}
    await house.advance(to_s=40)
    assert follower.looked == [1]
    assert [at_s for at_s, _, _ in house.told()] == [10, 30]


async def test_what_cannot_be_stored_is_not_held(house):
    """A step whose commit fails leaves the follower as it was, unless it has something to say: that is said from memory."""
    house.documents.trouble = UnavailableError("full", retry_after_s=5)
    with pytest.raises(UnavailableError):
        await house.fire(A, for_s=3600)
    assert house.follower.heard == []
    house.documents.trouble = None
    await house.fire(A, for_s=3600)
    house.documents.trouble = UnavailableError("full", retry_after_s=5)
    await house.advance(to_s=12)
    assert [at_s for at_s, _, _ in house.told()] == [10]
    assert house.follower.due_ns is None


async def test_a_broken_follower_holds_nobody_up(house):
    """What breaks in a follower costs its own contribution alone, and its due work is tried again later."""
    await house.fire(A, for_s=3600)
    house.follower.broken = True
    await house.advance(to_s=32)
    assert [at_s for at_s, _, _ in house.told()] == [30]
    house.follower.broken = False
    await house.advance(to_s=34)
    assert len(house.told()) == 2


async def test_a_change_that_somebody_asks_for(house):
    """A step from outside may end an alert and write documents; refusing it changes nothing."""
    await house.fire(A, for_s=3600)

    def end(book, now_ns):
        alert = next(iter(book.alerts.values()))
        return Step(alerts=[replace(alert, ends_ns=now_ns, is_ended=True)], changes=[Put("counting", "end", {})])

    await house.alerting.change(end)
    assert [one.is_firing for one in house.alerting.alerts()] == [False]
    assert await house.documents.get("counting", "end") is not None

    def refuse(_book, _now_ns):
        raise LookupError("no such alert")

    with pytest.raises(LookupError):
        await house.alerting.change(refuse)
    await house.alerting.change(lambda _book, _now_ns: NO_STEP)


async def test_a_clock_that_is_set_moves_a_followers_times(house):
    """Ten seconds stay ten seconds, wherever the wall clock is set meanwhile."""
    await house.fire(A, for_s=3600)
    house.clock.set_wall(by_s=-7200)
    await house.clock.advance(9)
    assert house.told() == []
    await house.clock.advance(2)
    assert len(house.told()) == 1
