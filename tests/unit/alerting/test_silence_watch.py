"""What the time line of an alert says of silences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.alerting.matchers import parse_matchers
from anyascope.clock import NS_PER_S
from anyascope.model.labels import labels_of
from anyascope.model.silences import Recurrence, Silence
from support.pages import House

CONFIG = "route: {receiver: team, group_wait: 10s}\nreceivers: [{name: team}]\n"
DOWN = {"alertname": "Down", "instance": "a"}


def silence(house, *, from_s=0.0, to_s=300.0, **more):
    times = (house.start_ns + int(s * NS_PER_S) for s in (from_s, to_s))
    return Silence("", parse_matchers("instance=a"), *times, "ann", "swap", **more)


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


async def told(house):
    """(second, kind, who, text) of what the time line says of silences."""
    events = (await house.responder.story(fingerprint_of(labels_of(DOWN)))).timeline
    return [
        ((event.at_ns - house.start_ns) / NS_PER_S, event.kind.value, event.by, event.text)
        for event in events
        if "silenced" in event.kind.value
    ]


async def test_a_silence_stands_in_the_time_line(house):
    """Who silenced the alert, why, and the moment at which that ran out."""
    await house.fire(DOWN, for_s=36_000)
    await house.advance(to_s=60)
    await house.alerting.silences.put(silence(house))
    await house.advance(to_s=400)
    assert await told(house) == [(60.0, "silenced", "ann", "swap"), (300.0, "unsilenced", "", "")]


async def test_whoever_ends_it_is_named(house):
    """An alert that fires under a silence is silenced from its beginning; expiring it by hand has an author."""
    stored = await house.alerting.silences.put(silence(house))
    await house.advance(to_s=10)
    await house.fire(DOWN, for_s=36_000)
    await house.advance(to_s=20)
    await house.alerting.silences.expire(stored.id, by="eve")
    await house.advance(to_s=30)
    assert await told(house) == [(10.0, "silenced", "ann", "swap"), (20.0, "unsilenced", "eve", "")]


async def test_a_restart_is_no_news(house):
    """What was silenced before is so after it, and is not told again; what ends then is."""
    await house.fire(DOWN, for_s=36_000)
    await house.alerting.silences.put(silence(house))
    await house.advance(to_s=60)
    await house.restart()
    await house.advance(to_s=400)
    assert [(kind, by) for _, kind, by, _ in await told(house)] == [("silenced", "ann"), ("unsilenced", "")]


async def test_windows_begin_and_end(house):
    """A silence that recurs is told at each edge of its windows."""
    # The clock stands at 22:13:20 UTC.
    window = Recurrence(22 * 60 + 14, 22 * 60 + 16)
    await house.fire(DOWN, for_s=36_000)
    await house.alerting.silences.put(silence(house, to_s=86_400, recurrence=window))
    await house.advance(to_s=300)
    assert [(at_s, kind) for at_s, kind, _, _ in await told(house)] == [(40.0, "silenced"), (160.0, "unsilenced")]


async def test_an_alert_that_ended_says_nothing_more(house):
    """A silence that ends after its alert is no event of it."""
    await house.fire(DOWN, for_s=100)
    await house.alerting.silences.put(replace(silence(house)))
    await house.advance(to_s=400)
    assert [kind for _, kind, _, _ in await told(house)] == ["silenced"]
