"""Timing and content of what is told, as Alertmanager has them, on a manual clock."""

from __future__ import annotations

import pytest

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from anyascope.model.notifications import DeliveryStatus
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "warning"}
B = {"alertname": "Down", "instance": "b", "severity": "warning"}
OTHER = {"alertname": "Full", "instance": "c", "severity": "warning"}
CRITICAL = {"alertname": "Down", "instance": "x", "severity": "critical"}


@pytest.fixture
async def house():
    async with House(CONFIG) as built:
        yield built


async def test_a_group_waits_then_is_told_together(house):
    """Alerts that arrive within `group_wait` are told in one notification."""
    await house.fire(A, for_s=3600)
    await house.advance(to_s=20)
    await house.fire(B, for_s=3600)
    await house.advance(to_s=29)
    assert house.told() == []
    await house.advance(to_s=31)
    assert house.told() == [(30, "first notification", ["a", "b"])]


async def test_groups_are_told_apart(house):
    """Alerts of different groups are told in different notifications."""
    await house.fire(A, OTHER, for_s=3600)
    await house.advance(to_s=31)
    assert sorted(names for _, _, names in house.told()) == [["a"], ["c"]]


async def test_new_alerts_of_a_group_wait_for_its_interval(house):
    """What joins a group later is told at the next multiple of `group_interval`, with what was told before."""
    await house.fire(A, for_s=36_000)
    await house.advance(to_s=100)
    await house.fire(B, for_s=36_000)
    await house.advance(to_s=329)
    assert len(house.told()) == 1
    await house.advance(to_s=331)
    assert house.told()[1:] == [(330, "new alerts added", ["a", "b"])]


async def test_nothing_new_is_repeated_only_after_the_repeat_interval(house):
    """The same firing alerts are told again at the first look that is no sooner than `repeat_interval`."""
    await house.fire(A, for_s=100_000)
    await house.advance(to_s=14_429)
    assert len(house.told()) == 1
    await house.advance(to_s=14_431)
    assert house.told()[1:] == [(14_430, "repeat interval elapsed", ["a"])]


async def test_the_founder_of_a_group_says_how_long_it_waits(house):
    """One that fires for longer than `group_wait` is told at once; one that joins hastens nobody."""
    old = Alert(labels_of(OTHER), starts_ns=house.start_ns - 60 * NS_PER_S, ends_ns=house.start_ns + 3600 * NS_PER_S)
    await house.hand_over([old])
    assert [at_s for at_s, _, _ in house.told()] == [0]
    await house.fire(A, for_s=3600)
    await house.advance(to_s=5)
    older = Alert(labels_of(B), starts_ns=old.starts_ns, ends_ns=old.ends_ns)
    await house.hand_over([older])
    await house.advance(to_s=31)
    assert [at_s for at_s, _, _ in house.told()] == [0, 30]


async def test_resolution_is_told(house):
    """An alert that ends is told at the next look, then forgotten."""
    await house.fire(A, B, for_s=36_000)
    await house.advance(to_s=60)
    await house.resolve(A)
    await house.advance(to_s=400)
    await house.resolve(B)
    await house.advance(to_s=2000)
    assert house.told() == [
        (30, "first notification", ["a", "b"]),
        (330, "some alerts resolved", ["b", "-a"]),
        (630, "all alerts resolved", ["-b"]),
    ]


async def test_an_alert_that_is_not_heard_of_again_ends(house):
    """Without an end of its own an alert counts as resolved after `resolve_timeout`."""
    await house.fire(A)
    await house.advance(to_s=1000)
    assert house.told() == [(30, "first notification", ["a"]), (330, "all alerts resolved", ["-a"])]


async def test_an_alert_that_ends_before_it_was_told_is_not_told(house):
    """What came and went within `group_wait` is nobody's concern."""
    await house.fire(A, for_s=3600)
    await house.advance(to_s=10)
    await house.resolve(A)
    await house.advance(to_s=1000)
    assert house.told() == []


async def test_a_critical_alert_does_not_wait(house):
    """A critical alert is told at once; those that join it within the wait are told when the wait is over."""
    await house.fire(CRITICAL, for_s=3600)
    assert house.told() == [(0, "first notification", ["x"])]
    await house.fire(A, for_s=3600)
    await house.advance(to_s=31)
    assert house.told()[1:] == [(30, "new alerts added", ["x", "a"])]


async def test_criticals_that_trickle_in_are_told_once_a_second(house):
    """Each further critical alert within the wait is told within a second, together with the others of that second."""
    for number in range(5):
        await house.fire(CRITICAL | {"instance": f"x{number}"}, for_s=3600)
        await house.advance(to_s=0.1 * number)
    await house.advance(to_s=2)
    assert [(at, len(names)) for at, _, names in house.told()] == [(0, 1), (1, 5)]


async def test_an_old_alert_does_not_wait_again(house):
    """An alert that fires for longer than `group_wait` when it arrives is told at once."""
    now_ns = house.clock.now_ns()
    await house.hand_over([Alert(labels_of(A), starts_ns=now_ns - 60 * 10**9, ends_ns=now_ns + 600 * 10**9)])
    assert house.told() == [(0, "first notification", ["a"])]


async def test_repeats_of_an_alert_refresh_it(house):
    """An alert that is sent again and again is told once, and holds on."""
    for minute in range(20):
        await house.fire(A, for_s=240)
        await house.advance(to_s=60 * (minute + 1))
    assert house.told() == [(30, "first notification", ["a"])]


async def test_a_receiver_that_does_not_want_ends_hears_of_a_return():
    """With `send_resolved: false` an end is not told, and the same alert's return is news."""
    config = CONFIG.replace("url: 'http://hook'", "url: 'http://hook', send_resolved: false")
    async with House(config) as house:
        await house.fire(A, B, for_s=36_000)
        await house.advance(to_s=60)
        await house.resolve(A)
        await house.advance(to_s=700)
        await house.fire(A, for_s=36_000)
        await house.advance(to_s=1000)
        assert [names for _, _, names in house.told()] == [["a", "b"], ["a", "b"]]


async def test_alerts_go_to_every_route_that_continues():
    """Each matching route has a group and a receiver of its own."""
    config = """
route: {receiver: team, group_wait: 0s, routes: [{matchers: [severity=warning], receiver: a, continue: true}, {receiver: b}]}
receivers: [{name: team}, {name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}]
"""
    async with House(config) as house:
        await house.fire(A, for_s=60)
        assert [len(house.told(key)) for key in ("a/webhook/0", "b/webhook/0")] == [1, 1]
        assert house.alerting.alerts()[0].receivers == ("a", "b")


async def test_a_restart_tells_nothing_twice_and_loses_nothing(house):
    """After a crash timers go on: what was told is not told again, what was not is, and ends are told."""
    await house.fire(A, for_s=240)
    await house.advance(to_s=40)
    await house.fire(OTHER, for_s=240)
    await house.restart()
    await house.advance(to_s=75)
    assert house.told() == [(30, "first notification", ["a"]), (70, "first notification", ["c"])]
    await house.resolve(A)
    await house.restart()
    await house.advance(to_s=400)
    assert house.told()[2:] == [(330, "all alerts resolved", ["-a"])]


async def test_a_long_outage_is_no_resolution(house):
    """Alerts that could not be heard of while we were down get time to be heard of again."""
    await house.fire(A, for_s=240)
    await house.advance(to_s=40)
    await house.crash()
    house.clock._now_ns += 3600 * 10**9
    await house.restart()
    await house.advance(to_s=3700)
    await house.fire(A, for_s=240)
    await house.advance(to_s=3800)
    assert len(house.told()) == 1


async def test_an_alert_that_ran_out_before_a_crash_stays_ended(house):
    """An end that was told is not undone by a restart."""
    await house.fire(A)
    await house.advance(to_s=340)
    await house.restart()
    await house.advance(to_s=2000)
    assert [reason for _, reason, _ in house.told()] == ["first notification", "all alerts resolved"]
    assert house.alerting.alerts() == []


async def test_inhibited_alerts_are_held_back_until_their_source_ends():
    """While a source fires its targets are not told; afterwards they are."""
    config = CONFIG + "inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning]}]\n"
    async with House(config) as house:
        await house.fire(CRITICAL, A, for_s=100_000)
        await house.advance(to_s=400)
        assert [names for _, _, names in house.told()] == [["x"]]
        assert [status.inhibited_by != () for status in house.alerting.alerts()] == [False, True]
        await house.resolve(CRITICAL)
        await house.advance(to_s=700)
        assert house.told()[1:] == [(630, "new alerts added", ["a", "-x"])]


async def test_an_end_is_told_even_if_it_happened_in_silence():
    """Who was told of a start hears of the end once the inhibition is over, not before and not never."""
    config = CONFIG + "inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning]}]\n"
    async with House(config) as house:
        await house.fire(A, for_s=100_000)
        await house.advance(to_s=60)
        await house.fire({"alertname": "Other", "severity": "critical"}, for_s=1000)
        await house.resolve(A)
        await house.advance(to_s=1000)
        assert [names for _, _, names in house.told()] == [["a"], ["Other"]]
        await house.advance(to_s=2000)
        assert sorted(house.told()[2:]) == [
            (1230, "all alerts resolved", ["-a"]),
            (1290, "all alerts resolved", ["-Other"]),
        ]


async def test_nothing_is_told_in_muted_times():
    """A route's muted times hold its alerts back; its active times do the same the other way round."""
    config = """
route: {receiver: team, routes: [{matchers: [severity=warning], group_wait: 1s, group_interval: 1m, mute_time_intervals: [evening]}]}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
time_intervals: [{name: evening, time_intervals: [{times: [{start_time: '22:00', end_time: '22:20'}]}]}]
"""
    async with House(config) as house:  # the clock starts at 22:13:20
        await house.fire(A, for_s=36_000)
        await house.advance(to_s=399)
        assert house.told() == []
        assert house.alerting.alerts()[0].muted_by == ("evening",)
        await house.advance(to_s=500)
        assert [names for _, _, names in house.told()] == [["a"]]


async def test_a_reload_keeps_what_was_told(house):
    """A group that the new routes have too is not told again; a new receiver is told."""
    await house.fire(A, for_s=36_000)
    await house.advance(to_s=40)
    await house.reload(read_alertmanager_file(CONFIG.replace("5m", "1m"), file="a.yml"))
    await house.advance(to_s=1000)
    assert len(house.told()) == 1


async def test_what_is_no_alert_is_named_and_the_rest_is_taken(house):
    """One without labels is refused by its place; its neighbours are held."""
    with pytest.raises(InvalidInputError, match=r"alerts\[0\]: at least one label pair required; alerts\[2\]: start"):
        await house.hand_over([Alert(()), Alert(labels_of(A)), Alert(labels_of(B), starts_ns=5, ends_ns=3)])
    with pytest.raises(InvalidInputError, match="valid UTF-8"):
        await house.hand_over([Alert((("a", "\ud800"),))])
    assert [status.labels for status in house.alerting.alerts()] == [labels_of(A)]


async def test_alerts_are_shown_most_severe_first(house):
    """The list has firing before resolved, then by severity, with what people need."""
    await house.fire(A, CRITICAL, annotations={"summary": "it is down"}, for_s=600)
    await house.resolve(A)
    first, second = house.alerting.alerts()
    assert (first.name, first.is_firing, first.severity.value, first.title) == ("Down", True, "critical", "it is down")
    assert (first.receivers, first.ends_ns > 0, first.expires_ns > 0) == (("team",), False, True)
    assert (second.is_firing, second.ends_ns) == (False, house.clock.now_ns())


async def test_ended_alerts_are_forgotten_after_a_quarter_of_an_hour(house):
    """Memory and store let go of what ended long ago."""
    await house.fire(A, for_s=60)
    await house.advance(to_s=600)
    assert len(house.alerting.alerts()) == 1
    await house.advance(to_s=1200)
    assert house.alerting.alerts() == []
    assert (await house.documents.page("alert")).documents == ()
    assert (await house.documents.page("alert-group")).documents == ()


async def test_the_journal_remembers_who_was_told(house):
    """Each notification stands in the journal with receiver, reason, alerts and attempts, newest first."""
    await house.fire(A, for_s=36_000)
    await house.advance(to_s=31)
    await house.fire(OTHER, for_s=36_000)
    await house.advance(to_s=90)
    page = await house.alerting.notifications()
    assert [(entry.receiver, entry.status, entry.alerts[0].name) for entry in page.entries] == [
        ("team", DeliveryStatus.SENT, "Full"),
        ("team", DeliveryStatus.SENT, "Down"),
    ]
    assert page.entries[0].attempts[0].detail == "200 OK"
    assert (await house.alerting.notifications(receiver="nobody")).entries == ()
    assert (await house.alerting.notifications(status=DeliveryStatus.FAILED)).entries == ()
    first = await house.alerting.notifications(limit=1)
    rest = await house.alerting.notifications(limit=1, cursor=first.cursor)
    assert first.entries + rest.entries == page.entries
    assert rest.cursor == ""
    for bad in ({"limit": 0}, {"cursor": "x"}):
        with pytest.raises(InvalidInputError):
            await house.alerting.notifications(**bad)
