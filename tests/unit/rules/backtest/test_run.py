"""Backtests: what rules would have done, and that it is what they do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError, LimitExceededError
from anyascope.rules.backtest import run as run_module
from support.backtesting import START_S, backtested, lived, steps_firing, stored

RULES = """
groups:
- name: g
  interval: 1m
  rules:
  - {record: 'job:up:min', expr: min by (job) (up)}
  - alert: Down
    expr: job:up:min == 0
    for: 2m
    keep_firing_for: 3m
    labels: {severity: critical, half: '{{ if gt $value 0.5 }}upper{{ else }}lower{{ end }}'}
    annotations: {summary: '{{ $labels.job }} is {{ $value }}'}
  - {alert: Gone, expr: 'absent(up{job="b"})'}
  - {alert: Average, expr: 'avg_over_time(job:up:min[3m]) < 0.5'}
"""


def at(minute):
    return (START_S + 60 * minute) * NS_PER_S


async def test_one_alert():
    """It fires when its expression has held for `for`, and ends `keep_firing_for` after it ceased to hold."""
    store = await stored({'up{job="a"}': "1x4 0x4 1x20", 'up{job="b"}': "1x30"})

    report = await backtested(RULES, store, minutes=25, rule="Down")

    [firing] = report.firings
    assert dict(firing.labels) == {"alertname": "Down", "job": "a", "severity": "critical", "half": "lower"}
    assert firing.annotations == {"summary": "a is 0"}
    assert (firing.active_ns, firing.fired_ns, firing.ended_ns) == (at(5), at(7), at(13))
    [outcome] = report.rules
    assert (outcome.alerts, outcome.firing_s, outcome.longest_s, outcome.severity) == (1, 360, 360, "critical")
    [made] = report.recorded
    assert (made.rule, made.series) == ("job:up:min", 2)


async def test_the_beginning_is_warm():
    """An alert that fires when the stretch begins has fired since before it; its time counts from there."""
    store = await stored({'up{job="a"}': "0x30", 'up{job="b"}': "1x30"})

    report = await backtested(RULES, store, minutes=25, begin_minutes=20, rule="Down")

    [firing] = report.firings
    assert firing.fired_ns <= at(20)
    assert firing.ended_ns == 0
    assert report.rules[0].firing_s == 300


async def test_pending_and_flapping():
    """What holds too briefly only pends; an alert that is back within a quarter of an hour flaps."""
    store = await stored({'x{a="1"}': "0 1 0 1 1 1 0 1 1 1 0x20"})
    rules = "groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 2m}]}]"

    report = await backtested(rules, store, minutes=20)

    [outcome] = report.rules
    assert (outcome.alerts, outcome.pending_only, outcome.flaps, outcome.label_sets) == (2, 1, 1, 1)


async def test_recorded_series_end():
    """A recorded series ends when its expression no longer gives it, and is not seen for five minutes more."""
    store = await stored({"x": "1x3 stale _x20"})
    rules = "groups: [{name: g, rules: [{record: r, expr: x}, {alert: A, expr: r == 1}]}]"

    report = await backtested(rules, store, minutes=20)

    assert [(firing.fired_ns, firing.ended_ns) for firing in report.firings] == [(at(0), at(4))]


async def test_history_of_a_recorded_name_is_not_read():
    """What an older version of a recording rule has left is not mixed in, also not by a pattern."""
    store = await stored({"r": "5x20", "x": "1x20"})
    rules = "groups: [{name: g, rules: [{record: r, expr: x}, {alert: A, expr: '{__name__=~\"r|y\"} > 1'}]}]"

    assert (await backtested(rules, store, minutes=10)).firings == ()


async def test_native_histograms():
    """They are recorded and judged, too."""
    store = await stored({"h": "{{count:4 sum:8 buckets:[4]}}x20"})
    rules = """
    groups:
    - name: g
      rules: [{record: r, expr: sum(h)}, {alert: A, expr: histogram_avg(r) > 1}, {alert: B, expr: '{__name__=~"h|r"}'}]
    """

    report = await backtested(rules, store, minutes=10)

    assert [(outcome.rule, outcome.alerts) for outcome in report.rules] == [("A", 1), ("B", 0)]
    assert "same labelset" in report.rules[1].error


async def test_failures_are_counted():
    """A step at which a rule fails is counted, those beside it are judged; the alert lives on through it."""
    store = await stored({'x{a="1"}': "1x20", 'y{b="1"}': "1x20", 'y{b="2"}': "_x9 1 stale"})
    rules = "groups: [{name: g, rules: [{alert: A, expr: x * on() y > 0}]}]"

    report = await backtested(rules, store, minutes=15)

    [outcome] = report.rules
    assert (outcome.alerts, outcome.failed_steps, outcome.longest_s) == (1, 1, 900)
    assert "many-to-many" in outcome.error
    assert report.has_failures


async def test_a_rule_that_always_fails_is_given_up():
    """After some failures in a row no more is asked."""
    store = await stored({'x{a="1"}': "1x500", 'x{a="2"}': "1x500"})
    rules = "groups: [{name: g, rules: [{alert: A, expr: x, labels: {a: ''}}]}]"

    [outcome] = (await backtested(rules, store, minutes=400)).rules

    assert outcome.failed_steps == run_module.FAILURES_IN_ROW_MAX


async def test_limit_of_a_group():
    """More alerts than the group allows are a failure, and none is kept."""
    store = await stored({'x{a="1"}': "1x20", 'x{a="2"}': "_x10 1x10"})
    rules = "groups: [{name: g, limit: 1, rules: [{alert: A, expr: x}]}]"

    report = await backtested(rules, store, minutes=15)

    assert [(firing.fired_ns, firing.ended_ns) for firing in report.firings] == [(at(0), at(10))]
    assert report.rules[0].error == "exceeded limit of 1 with 2 alerts"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "Nope"}, "--rule: there is no alert 'Nope'; there are Average, Down, Gone"),
        ({"minutes": -5}, "--to: must not be before --from"),
    ],
)
async def test_what_cannot_be_done_is_refused(options, message):
    """With the names that there are."""
    with pytest.raises(InvalidInputError, match=message):
        await backtested(RULES, await stored({}), **({"minutes": 5} | options))


async def test_limits(monkeypatch):
    """Steps, recorded samples and alerts are bounded, and the refusal says what to change."""
    store = await stored({"up": "0x30", 'x{a="1"}': "0 1 0 1 0 1 0 1"})
    with pytest.raises(LimitExceededError, match="take a longer --step"):
        await backtested(RULES, store, minutes=700_000)
    monkeypatch.setattr(run_module, "RECORDED_SAMPLES_MAX", 5)
    with pytest.raises(LimitExceededError, match="more than 5 samples"):
        await backtested(RULES, store, minutes=20)
    monkeypatch.setattr(run_module, "FIRINGS_MAX", 1)
    with pytest.raises(LimitExceededError, match="more than 1 alerts"):
        await backtested("groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]", store, minutes=20)


async def test_many_chunks(monkeypatch):
    """The seams between stretches that are asked for at once leave no trace."""
    store = await stored({'up{job="a"}': "1x9 0x5 1x3 0x4 1x20", 'up{job="b"}': "1x30"})
    whole = await backtested(RULES, store, minutes=40)
    monkeypatch.setattr(run_module, "CHUNK_STEPS", 3)

    assert await backtested(RULES, store, minutes=40) == whole


VALUES = st.lists(st.sampled_from(["0", "1", "0", "1", "_", "stale"]), min_size=5, max_size=40).map(" ".join)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, VALUES, st.sampled_from([60, 120]))
async def test_the_same_as_live(first, second, step_s):
    """Over any samples, at every step exactly those alerts fire that the server's own groups have firing, since the same time."""
    series = {'up{job="a"}': first, 'up{job="b"}': second}
    minutes = 44
    rules = RULES.replace("interval: 1m", f"interval: {step_s}s")

    report = await backtested(rules, await stored(series), minutes=minutes)

    expected = await lived(rules, await stored(series), minutes=minutes, step_s=step_s)
    found = steps_firing(report, minutes=minutes, step_s=step_s)
    # `absent` held before the first sample: the backtest, which begins earlier, knows since when.
    begin = {key for key in found if found[key] < START_S * NS_PER_S}
    assert {key: at_ns for key, at_ns in found.items() if key not in begin} == {
        key: at_ns for key, at_ns in expected.items() if key not in begin
    }
    assert begin <= expected.keys()
