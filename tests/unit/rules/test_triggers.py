"""What an arrival concerns."""

from __future__ import annotations

import pytest

from anyascope.model.labels import labels_of
from anyascope.model.metrics import STALE_NAN, HistogramSample, MetricBatch, SampleBatch
from anyascope.rules.load import load_rules
from anyascope.rules.triggers import PAUSE_MS, Reads, affected_rules, reads_of, reads_of_rule, watch_of


def batch(*names):
    return MetricBatch(SampleBatch.of([(labels_of({"__name__": name, "a": "b"}), 1, 1.0) for name in names]))


def told(*samples):
    return MetricBatch(
        SampleBatch.of([(labels_of({"__name__": name}), at_ms, value) for name, at_ms, value in samples])
    )


def watch(text):
    groups = load_rules(text, file="f")
    return watch_of(groups, {group.key: [reads_of(rule.expr) for rule in group.rules] for group in groups})


def test_rules_by_metric():
    """A batch concerns the rules that read one of its metrics, and no others."""
    found = watch("""
groups:
- {name: a, rules: [{record: x, expr: up + down}, {record: y, expr: other}]}
- {name: b, rules: [{alert: z, expr: 'rate(up[5m]) > 0'}]}
""")

    assert found.concerned(batch("up", "unknown")) == {"f;a": {0}, "f;b": {0}}
    assert found.concerned(batch("other")) == {"f;a": {1}}
    assert found.concerned(batch("unknown")) == {}
    assert found.concerned(MetricBatch()) == {}


def test_histograms_count_too():
    """A native histogram's arrival concerns those who read its metric."""
    found = watch("groups: [{name: a, rules: [{record: x, expr: h}]}]")
    sample = HistogramSample(labels_of({"__name__": "h"}), 1, count=1, sum=1, schema=0, zero_threshold=0, zero_count=0)

    assert found.concerned(MetricBatch(histograms=(sample,))) == {"f;a": {0}}


def test_long_windows_wait_for_their_interval():
    """An expression that looks back an hour or longer is not evaluated by arrival, in a subquery or through others neither."""
    found = watch("""
groups:
- name: a
  rules:
  - {record: b, expr: 'rate(up[59m])'}
  - {record: c, expr: 'rate(up[1h])'}
  - {record: d, expr: 'max_over_time(rate(up[5m])[2h:1m])'}
  - {record: e, expr: 'max_over_time(b[1d])'}
""")

    assert found.concerned(batch("up")) == {"f;a": {0}}
    text = "groups: [{name: g, rules: [{record: b, expr: up}, {record: e, expr: 'max_over_time(b[2h])'}]}]"
    (group,) = load_rules(text, file="f")
    assert affected_rules(group.rules, [reads_of(rule.expr) for rule in group.rules], frozenset({0})) == [0]


def test_own_output_is_ignored():
    """A group that reads what it records does not react to that."""
    found = watch("groups: [{name: a, rules: [{record: x, expr: x + up}, {alert: y, expr: 'ALERTS > 1'}]}]")

    assert found.concerned(batch("x", "ALERTS")) == {}
    assert found.concerned(batch("up")) == {"f;a": {0}}


def test_others_output_is_not():
    """What one group records concerns another that reads it."""
    found = watch("""
groups:
- {name: a, rules: [{record: x, expr: up}]}
- {name: b, rules: [{record: y, expr: x}]}
- {name: c, rules: [{alert: z, expr: y}]}
""")

    assert found.concerned(batch("x")) == {"f;b": {0}}
    assert found.concerned(batch("y")) == {"f;c": {0}}


def test_circles_of_groups_are_broken():
    """Groups that feed each other in a circle do not react to one another, but do to what comes from outside."""
    found = watch("""
groups:
- {name: a, rules: [{record: x, expr: y + up}]}
- {name: b, rules: [{record: y, expr: x + up}]}
- {name: c, rules: [{record: z, expr: x}]}
""")

    assert found.concerned(batch("x")) == {"f;c": {0}}
    assert found.concerned(batch("y")) == {}
    assert found.concerned(batch("up")) == {"f;a": {0}, "f;b": {0}}


def test_reading_any_metric():
    """A selector without a name concerns every metric but what lies on a circle with it."""
    found = watch("""groups: [{name: a, rules: [{record: x, expr: 'count({job="y"})'}]}]""")

    assert found.concerned(batch("whatever")) == {"f;a": {0}}
    assert found.concerned(batch("x")) == {}


def test_affected_rules_follow_in_order():
    """With a rule are evaluated those behind it that read what it records, directly or through others."""
    (group,) = load_rules(
        """
groups:
- name: a
  rules:
  - {record: b, expr: a}
  - {record: c, expr: b}
  - {record: d, expr: up}
  - {alert: e, expr: c}
  - {record: f, expr: ALERTS}
""",
        file="f",
    )
    reads = [reads_of(rule.expr) for rule in group.rules]

    assert affected_rules(group.rules, reads, frozenset({0})) == [0, 1, 3, 4]
    assert affected_rules(group.rules, reads, frozenset({2})) == [2]
    assert affected_rules(group.rules, [Reads(is_any=True)] * 5, frozenset({3})) == [3, 4]


def test_news():
    """A value is news that is the first, another one, a late one, one after a silence, or a marker; the same one again is not."""
    found = watch("groups: [{name: g, rules: [{alert: A, expr: up == 0}, {alert: B, expr: up + other}]}]")
    both = {"f;g": {0, 1}}

    def news(*samples):
        concerned, told_anew = found.look(told(*samples))
        assert concerned == both
        return told_anew

    assert news(("up", 1_000, 1.0)) == both
    assert news(("up", 2_000, 1.0)) == {}
    assert news(("up", 3_000, 0.0)) == both
    assert news(("up", 2_500, 1.0)) == both
    assert news(("up", 4_000, 0.0)) == {}
    assert news(("up", 5_000, 1.0), ("up", 6_000, 0.0)) == both
    assert news(("up", 6_000 + PAUSE_MS, 0.0)) == {}
    assert news(("up", 6_001 + 2 * PAUSE_MS, 0.0)) == both
    assert news(("up", 6_002 + 2 * PAUSE_MS, STALE_NAN)) == both
    assert news(("up", 6_003 + 2 * PAUSE_MS, 0.0)) == both
    assert found.look(told(("up", 7_000 + 2 * PAUSE_MS, 0.0), ("other", 1, 1.0)))[1] == {"f;g": {1}}


@pytest.mark.parametrize(
    ("rule", "is_momentary"),
    [
        ("{alert: A, expr: up == 0}", True),
        ("{alert: A, expr: sum by (a) (up) > 1 unless on (a) down, for: 1m}", True),
        ("{alert: A, expr: 'clamp_min(up, 1) > 0'}", True),
        ("{alert: A, expr: 'rate(up[5m]) > 0'}", False),
        ("{alert: A, expr: 'max_over_time((up > 0)[5m:1m]) > 0'}", False),
        ("{alert: A, expr: up offset 1m}", False),
        ("{alert: A, expr: up @ 10}", False),
        ("{alert: A, expr: time() - up > 60}", False),
        ("{alert: A, expr: timestamp(up) > 60}", False),
        ("{alert: A, expr: '{a=\"b\"} > 0'}", False),
        ("{alert: A, expr: up == 0, for: 3 blocks}", False),
        ("{alert: A, expr: up == 0, no_data: alert}", False),
        ("{record: a, expr: up}", False),
    ],
)
def test_what_goes_by_the_newest_samples_alone(rule, is_momentary):
    """Windows, other times, the time of day, missing data and blocks make an answer change while samples do not."""
    [group] = load_rules(f"groups: [{{name: g, rules: [{rule}]}}]", file="f")

    assert reads_of_rule(group.rules[0]).is_momentary is is_momentary
