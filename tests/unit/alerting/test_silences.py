"""Silences: what they mute, how they change, and that they survive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.alerting.matchers import parse_matchers
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError, NotFoundError
from anyascope.model.silences import Silence
from support.pages import House

CONFIG = """
route: {receiver: team, group_wait: 10s, group_interval: 1m}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "low"}


def silence(house, text="instance=a", *, from_s=0.0, to_s=300.0, identity=""):
    now_ns = house.start_ns
    return Silence(
        identity,
        parse_matchers(text),
        now_ns + int(from_s * NS_PER_S),
        now_ns + int(to_s * NS_PER_S),
        "ann",
        "maintenance",
    )


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


async def test_a_silenced_alert_is_told_when_the_silence_ends(house):
    """While a silence holds, alerts that match are shown as silenced and not told; afterwards they are."""
    stored = await house.alerting.silences.put(silence(house))
    await house.fire(A, for_s=36_000)
    await house.advance(to_s=290)
    assert house.told() == []
    assert house.alerting.alerts()[0].silenced_by == (stored.id,)
    await house.advance(to_s=400)
    assert [names for _, _, names in house.told()] == [["a"]]


async def test_suppressed_alerts_are_counted(house):
    """Those that fire, and of these those that are silenced."""
    await house.alerting.silences.put(silence(house))
    await house.fire(A, {"alertname": "Down", "instance": "b"}, for_s=600)
    assert house.alerting.suppressed() == (2, 1)
    await house.advance(to_s=301)
    assert house.alerting.suppressed() == (2, 0)


async def test_a_silence_survives_a_restart(house):
    """After a crash it still holds."""
    stored = await house.alerting.silences.put(silence(house))
    await house.restart()
    assert [one.silence for one in house.alerting.silences.list()] == [stored]


async def test_an_expired_silence_mutes_no_longer(house):
    """Expiring ends it at once; an unknown id is said."""
    stored = await house.alerting.silences.put(silence(house, to_s=36_000))
    await house.fire(A, for_s=36_000)
    await house.advance(to_s=60)
    await house.alerting.silences.expire(stored.id)
    await house.alerting.silences.expire(stored.id)
    await house.advance(to_s=90)
    assert len(house.told()) == 1
    with pytest.raises(NotFoundError):
        await house.alerting.silences.expire("x")


async def test_history_is_not_rewritten(house):
    """An active silence may be prolonged; with other matchers it ends and a new one begins."""
    silences = house.alerting.silences
    stored = await silences.put(silence(house))
    await house.advance(to_s=30)
    longer = await silences.put(replace(stored, ends_ns=stored.ends_ns + NS_PER_S))
    assert longer.id == stored.id
    other = await silences.put(replace(longer, matchers=parse_matchers("instance=b")))
    assert other.id != stored.id
    old = silences.get(stored.id)
    assert (old.silence.matchers, old.silence.ends_ns) == (stored.matchers, house.clock.now_ns())
    assert [one.change for one in old.silence.history] == [
        "created", "updated: end put off", f"expired, replaced by {other.id}",
    ]  # fmt: skip
    assert [one.change for one in other.history] == [f"created to replace {stored.id}"]
    with pytest.raises(NotFoundError):
        await silences.put(silence(house, identity="unknown"))


@pytest.mark.parametrize(
    ("text", "times", "message"),
    [
        ("", {"to_s": 10}, "at least one matcher required"),
        ("a=~.*", {"to_s": 10}, "at least one matcher must not match the empty string"),
        ("a=b", {"from_s": 10, "to_s": 10}, "start time must be before end time"),
        ("a=b", {"from_s": -20, "to_s": -10}, "end time can't be in the past"),
    ],
)
async def test_senseless_silences_are_refused(house, text, times, message):
    """One that mutes nothing, everything or the past is a mistake."""
    with pytest.raises(InvalidInputError, match=message):
        await house.alerting.silences.put(silence(house, text, **times))


async def test_old_silences_are_forgotten(house):
    """Five days after its end a silence is gone."""
    await house.alerting.silences.put(silence(house))
    house.clock._now_ns += 6 * 86_400 * NS_PER_S
    await house.alerting.silences.prune()
    assert house.alerting.silences.list() == []
    assert (await house.documents.page("silence")).documents == ()
