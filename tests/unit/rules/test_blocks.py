"""Rules that count blocks: `for: 3 blocks`, on the server, over restarts, in unit tests and in backtests."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import AlertState
from anyascope.model.labels import labels_of
from anyascope.model.status import RuleHealth
from anyascope.promql.engine import Engine
from anyascope.rules.blocks import NETWORKS_MAX, BlockClock, BlockSpan, parse_span, read_clock
from anyascope.rules.lint import lint
from anyascope.rules.lint.lints import LintOptions
from anyascope.rules.load import LoadOptions, load_rules
from anyascope.rules.options import RulesOptions
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import SettingsError
from support.backtesting import START_S, backtested, lived, steps_firing, stored
from support.rules_house import Pipe, RulesHouse

THREE = BlockSpan(3)
A = labels_of({"alertname": "A"})


def rules(hold="3 blocks", *, expr="x > 0", more="", interval="1h"):
    rule = f"{{alert: A, expr: '{expr}', for: {hold}, labels: {{severity: high}}, annotations: {{summary: s}}{more}}}"
    return f"groups: [{{name: g, interval: {interval}, rules: [{rule}]}}]"


def rule_of(text, **options):
    return load_rules(text, file="r.yml", options=LoadOptions(**options))[0].rules[0]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("3 blocks", THREE),
        ("1 block", BlockSpan(1)),
        ("144 blocks of test", BlockSpan(144, "test")),
        ("3 blocks of litecoin/main", BlockSpan(3, "litecoin/main")),
        ("3 blocks of bitcoin/main", BlockSpan(3, "main")),
        ("  03   blocks ", THREE),
        ("1000000 blocks", BlockSpan(1_000_000)),
        ("3m", None),
        ("0", None),
        ("", None),
    ],
)
def test_spans_are_read(text, span):
    """A number of blocks, with a chain or without; everything else is a duration."""
    assert parse_span(text) == span
    if span:
        assert parse_span(str(span)) == span


@pytest.mark.parametrize(
    "text",
    [
        "0 blocks",
        "3 Blocks",
        "3 blocks 2m",
        "3 block s",
        "+3 blocks",
        "1000001 blocks",
        "blocks",
        "-1 blocks",
        "3blocks",
        "3 blocks of",
        "1.5 blocks",
        "9" * 40 + " blocks",
    ],
)
def test_what_is_no_span_is_told(text):
    """With what it should look like, and the rule that it stands in."""
    with pytest.raises(InvalidInputError, match="blocks"):
        parse_span(text)
    with pytest.raises(SettingsError, match=r'rules\[0\].for: group "g", rule 1, "A": must be'):
        rule_of(rules(text))


def test_both_fields_count_blocks():
    """Each by itself; times and blocks may stand side by side."""
    rule = rule_of(rules(more=", keep_firing_for: 2 blocks"))
    assert (rule.hold_s, rule.hold_blocks, rule.keep_firing_blocks) == (0, THREE, BlockSpan(2))
    rule = rule_of(rules("5m", more=", keep_firing_for: 2 blocks of main"))
    assert (rule.hold_s, rule.hold_blocks, rule.block_span) == (300, None, BlockSpan(2, "main"))


def test_two_chains_in_one_rule_are_refused():
    """There is one clock a rule."""
    with pytest.raises(SettingsError, match="same chain"):
        rule_of(rules("3 blocks of main", more=", keep_firing_for: 2 blocks of test"))


def test_prometheus_does_not_read_it():
    """Where only Prometheus' notation is wanted it is refused as Prometheus does; a recording rule has no `for`."""
    with pytest.raises(SettingsError, match='unknown unit " blocks" in duration "3 blocks"'):
        rule_of(rules(), are_own_fields_refused=True)
    with pytest.raises(SettingsError, match="invalid field 'for' in recording rule"):
        rule_of("groups: [{name: g, rules: [{record: r, expr: x, for: 3 blocks}]}]")


def test_the_linter_says_that_only_we_read_it():
    """And, asked with a server, that there are no heights; `alerts/for` is content."""

    class Empty:
        def has_series(self, selector):
            return selector != "bitcoin_blocks"

        def type_of(self, metric):
            return ""

    text = rules(more=", keep_firing_for: 1 block")
    found = lint(load_rules(text, file="r.yml"), {"r.yml": text}, LintOptions(history=Empty()))
    assert [finding.code for finding in found] == ["promql/series", "rule/dialect"]
    assert "for: 3 blocks and keep_firing_for: 1 block" in found[1].message
    assert "collectors.bitcoin" in found[0].message


# --- the clock --------------------------------------------------------------------------------------------------------


def test_the_clock_does_not_run_backwards_in_a_reorg():
    """It stands until the new branch is higher; what falls deeper than any reorg is another chain, which begins."""
    clock = BlockClock()
    shown = []
    for height in (200, 198, 201, 101, 100, 101):
        clock.note({"main": height})
        shown.append(clock.heights["main"])
    assert shown == [200, 200, 201, 201, 100, 101]


def test_the_clock_forgets_chains_that_nobody_tells_of_once_they_are_many():
    """One that is told of stays, and so does one that is silent among few; whoever names chains at will takes no memory."""
    clock = BlockClock()
    clock.note({"main": 200, "test": 100})
    clock.note({"main": 201})
    assert clock.heights == {"main": 201, "test": 100}
    for number in range(3 * NETWORKS_MAX):
        clock.note({"main": 201 + number, f"junk{number}": 1})
    assert len(clock.heights) <= NETWORKS_MAX + 1
    assert clock.heights["main"] == 200 + 3 * NETWORKS_MAX


@pytest.mark.parametrize(
    ("span", "label", "heights", "height"),
    [
        (THREE, "", {"main": 5}, 5),
        (THREE, "test", {"main": 5, "test": 7}, 7),
        (BlockSpan(3, "main"), "test", {"main": 5, "test": 7}, 5),
        (THREE, "main", {"": 5}, 5),
        (THREE, "", {"": 5, "main": 6}, 6),
    ],
)
def test_an_alerts_chain(span, label, heights, height):
    """The rule's, else the alert's, else the only one; an exporter that names no chain has the only one."""
    alert = labels_of({"alertname": "A", "chain": label})
    assert read_clock(span, [alert], heights).heights == {alert: height}


@pytest.mark.parametrize(
    ("label", "heights", "told"),
    [
        ("", {}, "watch a node under collectors.bitcoin"),
        ("", {"main": 5, "test": 7}, "write '3 blocks of main'"),
        ("", {"main": 5, "litecoin/main": 7}, "write '3 blocks of main'"),
        ("", {"litecoin/main": 5, "test": 7}, "write '3 blocks of test'"),
        ("main", {"litecoin/main": 7}, "the height of chain main is not known, only that of litecoin/main"),
        ("signet", {"main": 5}, "the height of chain signet is not known, only that of main"),
    ],
)
def test_a_chain_that_is_not_known_is_told_with_what_to_do(label, heights, told):
    """The alerts of other chains have their heights all the same."""
    alert = labels_of({"alertname": "A", "chain": label})
    other = labels_of({"alertname": "A", "chain": "main"})
    found = read_clock(THREE, [alert, other], heights)
    assert told in found.fault
    assert alert not in found.heights
    assert found.heights.get(other) == heights.get("main")


# --- on the server ----------------------------------------------------------------------------------------------------


class House(RulesHouse):
    """Judges `x`; nodes tell heights."""

    async def condition(self, value, **labels):
        await self.send({"__name__": "x", **labels}, value)
        await self.clock.advance(1)

    async def block(self, height, *, chain="main", node="a"):
        await self.send({"__name__": "bitcoin_blocks", "chain": chain, "node": node}, height)
        await self.clock.advance(1)

    async def coin_block(self, height, **labels):
        await self.send({"__name__": "bitcoin_blocks", "node": "l", **labels}, height)
        await self.clock.advance(1)

    def rule(self):
        return self.rules.groups()[0].rules[0]

    def state(self):
        return self.rule().state

    def fired(self):
        return [dict(alert.labels) for alert in self.sink.take() if alert.ends_ns > self.clock.now_ns()]


@pytest.fixture
async def house():
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    made = House(engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions(restore_grace_s=120))
    yield made
    await made.rules.stop()
    engine.close()


async def test_the_third_block_fires_and_none_before(house):
    """By its arrival, though nothing that the expression reads has moved, and long before the interval is over."""
    await house.start(rules())
    await house.block(100)
    await house.condition(1)
    assert house.rule().alerts[0].active_height == 100
    for height in (101, 102):
        await house.block(height)
        assert house.state() is AlertState.PENDING
        assert house.sink.take() == []
    await house.block(103)
    assert house.state() is AlertState.FIRING
    assert house.fired() == [{"alertname": "A", "severity": "high"}]


async def test_time_alone_fires_nothing(house):
    """A node that tells the same height for hours, or none at all, leaves the alert pending."""
    await house.start(rules(interval="1m"))
    for minute in range(240):
        await house.condition(1)
        if minute < 120:
            await house.block(100)
        await house.clock.advance(58)
    assert house.state() is AlertState.PENDING
    assert house.rule().health is RuleHealth.OK


async def test_two_nodes_are_one_clock(house):
    """The highest node counts: one that is cut off does not stop the clock, one that lags does not turn it back."""
    await house.start(rules())
    await house.block(100, node="a")
    await house.block(100, node="b")
    await house.condition(1)
    await house.block(101, node="b")
    await house.block(102, node="a")
    await house.block(102, node="b")
    assert house.state() is AlertState.PENDING
    await house.block(103, node="a")
    assert house.state() is AlertState.FIRING


async def test_a_reorg_does_not_count_twice(house):
    """Blocks that come again at the same heights do not make the clock go on."""
    await house.start(rules())
    await house.block(100)
    await house.condition(1)
    for height in (101, 102, 100, 101, 102):
        await house.block(height)
    assert house.state() is AlertState.PENDING
    await house.block(103)
    assert house.state() is AlertState.FIRING


async def test_a_node_in_initial_download_does_not_tell_the_time(house):
    """The blocks of years go by within hours: they are not coming now."""
    await house.start(rules())
    await house.block(100, node="a")
    await house.condition(1)
    downloading = {"__name__": "anya_bitcoin_initial_download", "chain": "main", "node": "b"}
    await house.send(downloading, 1)
    for height in (1_000, 2_000, 3_000):
        await house.block(height, node="b")
    assert house.state() is AlertState.PENDING
    await house.block(103, node="a")
    assert house.state() is AlertState.FIRING


async def test_each_alert_has_its_own_chain(house):
    """Blocks of one chain do nothing for an alert of another."""
    await house.start(rules())
    await house.block(100, chain="main")
    await house.block(500, chain="test")
    await house.condition(1, chain="main")
    for height in (501, 502, 503, 504):
        await house.block(height, chain="test")
    assert house.state() is AlertState.PENDING
    for height in (101, 102, 103):
        await house.block(height, chain="main")
    assert house.state() is AlertState.FIRING


async def test_coins_whose_chains_have_one_name_have_a_clock_each(house):
    """Litecoin's nodes call their chain `main`, too: its blocks come four times as fast, and do nothing for Bitcoin's alerts."""
    await house.start(rules())
    await house.block(100, chain="main")
    await house.coin_block(900, chain="main", coin="litecoin")
    await house.condition(1, chain="main")
    await house.condition(1, chain="main", coin="litecoin")
    for height in (901, 902, 903):
        await house.coin_block(height, chain="main", coin="litecoin")
    assert [alert.get("coin") for alert in house.fired()] == ["litecoin"]
    for height in (101, 102, 103):
        await house.block(height, chain="main")
    assert [alert.get("coin") for alert in house.fired()] == [None]


async def test_a_rule_may_name_the_coin(house):
    """`of litecoin/main` waits for Litecoin's blocks, whatever the alert says of itself."""
    await house.start(rules("2 blocks of litecoin/main"))
    await house.block(100, chain="main")
    await house.coin_block(900, chain="main", coin="litecoin")
    await house.condition(1)
    for height in (101, 102, 103):
        await house.block(height, chain="main")
    assert house.state() is AlertState.PENDING
    await house.coin_block(902, chain="main", coin="litecoin")
    assert house.state() is AlertState.FIRING


async def test_an_ambiguous_rule_says_so_before_it_should_fire(house):
    """Where its alerts cannot say their chain and two are watched, with what to write; one chain is no question."""
    await house.start(rules(expr="sum(x) > 0", interval="1m"))
    await house.clock.advance(180)
    for minute in range(2):
        await house.block(100 + minute, chain="main")
        await house.clock.advance(60)
    assert house.rule().health is RuleHealth.OK
    await house.block(500, chain="signet")
    await house.clock.advance(60)
    assert house.rule().health is RuleHealth.ERR
    assert "write '3 blocks of main'" in house.rule().last_error


def test_the_linter_says_what_is_ambiguous():
    """When a file is checked, whatever is watched; not where the rule, its labels or its series say the chain."""

    def codes(**options):
        text = rules(**options)
        return [finding.code for finding in lint(load_rules(text, file="r.yml"), {"r.yml": text}, LintOptions())]

    assert codes(expr="sum(x) > 0") == ["rule/chain", "rule/dialect"]
    assert codes(expr="sum(x) > 0", hold="3 blocks of main") == ["rule/dialect"]
    assert codes(expr="sum by (chain) (x) > 0") == ["rule/dialect"]
    assert codes(expr="x > 0") == ["rule/dialect"]
    chained = rules(expr="sum(x) > 0").replace("{severity: high}", "{severity: high, chain: main}")
    assert [f.code for f in lint(load_rules(chained, file="r.yml"), {"r.yml": chained}, LintOptions())] == [
        "rule/dialect"
    ]


async def test_it_fires_on_for_so_many_blocks(house):
    """`keep_firing_for: 2 blocks` ends with the second block after the condition ceased to hold."""
    await house.start(rules("1 block", more=", keep_firing_for: 2 blocks"))
    await house.block(100)
    await house.condition(1)
    await house.block(101)
    assert house.fired()
    await house.condition(0)
    await house.block(102)
    assert house.state() is AlertState.FIRING
    await house.block(103)
    assert house.state() is AlertState.INACTIVE
    [ended] = house.sink.take()
    assert ended.ends_ns <= house.clock.now_ns()


async def test_a_condition_that_ceases_begins_anew(house):
    """Three blocks in a row, not three in all."""
    await house.start(rules())
    await house.block(100)
    await house.condition(1)
    await house.block(102)
    await house.condition(0)
    await house.condition(1)
    await house.block(104)
    assert house.state() is AlertState.PENDING
    await house.block(105)
    assert house.state() is AlertState.FIRING


async def test_a_rule_without_a_clock_says_so(house):
    """Also while it has no alerts, once nodes have had time to answer; an alert is pending, and the first height counts."""
    await house.start(rules(interval="1m"))
    await house.clock.advance(61)
    assert house.rule().health is RuleHealth.OK
    await house.clock.advance(120)
    assert house.rule().health is RuleHealth.ERR
    assert "watch a node under collectors.bitcoin" in house.rule().last_error
    await house.condition(1)
    assert house.state() is AlertState.PENDING
    await house.block(100)
    assert house.rule().health is RuleHealth.OK
    assert house.rule().alerts[0].active_height == 100
    await house.block(103)
    assert house.state() is AlertState.FIRING


async def test_a_rule_of_a_chain_that_nobody_watches_says_so(house):
    """Before it has an alert that could never fire."""
    await house.start(rules("3 blocks of main", interval="1m"))
    for _ in range(4):
        await house.block(100, chain="regtest")
        await house.clock.advance(60)
    assert "the height of chain main is not known, only that of regtest" in house.rule().last_error
    await house.block(100, chain="main")
    assert house.rule().health is RuleHealth.OK


async def test_another_chain_behind_the_same_name_begins_anew(house):
    """A regtest chain that was thrown away does not stop the clock until it is as high again."""
    await house.start(rules())
    await house.block(500, chain="regtest")
    await house.condition(1)
    await house.block(1, chain="regtest")
    await house.block(3, chain="regtest")
    assert house.state() is AlertState.PENDING
    await house.block(4, chain="regtest")
    assert house.state() is AlertState.FIRING


async def test_heights_are_kept_over_a_crash(house):
    """Blocks that came while the server was away count; a reorg in the meantime turns nothing back."""
    await house.start(rules())
    await house.block(100)
    await house.condition(1)
    await house.block(101)
    await house.crash()
    await house.clock.advance(300)
    await house.start(rules())
    await house.condition(1)
    await house.block(102)
    assert house.state() is AlertState.PENDING
    assert house.rule().alerts[0].active_height == 100
    await house.block(103)
    assert house.state() is AlertState.FIRING


async def test_firing_by_blocks_is_kept_over_a_crash(house):
    """An alert that fires on for blocks knows since which."""
    await house.start(rules("1 block", more=", keep_firing_for: 3 blocks"))
    await house.block(100)
    await house.condition(1)
    await house.block(101)
    await house.condition(0)
    await house.block(102)
    await house.crash()
    await house.clock.advance(200)
    await house.start(rules("1 block", more=", keep_firing_for: 3 blocks"))
    await house.clock.advance(121)
    await house.condition(0)
    await house.block(103)
    assert house.state() is AlertState.FIRING
    await house.block(104)
    assert house.state() is AlertState.INACTIVE


async def moved(house, text, *, away_s=60):
    """The server comes back with its series and nothing else."""
    await house.crash()
    house.documents.kept.clear()
    await house.clock.advance(away_s)
    await house.start(text)


async def test_heights_are_taken_up_from_the_series(house):
    """Where no state was kept: the height at which the alert began is that of the store at that time."""
    await house.start(rules())
    await house.block(100)
    await house.condition(1)
    await house.block(102)
    await moved(house, rules())
    assert house.rule().alerts[0].active_height == 100
    await house.condition(1)
    assert house.state() is AlertState.PENDING
    await house.block(103)
    assert house.state() is AlertState.FIRING


async def test_without_heights_of_then_it_begins_anew(house):
    """Heights that came later say nothing of the time before."""
    await house.start(rules())
    await house.condition(1)
    await house.clock.advance(600)
    await moved(house, rules())
    await house.condition(1)
    await house.block(200)
    await house.block(202)
    assert house.state() is AlertState.PENDING
    await house.block(203)
    assert house.state() is AlertState.FIRING


async def test_a_reload_from_minutes_to_blocks_counts_from_then(house):
    """The alert lives on, its blocks are counted from the reload."""
    await house.start(rules("1h"))
    await house.block(100)
    await house.condition(1)
    await house.block(105)
    await house.reload(rules())
    await house.condition(1)
    await house.block(107)
    assert house.state() is AlertState.PENDING
    await house.block(108)
    assert house.state() is AlertState.FIRING


async def test_a_height_that_is_told_again_judges_nothing(house):
    """Nodes tell their height every few seconds: an expensive rule is judged when it moves."""
    await house.start(rules(expr="max_over_time(x[2h]) > 0"))
    await house.condition(1)
    await house.block(100)
    await house.block(100)
    judged_ns = house.rules.groups()[0].last_evaluation_ns
    await house.block(100)
    assert house.rules.groups()[0].last_evaluation_ns == judged_ns
    for height in (101, 102, 103):
        await house.block(height)
    assert house.state() is AlertState.FIRING


async def test_it_is_shown_in_blocks(house):
    """The view has the words of the file."""
    await house.start(rules("3 blocks of main", more=", keep_firing_for: 1 block of main"))
    rule = house.rule()
    assert (rule.hold_s, rule.hold_blocks, rule.keep_firing_blocks) == (0, "3 blocks of main", "1 block of main")


# --- in unit tests and backtests --------------------------------------------------------------------------------------

TESTED = """
rule_files: [r.yml]
evaluation_interval: 10m
tests:
  - interval: 10m
    name: blocks come
    input_series:
      - {series: x, values: "0 1x10"}
      - {series: 'bitcoin_blocks{chain="main"}', values: "99 100x2 101 102 103x9"}
    alert_rule_test:
      - {eval_time: 50m, alertname: A, exp_alerts: []}
      - eval_time: 59m
        alertname: A
        exp_alerts: []
      - eval_time: 60m
        alertname: A
        exp_alerts: [{exp_labels: {severity: high}, exp_annotations: {summary: s}}]
  - interval: 10m
    name: no heights, and none needed
    input_series: [{series: x, values: "0x10"}]
    alert_rule_test: [{eval_time: 1h, alertname: A, exp_alerts: []}]
"""


async def test_unit_tests_count_blocks(tmp_path):
    """`bitcoin_blocks` among the input series is the clock; a test without alerts needs none."""
    (tmp_path / "r.yml").write_text(rules(interval="10m"))
    (tmp_path / "t.yml").write_text(TESTED)
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    assert report.is_passed, report


async def test_a_unit_test_that_lacks_heights_says_so(tmp_path):
    """An alert of a rule that counts blocks needs them."""
    (tmp_path / "r.yml").write_text(rules())
    (tmp_path / "t.yml").write_text(TESTED.replace("bitcoin_blocks", "height"))
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    assert "3 blocks: the height of no chain is known" in str(report)


BLOCKS = {'bitcoin_blocks{chain="main"}': "100x9 101x9 102x4 101 102x4 103x3 _x9 103x9 104x9 105x30"}


async def test_a_backtest_counts_blocks():
    """It concludes what the server would have, minute by minute: over a reorg and a node that did not answer."""
    store = await stored({"x": "0x4 1x40 0x10 1x50", **BLOCKS})
    text = rules(more=", keep_firing_for: 1 block", interval="1m")
    report = await backtested(text, store, minutes=90)
    first = report.firings[0]
    assert first.active_ns == (START_S + 5 * 60) * NS_PER_S
    assert first.fired_ns == (START_S + 31 * 60) * NS_PER_S
    assert first.ended_ns == (START_S + 54 * 60) * NS_PER_S
    assert steps_firing(report, minutes=90) == await lived(text, store, minutes=90)


async def test_a_backtest_without_heights_says_so():
    """The rule has failed, with what to do."""
    report = await backtested(rules(interval="1m"), await stored({"x": "1x40"}), minutes=30)
    assert not any(firing.fired_ns for firing in report.firings)
    assert "watch a node" in report.rules[0].error
