"""Recovery thresholds, and what is concluded where there are no data: each told as a unit test of rules."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.errors import InvalidInputError
from anyascope.promql.engine import Engine
from anyascope.rules.conditions import data_expr_of, recover_expr_of, threshold_of
from anyascope.rules.load import LoadOptions, load_rules
from anyascope.rules.options import RulesOptions
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import SettingsError
from support.backtesting import backtested, stored
from support.rules_house import Pipe, RulesHouse

RULE = "groups: [{{name: g, interval: 1m, rules: [{{alert: A, expr: {expr!r}, {fields}}}]}}]"
TEST = """
rule_files: [r.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series: [{{series: 'temp{{rack="a"}}', values: {values!r}}}]
  alert_rule_test:
"""
CHECK = "  - {{eval_time: {minute}m, alertname: A, exp_alerts: [{alerts}]}}\n"
ONE, NAMELESS = "{exp_labels: {rack: a}}", "{exp_labels: {}}"


async def fired(tmp_path, fields, values, expected, *, expr="temp > 90", shown=ONE):
    """Whether A fires minute by minute, `-` and `F`; the answer of `anyascope test rules`."""
    checks = "".join(
        CHECK.format(minute=minute, alerts=shown if sign == "F" else "") for minute, sign in enumerate(expected)
    )
    (tmp_path / "r.yml").write_text(RULE.format(expr=expr, fields=fields))
    (tmp_path / "t.yml").write_text(TEST.format(values=values) + checks)
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    (case,) = report.cases
    return "\n".join(map(str, case.failures))


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        # It ends below 80, not below 90, and only a value above 90 begins it.
        ("recover: < 80", "85 95 85 81 79 85 95", "-FFF--F"),
        ("recover_expr: 'max by (rack) (temp) < 80'", "85 95 85 79 85", "-FF--"),
        ("recover_expr: 'sum(temp) < 80'", "85 95 85 79 85", "-FF--"),
        # Pending alerts end as they always did.
        ("recover: < 80, for: 2m", "95 95 85 95 95 95 85 79", "-----FF-"),
        # After recovery `keep_firing_for` runs, and between the thresholds it runs on.
        ("recover: < 80, keep_firing_for: 3m", "95 85 79 85 85 85", "FFFFF-"),
        # A value beyond the first threshold begins anew, as ever.
        ("recover: < 80, keep_firing_for: 3m", "95 79 95 85 79 79 79 79", "FFFFFFF-"),
        # A series that ends has no data: it is over, or stays, or is an alert, as `no_data` says.
        ("recover: < 80", "95 85 stale _ _", "FF---"),
        ("recover: < 80, no_data: keep", "95 85 stale _ 85 79", "FFFFF-"),
        ("no_data: keep", "85 95 stale _ _ 85", "-FFFF-"),
        ("no_data: keep", "85 stale _ _ _ 95", "-----F"),
        ("no_data: keep, for: 2m", "95 95 stale _ _ 85", "------"),
        ("no_data: keep, for: 2m", "95 stale _ _ 95 95", "----FF"),
        ("no_data: ok", "85 95 stale _ _", "-F---"),
        ("no_data: alert", "85 85 stale _ 85 85", "--FF--"),
        ("no_data: alert, for: 2m", "85 85 stale _ _ _ 85", "----FF-"),
        ("no_data: alert", "85 95 stale _ 85", "-FFF-"),
    ],
)
async def test_minute_by_minute(tmp_path, fields, values, expected):
    """What fires follows the rule's thresholds and its choice on missing data."""
    assert not await fired(tmp_path, fields, values, expected)


async def test_nothing_ever_had_data(tmp_path):
    """`no_data: alert` without any series, ever, is one alert without a series' labels, which ends with the first."""
    assert not await fired(tmp_path, "no_data: alert", "_ _ 85 85", "FF--", shown=NAMELESS)
    assert not await fired(tmp_path, "no_data: ok", "_ _ 85 85", "----")


async def test_parts_of_conditions(tmp_path):
    """With `and` the data are those of the left side, with `or` those of either."""
    both = "temp > 90 and on (rack) temp < 99"
    assert not await fired(tmp_path, "no_data: alert", "85 95 100 stale", "-F-F", expr=both)
    either = "temp > 90 or temp < 10"
    assert not await fired(tmp_path, "no_data: alert", "85 5 95 stale", "-FFF", expr=either)


@pytest.mark.parametrize(
    ("expr", "data", "threshold"),
    [
        ("a > 5", "a", (">", 5.0)),
        ("5 < a", "a", (">", 5.0)),
        ("(a / b) >= -2.5", "a / b", (">=", -2.5)),
        ("sum by (x) (rate(a[5m])) / 2 > 1 + 1", "sum by (x) (rate(a[5m])) / 2", None),
        ("time() - a > 60", "time() - a", (">", 60.0)),
        ("a > 5 and on () b == 1", "a", None),
        ("a > 5 unless b", "a", None),
        ("(a > 5) or (b > 7)", "(a) or (b)", None),
    ],
)
def test_data_behind_a_condition(expr, data, threshold):
    """The expression without its comparison, and operator and number where there is nothing else."""
    assert (data_expr_of(expr), threshold_of(expr)) == (data, threshold)


@pytest.mark.parametrize("expr", ["a", "a > b", "a > bool 5", "absent(a)", "a and b > 5", "sum(a > 5)"])
def test_expressions_without_a_threshold(expr):
    """Where nothing is compared with a number, or only within, there is no telling what the data are."""
    with pytest.raises(InvalidInputError, match="compares with a number"):
        data_expr_of(expr)


def test_recovery_is_derived():
    """A threshold stands behind the same data."""
    assert recover_expr_of("sum(a) / sum(b) > 0.9", "<= .5") == "(sum(a) / sum(b)) <= .5"
    with pytest.raises(InvalidInputError, match="must be a comparison with a number"):
        recover_expr_of("a > 5", "80")
    with pytest.raises(InvalidInputError, match="compares with a number"):
        recover_expr_of("a > 5 or b > 7", "< 3")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{alert: A, expr: x, no_data: keep}", "no_data needs an expression that compares with a number"),
        ("{alert: A, expr: x > 1, no_data: never}", "must be one of ok, keep, alert"),
        ("{alert: A, expr: x > 1, recover: < 0, recover_expr: x < 0}", "only one of 'recover' and 'recover_expr'"),
        ("{alert: A, expr: x > 1, recover_expr: 'x <'}", "could not read the recovery: 1:"),
        ("{record: a, expr: x > 1, recover: < 0}", "invalid field 'recover' in recording rule"),
    ],
)
def test_mistakes(rule, message):
    """A field that makes no sense is a mistake of its place."""
    with pytest.raises(SettingsError, match=message):
        load_rules(f"groups: [{{name: g, rules: [{rule}]}}]", file="r.yml")


def test_prometheus_only():
    """On request our own fields are refused as Prometheus refuses them."""
    text = RULE.format(expr="x > 1", fields="recover: < 0")

    assert load_rules(text, file="r.yml")
    with pytest.raises(SettingsError, match="field recover not found"):
        load_rules(text, file="r.yml", options=LoadOptions(are_own_fields_refused=True))


async def test_backtest_knows_them():
    """A backtest judges recovery and missing data as the server does."""
    store = await stored({'temp{rack="a"}': "85 95 85 85 79x5 stale", 'temp{rack="b"}': "50x20"})

    report = await backtested(RULE.format(expr="temp > 90", fields="recover: < 80, no_data: alert"), store, minutes=15)

    minutes = [
        ((firing.fired_ns - report.firings[0].fired_ns) // 60_000_000_000, bool(firing.ended_ns))
        for firing in report.firings
    ]
    assert minutes == [(0, True), (9, False)]


@pytest.fixture
async def house():
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    made = RulesHouse(engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions(restore_grace_s=120))
    yield made
    await made.rules.stop()
    engine.close()


async def test_missing_data_over_a_restart(house):
    """What ended while the server was away is missed, once those who send had time to."""
    rule = RULE.format(expr="temp > 90", fields="no_data: alert")
    await house.start(rule)
    for _ in range(8):
        await house.send({"__name__": "temp", "rack": "a"}, 50)
        await house.send({"__name__": "temp", "rack": "b"}, 50)
        await house.clock.advance(60)
    await house.rules.stop()
    await house.clock.advance(600)

    await house.start(rule)
    await house.send({"__name__": "temp", "rack": "a"}, 50)
    await house.clock.advance(100)
    assert house.sink.take() == []

    await house.send({"__name__": "temp", "rack": "a"}, 50)
    await house.clock.advance(100)
    assert {dict(alert.labels)["rack"] for alert in house.sink.take()} == {"b"}
