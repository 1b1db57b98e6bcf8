"""When groups are evaluated."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.rules.options import RulesOptions
from anyascope.rules.runner import phase_ns, slot_after
from support.rules_house import UNAVAILABLE, RulesHouse

MINUTE_NS = 60 * NS_PER_S
ALERT = "groups: [{name: g, interval: 1h, rules: [{alert: A, expr: up == 0, for: 1m}]}]"
AT_ONCE = "groups: [{name: g, interval: 1h, rules: [{alert: A, expr: up == 0}]}]"
RECORDS = """
groups:
- {name: g, interval: 1h, rules: [{record: a, expr: up}, {record: b, expr: a}, {record: c, expr: other}]}
"""

TWO_SEVERITIES = """
groups:
- name: g
  interval: 1h
  rules:
  - {alert: A, expr: up == 0, labels: {severity: critical}}
  - {alert: B, expr: up == 2, labels: {severity: low}}
"""


@pytest.fixture
async def house():
    house = RulesHouse(options=RulesOptions(debounce_s=0.2))
    yield house
    if house.rules:
        await house.rules.stop()


@given(st.integers(0, 2**62), st.text(max_size=20))
def test_slots_are_even(now_ns, key):
    """A group's due times are one interval apart, in its own phase, and the next one lies ahead."""
    slot = slot_after(now_ns, key, MINUTE_NS)

    assert now_ns < slot <= now_ns + MINUTE_NS
    assert slot % MINUTE_NS == phase_ns(key, MINUTE_NS)


async def test_interval(house):
    """A group is evaluated once an interval, at times that an earlier or later start does not move."""
    await house.start("groups: [{name: g, interval: 30s, rules: [{record: a, expr: up}]}]")

    await house.clock.advance(90)

    phase_ms = phase_ns("r.yml;g", 30 * NS_PER_S) // 1_000_000
    assert len(house.engine.asked) == 3
    assert all((time_ms - phase_ms) % 30_000 in (0, 1) for _, time_ms in house.engine.asked)


async def test_first_arrival_is_judged_at_once(house):
    """After quiet the first arrival of a series that a rule reads evaluates it without waiting."""
    await house.start(ALERT)
    began_ns = house.clock.now_ns()

    await house.send({"__name__": "up", "job": "x"}, 0.0)

    assert house.engine.asked == [("up == 0", began_ns // 1_000_000)]
    assert house.metric("anyascope_rule_evaluations_total", cause="arrival") == 1


async def test_arrivals_in_a_row_are_judged_together(house):
    """Arrivals within the debounce after an evaluation are judged once, when it is over."""
    await house.start(AT_ONCE)

    for value in range(10):
        await house.send({"__name__": "up"}, value)
        await house.clock.advance(0.01)

    assert len(house.engine.asked) == 1
    await house.clock.advance(0.2)
    assert len(house.engine.asked) == 2
    await house.clock.advance(5)
    assert len(house.engine.asked) == 2


async def test_the_same_again_is_judged_only_where_it_matters(house):
    """A rule without alerts is not judged when its series say what they said; one with alerts is, since its `for` runs out."""
    await house.start("groups: [{name: g, interval: 1h, rules: [{alert: A, expr: up == 0, for: 25s}]}]")

    async def asked_after(value):
        before = len(house.engine.asked)
        await house.clock.advance(1)
        await house.send({"__name__": "up"}, value)
        return len(house.engine.asked) - before

    assert [await asked_after(value) for value in (1.0, 1.0, 1.0)] == [1, 0, 0]
    house.engine.answers["up == 0"] = [({}, 0.0)]
    assert [await asked_after(value) for value in (0.0, 0.0, 0.0)] == [1, 1, 1]
    house.engine.answers["up == 0"] = UNAVAILABLE
    assert [await asked_after(value) for value in (1.0, 1.0)] == [1, 1]


async def _asked_in_10_s(house, value_at):
    """How often a rule is judged while its series says something twice a second."""
    before = len(house.engine.asked)
    for step in range(20):
        await house.send({"__name__": "up"}, value_at(step))
        await house.clock.advance(0.5)
    return len(house.engine.asked) - before


@pytest.mark.parametrize(
    ("expr", "hold", "times"),  # when it says news, when it says the same
    [
        ("up == 0", "0s", (20, 0)),
        ("up == 0", "1m", (6, 0)),  # each 2 s, at both ends of the ten, too
        ("up == 0", "10m", (1, 0)),
        ("rate(up[1m]) > 0", "0s", (20, 6)),
        ("rate(up[5m]) > 0", "0s", (20, 2)),
        ("rate(up[1m]) > 0", "5m", (2, 2)),
        ("rate(up[1m]) > 0", "1s", (20, 6)),
    ],
)
async def test_a_rule_is_as_punctual_as_what_it_goes_by(house, expr, hold, times):
    """Judged each thirtieth of its `for`, or of its window where nothing new is said; without either, at once."""
    await house.start(f"groups: [{{name: g, interval: 1h, rules: [{{alert: A, expr: '{expr}', for: {hold}}}]}}]")
    await house.send({"__name__": "up"}, -1.0)
    await house.clock.advance(20)  # the first of what follows may not wait

    says_news = await _asked_in_10_s(house, float)
    await house.clock.advance(20)
    says_the_same = await _asked_in_10_s(house, lambda _: 19.0)
    assert (says_news, says_the_same) == times
    assert house.metric("anyascope_rule_arrival_delay_seconds_sum", urgency="patient") == 0  # none of that is lateness


async def test_what_fires_rests_until_something_changes(house):
    """An alert that fires is judged again with the first news, not with each sample that says the same."""
    house.engine.answers["up == 0"] = [({}, 0.0)]
    await house.start(AT_ONCE)
    await house.send({"__name__": "up"}, 0.0)
    assert house.sink.take()
    assert await _asked_in_10_s(house, lambda _: 0.0) == 0

    house.engine.answers["up == 0"] = []
    await house.send({"__name__": "up"}, 1.0)
    assert [bool(alert.ends_ns <= house.clock.now_ns()) for alert in house.sink.take()] == [True]


async def test_how_long_arrivals_wait_is_measured(house):
    """From the arrival to the end of the evaluation, by urgency; of those that wait together the longest."""
    ask = house.engine.instant

    async def slowly(query, time_ms):
        await house.clock.sleep(0.75)
        return await ask(query, time_ms)

    house.engine.instant = slowly
    await house.start(TWO_SEVERITIES)
    await house.send({"__name__": "up"}, 1.0)
    await house.clock.advance(10)

    for urgency in ("urgent", "patient"):
        assert house.metric("anyascope_rule_arrival_delay_seconds_sum", urgency=urgency) == pytest.approx(1.5)
        assert house.metric("anyascope_rule_arrival_delay_seconds_count", urgency=urgency) == 1


async def test_a_long_wait_is_no_work_of_an_alarm(house):
    """What comes while an evaluation waits is judged a debounce after it where it is urgent, else four times as long after."""
    ask, answered = house.engine.instant, []

    async def slowly(query, time_ms):
        await house.clock.sleep(1)
        answered.append((query, house.clock.now_ns() / NS_PER_S))
        return await ask(query, time_ms)

    house.engine.instant = slowly
    await house.start(TWO_SEVERITIES)
    began_s = house.clock.now_ns() / NS_PER_S
    await house.send({"__name__": "up"}, 0.0)
    await house.clock.advance(1.5)
    await house.send({"__name__": "up"}, 1.0)

    await house.clock.advance(20)

    after_s = [(query, pytest.approx(at_s - began_s)) for query, at_s in answered]
    assert after_s == [("up == 0", 1), ("up == 2", 2), ("up == 0", 3.2), ("up == 2", 11)]


async def test_an_alarm_rests_by_what_the_processor_had_to_do(house):
    """Four times that after an evaluation by arrival, where that is longer than the debounce."""
    ask = house.engine.instant

    async def heavily(query, time_ms):
        house.worked_ns += NS_PER_S // 2
        return await ask(query, time_ms)

    house.engine.instant = heavily
    await house.start(AT_ONCE)
    for value in (0.0, 1.0):
        await house.send({"__name__": "up"}, value)

    await house.clock.advance(1.9)
    assert len(house.engine.asked) == 1
    await house.clock.advance(0.1)
    assert len(house.engine.asked) == 2


async def test_commits_hold_up_no_alarm(house):
    """A state that takes long to be kept does not keep the next arrival from being judged and told."""
    await house.start("groups: [{name: g, interval: 1h, rules: [{alert: A, expr: up}, {alert: B, expr: other}]}]")
    house.engine.answers.update({"up": [({}, 1.0)], "other": [({}, 1.0)]})
    keep, may_keep = house.documents.commit, asyncio.Event()

    async def slowly(changes):
        await may_keep.wait()
        await keep(changes)

    house.documents.commit = slowly
    try:
        await house.send({"__name__": "up"}, 1.0)
        await house.clock.advance(1)
        await house.send({"__name__": "other"}, 1.0)
        await house.clock.advance(1)
        told = [dict(alert.labels)["alertname"] for alert in house.sink.received]
    finally:
        may_keep.set()

    assert told == ["A", "B"]


async def test_only_what_is_concerned_is_evaluated(house):
    """An arrival evaluates the rules that read it and those that read these, in order, not the whole group."""
    house.engine.answers.update({"up": [({}, 1.0)], "a": [({}, 1.0)]})
    await house.start(RECORDS)

    await house.send({"__name__": "up"}, 1.0)

    assert [query for query, _ in house.engine.asked] == ["up", "a"]


async def test_other_series_are_ignored(house):
    """Series that no rule reads evaluate nothing."""
    await house.start(RECORDS)

    await house.send({"__name__": "unrelated"}, 1.0)
    await house.clock.advance(10)

    assert house.engine.asked == []


async def test_a_group_does_not_feed_itself(house):
    """A group that reads what it records is evaluated once an arrival, not for ever."""
    house.engine.answers["up + a"] = [({}, 1.0)]
    await house.start("groups: [{name: g, interval: 1h, rules: [{record: a, expr: up + a}]}]")

    await house.send({"__name__": "up"}, 1.0)
    await house.clock.advance(60)

    assert len(house.engine.asked) == 1


async def test_groups_feed_one_another(house):
    """What one group records is judged at once by another that reads it."""
    house.engine.answers["up"] = [({}, 1.0)]
    await house.start("""
groups:
- {name: first, interval: 1h, rules: [{record: a, expr: up}]}
- {name: second, interval: 1h, rules: [{alert: B, expr: a}]}
""")

    await house.send({"__name__": "up"}, 1.0)

    assert [query for query, _ in house.engine.asked] == ["up", "a"]


async def test_arrivals_do_not_shorten_for(house):
    """However often an arrival is judged, an alert fires only once its expression has held for `for`."""
    house.engine.answers["up == 0"] = [({}, 0.0)]
    await house.start(ALERT)

    for _ in range(12):
        await house.send({"__name__": "up"}, 0.0)
        assert house.sink.received == []
        await house.clock.advance(5)
    await house.send({"__name__": "up"}, 0.0)

    (alert,) = house.sink.received
    assert alert.starts_ns == house.clock.now_ns()


async def test_an_offset_is_not_disturbed(house):
    """A group that looks into the past is evaluated by its interval alone."""
    await house.start("groups: [{name: g, interval: 1h, query_offset: 1m, rules: [{record: a, expr: up}]}]")

    await house.send({"__name__": "up"}, 1.0)

    assert house.engine.asked == []


async def test_arrival_during_an_evaluation_is_not_lost(house):
    """What arrives while its group is being evaluated is judged afterwards."""
    gate = asyncio.Event()
    answered = house.engine.instant

    async def slow(query, time_ms):
        await gate.wait()
        return await answered(query, time_ms)

    house.engine.instant = slow
    await house.start(ALERT)
    await house.send({"__name__": "up"}, 0.0)
    await house.send({"__name__": "up"}, 0.0)

    gate.set()
    await house.clock.advance(1)

    assert len(house.engine.asked) == 2


async def test_missed_intervals_are_counted(house):
    """Where evaluations take longer than the interval, those left out are counted and the phase is kept."""
    answered = house.engine.instant

    async def slow(query, time_ms):
        await house.clock.sleep(70)
        return await answered(query, time_ms)

    house.engine.instant = slow
    await house.start("groups: [{name: g, interval: 30s, rules: [{record: a, expr: up}]}]")

    await house.clock.advance(300)

    assert house.metric("prometheus_rule_group_iterations_missed_total", rule_group="r.yml;g") >= 3
    phase_ms = phase_ns("r.yml;g", 30 * NS_PER_S) // 1_000_000
    assert {(time_ms - phase_ms) % 30_000 for _, time_ms in house.engine.asked} <= {0, 1}


async def test_a_fault_does_not_end_the_group(house):
    """What nobody announced, such as a bug in the store, costs one evaluation, not the group."""
    house.engine.answers["up == 0"] = [({}, 0.0)]
    house.pipe.error = RuntimeError("boom")
    await house.start("groups: [{name: g, interval: 30s, rules: [{alert: A, expr: up == 0}]}]")
    await house.clock.advance(120)
    house.pipe.error = None

    await house.clock.advance(60)

    assert len(house.engine.asked) >= 4
    assert house.pipe.written()


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_stops_nothing(house, jump_s):
    """A group that nothing arrives for goes on once an interval, by the new time."""
    await house.start("groups: [{name: g, interval: 30s, rules: [{record: a, expr: up}]}]")
    await house.clock.advance(60)
    house.clock.set_wall(by_s=jump_s)
    asked = len(house.engine.asked)

    await house.clock.advance(90)

    times_ms = [time_ms for _, time_ms in house.engine.asked[asked:]]
    assert len(times_ms) in {2, 3}
    assert all(0 <= house.now_ms() - time_ms <= 90_000 for time_ms in times_ms)


async def test_a_clock_that_is_set_back_holds_no_arrival_up(house):
    """What arrives is judged after the same rest as before, and at the new time."""
    await house.start(AT_ONCE)
    await house.send({"__name__": "up"}, 1.0)
    house.clock.set_wall(by_s=-3600.0)
    asked = len(house.engine.asked)

    await house.send({"__name__": "up"}, 0.0)
    await house.clock.advance(1)

    assert len(house.engine.asked) == asked + 1
    assert 0 <= house.now_ms() - house.engine.asked[-1][1] <= 1_000


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
async def test_alerts_go_on_where_the_clock_is_set(house, jump_s):
    """`for` lasts as long as it is, what fires goes on being told, and its end can be told: it lies after its beginning."""
    house.engine.answers["up == 0"] = [({}, 0.0)]
    await house.start("groups: [{name: g, interval: 30s, rules: [{alert: A, expr: up == 0, for: 5m}]}]")
    await house.clock.advance(120)
    house.clock.set_wall(by_s=jump_s)
    await house.clock.advance(120)
    assert not house.sink.take()
    await house.clock.advance(120)
    assert house.sink.take()

    house.clock.set_wall(by_s=jump_s)
    await house.clock.advance(180)
    assert house.sink.take()

    house.engine.answers["up == 0"] = []
    await house.clock.advance(60)
    ended = house.sink.take()[-1]
    assert ended.starts_ns < ended.ends_ns <= house.clock.now_ns()
