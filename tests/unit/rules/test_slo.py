"""Objectives: what they are made into, and that it says what happened, in time and in blocks."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.errors import InvalidInputError, UnavailableError
from anyascope.model.alerts import AlertState
from anyascope.model.labels import labels_of
from anyascope.model.status import RuleHealth
from anyascope.promql.engine import Engine
from anyascope.rules.blocks import HEIGHTS_EXPR, BlockSpan, BlockWindow
from anyascope.rules.chainclock import ChainClock
from anyascope.rules.evaluate import batch_of
from anyascope.rules.lint import lint
from anyascope.rules.load import LoadOptions, load_rules
from anyascope.rules.options import RulesOptions
from anyascope.rules.slo import BURNS, Window
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import SettingsError
from support.backtesting import START_S, backtested, lived, steps_firing, stored
from support.components import REPOSITORY
from support.rules_house import UNAVAILABLE, Pipe, RulesHouse, ScriptedEngine

DAY = """
slos:
- name: withdrawals
  objective: 99.9
  window: {window}
  total: asked_total{{job="custody"}}
  bad: failed_total{{job="custody"}}
  labels: {{component: custody}}
"""


def slo(window="30d"):
    return DAY.format(window=window)


def rules_of(text):
    return load_rules(text, file="r.yml")[0].rules


# --- what is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "pairs"),
    [
        (Window(30 * 86_400), ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]),
        (Window(7 * 86_400), ["14m/5m", "1h24m/7m", "5h36m/28m", "16h48m/1h24m"]),
        (
            Window(span=BlockSpan(4_320)),
            ["6 blocks/1 block", "36 blocks/3 blocks", "144 blocks/12 blocks", "432 blocks/36 blocks"],
        ),
        (
            Window(span=BlockSpan(1_008, "main")),
            [
                "2 blocks of main/1 block of main",
                "9 blocks of main/1 block of main",
                "34 blocks of main/3 blocks of main",
                "101 blocks of main/9 blocks of main",
            ],
        ),
    ],
)
def test_burn_windows_are_parts_of_the_period(window, pairs):
    """Of 30 days those of the SRE workbook; of other periods the same parts, in whole minutes or blocks."""
    assert [f"{window.part(burn.part)}/{window.part(burn.part * 12)}" for burn in BURNS] == pairs


def test_an_objective_is_a_group_of_plain_rules():
    """Everything has the objective's name and labels; there is an alert a severity."""
    rules = rules_of(slo())
    alerts = [rule for rule in rules if rule.name == "ErrorBudgetBurn"]
    assert [dict(rule.label_texts)["severity"] for rule in alerts] == ["critical", "high", "medium", "low"]
    assert all(dict(getattr(rule, "label_texts", ()) or rule.labels)["component"] == "custody" for rule in rules)
    assert alerts[0].expr == (
        'anya_slo_burn_rate{slo="withdrawals", window="1h"} > 14.4 and ignoring (window) '
        'anya_slo_burn_rate{slo="withdrawals", window="5m"} > 14.4'
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("name: withdrawals", "name: ''"), "name"),
        (("name: withdrawals", "name: 'a b'"), "must be of letters"),
        (("objective: 99.9", "objective: 100"), "must be a percentage between 0 and 100"),
        (("objective: 99.9", "objective: many"), "must be a percentage between 0 and 100"),
        (("objective: 99.9", "objective: 0.995"), "is it 99.5?"),
        (("objective: 99.9", "goal: 99.9"), "did you mean"),
        (("window: 30d", "window: 1h"), "must be 1d to 400d, or 144 to 57600 blocks"),
        (("window: 30d", "window: 6 blocks"), "must be 144 to 57600 blocks"),
        (("window: 30d", "window: soon"), "not a valid duration"),
        (("total: asked_total", "total: rate(asked_total[5m]) #"), "must select counters"),
        (("total: asked_total", "total: asked_total[5m] #"), "must select counters"),
        (("total: asked_total", "total: '{' #"), "total"),
        (("bad: failed", "good: x\n  bad: failed"), "needs either bad or good"),
        (("bad: failed", "worse: failed"), "field worse not found"),
        (("labels: {component: custody}", "labels: {severity: high}"), "given by the objective itself"),
        (("labels: {component: custody}", "by: ['a-b']"), "invalid label name"),
        (("{component: custody}", "{component: '{{ $labels.x }}'}"), "must be a fixed text"),
        (("labels: {component: custody}", "annotations: {summary: '{{ x'}"), "annotations.summary"),
        (("labels: {component: custody}", "alerts: [page]"), "must be of critical, high, medium, low"),
        (("labels: {component: custody}", "interval: 10m"), "at most 5m"),
    ],
)
def test_mistakes_are_named_with_their_place(change, told):
    """Each with the field, and what it should be."""
    text = slo().replace(*change)
    assert text != slo()
    with pytest.raises(SettingsError) as refused:
        rules_of(text)
    assert told in str(refused.value)
    assert "slos[0]" in str(refused.value)


def test_two_objectives_of_one_name_are_refused():
    """Their series would be the same."""
    with pytest.raises(SettingsError, match="repeated"):
        rules_of(slo() + slo().removeprefix("\nslos:\n"))


def test_only_we_read_objectives():
    """Prometheus refuses the file; the linter says so once, and has nothing to say of rules that nobody wrote."""
    with pytest.raises(SettingsError, match="field slos not found"):
        load_rules(slo(), file="r.yml", options=LoadOptions(are_own_fields_refused=True))
    [found] = lint(load_rules(slo(), file="r.yml"), {"r.yml": slo()})
    assert (found.code, found.line) == ("rule/dialect", 3)
    assert found.message.startswith("withdrawals: slos: Prometheus and promtool refuse")


# --- what is said -----------------------------------------------------------------------------------------------------

SERIES = 'slo="withdrawals", component="custody"'


def expecting(checks):
    """Checks of (expression, time, window, value), rounded to three digits, as a test file has them."""
    for expr, at, window, value in checks:
        labels = SERIES + (f', window="{window}"' if window else "")
        yield f"""  - expr: 'round({expr}, 0.001)'
    eval_time: {at}
    exp_samples: [{{labels: '{{{labels}}}', value: {value}}}]
"""


async def run_case(tmp_path, rules, series, *, checks=(), alerts=()):
    """A rule test of five minutes a step, with samples each minute."""
    inputs = "".join(f"  - {{series: '{name}', values: '{values}'}}\n" for name, values in series.items())
    judged = "".join(
        f"  - {{eval_time: {at}, alertname: ErrorBudgetBurn, exp_alerts: [{', '.join(expected)}]}}\n"
        for at, expected in alerts
    )
    text = f"""rule_files: [r.yml]
evaluation_interval: 5m
tests:
- interval: 1m
  input_series:
{inputs}  promql_expr_test:
{"".join(expecting(checks))}  alert_rule_test:
{judged}"""
    (tmp_path / "r.yml").write_text(rules.replace("  bad:", "  interval: 5m\n  bad:"))
    (tmp_path / "t.yml").write_text(text)
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    assert report.is_passed, [*report.errors, *(str(failure) for case in report.cases for failure in case.failures)]


CUSTODY = {
    'asked_total{job="custody"}': "0+1000x600",
    'failed_total{job="custody"}': "0x180 1+1x59 60x360",  # one of a thousand, from the 181st to the 240th minute
}


async def test_it_says_what_happened_in_time(tmp_path):
    """As many bad events as the objective allows burn the budget as fast as it lasts; 60 of 480,000 are an eighth of it."""
    await run_case(
        tmp_path,
        slo(),
        CUSTODY,
        checks=[
            ("anya_slo_objective_ratio", "1h", "", 0.999),
            ("anya_slo_error_budget_remaining_ratio", "3h", "", 1),
            ('anya_slo_burn_rate{window="5m"}', "3h30m", "5m", 1),
            ('anya_slo_burn_rate{window="1h"}', "4h", "1h", 1),
            ('anya_slo_burn_rate{window="6h"}', "4h", "6h", 0.25),
            ('anya_slo_burn_rate{window="5m"}', "5h", "5m", 0),
            ("anya_slo_error_budget_remaining_ratio", "8h", "", 0.875),
            ("anya_slo_window_seconds", "8h", "", 2_592_000),
            ("anya_slo_covered_seconds", "8h", "", 28_800),
        ],
    )


def burning(severity, window, value):
    labels = f"{{slo: withdrawals, component: custody, severity: {severity}, window: {window}}}"
    note = f"withdrawals burns its error budget {value} times too fast"
    return f"{{exp_labels: {labels}, exp_annotations: {{summary: '{note}', description: d, runbook: r}}}}"


async def test_an_outage_alerts_by_how_fast_it_burns(tmp_path):
    """Everything fails for ten minutes: all four burn; two hours later only the long windows are still full of it."""
    rules = slo() + "  annotations: {description: d, runbook: r}\n"
    failing = {**CUSTODY, 'failed_total{job="custody"}': "0x180 1000+1000x9 10000x410"}
    await run_case(
        tmp_path,
        rules,
        failing,
        alerts=[
            ("3h", []),
            (
                "3h10m",
                [
                    burning("critical", "1h", 166.7),
                    burning("high", "6h", 52.63),
                    burning("medium", "1d", 52.63),
                    burning("low", "3d", 52.63),
                ],
            ),
            ("3h20m", [burning("high", "6h", 50), burning("medium", "1d", 50), burning("low", "3d", 50)]),
            ("6h", [burning("low", "3d", 27.78)]),
        ],
    )


async def test_good_events_and_groups(tmp_path):
    """Bad is what is not good; what is told apart by a label has its own budget; no events burn nothing."""
    rules = (
        slo()
        .replace('bad: failed_total{job="custody"}', "bad: x\n  by: [coin]")
        .replace("bad: x", "good: signed_total")
    )
    rules = rules.replace("  good:", "  interval: 5m\n  good:")
    series = {
        'asked_total{job="custody",coin="btc"}': "0+1000x120",
        'asked_total{job="custody",coin="ltc"}': "0x120",
        'signed_total{coin="btc"}': "0+998x120",
    }
    labels = SERIES + ', window="5m", coin="{}"'
    text = f"""rule_files: [r.yml]
evaluation_interval: 5m
tests:
- interval: 1m
  input_series: [{", ".join(f"{{series: '{name}', values: '{values}'}}" for name, values in series.items())}]
  promql_expr_test:
  - expr: 'round(anya_slo_burn_rate{{window="5m"}}, 0.001)'
    eval_time: 1h
    exp_samples: [{{labels: '{{{labels.format("btc")}}}', value: 2}}, {{labels: '{{{labels.format("ltc")}}}', value: 0}}]
"""
    (tmp_path / "r.yml").write_text(rules)
    (tmp_path / "t.yml").write_text(text)
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    assert report.is_passed, report


async def test_the_guides_example_is_true(tmp_path):
    """Its objective and its unit test, as they stand there."""
    rules, tests = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs/guide/slo.md").read_text(), re.DOTALL)
    (tmp_path / "custody.yml").write_text(rules)
    (tmp_path / "t.yml").write_text(tests)
    report = await run_test_file(tmp_path / "t.yml", options=RuleTestOptions(new_store=MemoryMetrics))
    assert report.is_passed, report
    assert report.cases


# --- in blocks --------------------------------------------------------------------------------------------------------


def heights(*parts):
    """The notation of a chain: (minutes, minutes a block), from height 100 on."""
    values, height = [], 100
    for minutes, spacing in parts:
        for minute in range(minutes):
            height += minute % spacing == spacing - 1
            values.append(str(height))
    return " ".join(values)


async def test_it_says_what_happened_in_blocks(tmp_path):
    """The window is as long as its blocks took; until the chain was watched for as long it says over how many it is."""
    chain = {'bitcoin_blocks{chain="main"}': heights((300, 1), (300, 10))}
    await run_case(
        tmp_path,
        slo("144 blocks"),
        {**CUSTODY, **chain},
        checks=[
            ("anya_slo_window_blocks", "1h", "", 60),
            ("anya_slo_window_seconds", "1h", "", 3_600),
            ("anya_slo_window_blocks", "5h", "", 144),
            ("anya_slo_window_seconds", "5h", "", 8_700),
            ("anya_slo_covered_seconds", "5h", "", 8_700),
            ("anya_slo_error_budget_remaining_ratio", "5h", "", 0.586),  # 60 of 145,000
            ("anya_slo_window_seconds", "8h", "", 18_420),
            ("anya_slo_error_budget_remaining_ratio", "8h", "", 0.806),
            ('anya_slo_burn_rate{window="1 block"}', "3h30m", "1 block", 1),
            ('anya_slo_burn_rate{window="15 blocks"}', "3h30m", "15 blocks", 1),
            ('anya_slo_burn_rate{window="15 blocks"}', "5h", "15 blocks", 0),
        ],
    )


async def test_a_window_is_remembered_from_the_store():
    """After a restart one question tells when the chain was how high; what was never stored is not made up."""
    store = await stored({'bitcoin_blocks{chain="main"}': heights((200, 1))})
    engine = Engine(store, clock=ManualClock(), registry=CollectorRegistry())
    now_ms = (START_S + 199 * 60) * 1_000
    clock = ChainClock(engine, {"main": 250})
    assert await clock.window(BlockSpan(144), now_ms) == BlockWindow(144 * 60_000, 144)
    assert await clock.window(BlockSpan(6), now_ms) == BlockWindow(6 * 60_000, 6)
    assert await clock.window(BlockSpan(1), now_ms) == BlockWindow(300_000, 1)  # the least that rates can tell
    assert await clock.window(BlockSpan(500), now_ms) == BlockWindow(199 * 60_000, 199)
    with pytest.raises(InvalidInputError, match="the height of chain test is not known"):
        await clock.window(BlockSpan(6, "test"), now_ms)
    engine.close()


async def told(*samples):
    """An engine on a store with these: node, seconds, height and whether it is in its initial download."""
    store = MemoryMetrics()
    found = [
        (labels_of({"__name__": name, "chain": "main", "node": node}), at_ms(at_s), float(value))
        for node, at_s, height, *downloading in samples
        for name, value in (("bitcoin_blocks", height), ("anya_bitcoin_initial_download", any(downloading)))
    ]
    await store.write_metrics(batch_of(found))
    return Engine(store, clock=ManualClock(), registry=CollectorRegistry())


def at_ms(seconds):
    return round((START_S + seconds) * 1_000)


@pytest.mark.parametrize("start_s", [0, 1, 25, 59])
async def test_a_server_that_ran_for_less_than_a_minute_remembers_it(start_s):
    """Wherever the minute turns: what nodes told since then is taken sample by sample."""
    samples = [("a", start_s + at_s, 200 + at_s) for at_s in range(40)]
    engine = await told(*samples)
    clock = ChainClock(engine)
    for blocks in (144, 39, 10):  # the second and third by what is known
        found = await clock.window(BlockSpan(blocks), at_ms(start_s + 45))
        assert found == BlockWindow(300_000, min(blocks, 39))
    engine.close()


async def test_what_came_between_two_looks_is_remembered():
    """Hundreds of blocks within a second, of which an interval sees the last only: the window begins where they did."""
    engine = await told(("a", 1.2, 225), ("a", 1.4, 300), ("a", 1.8, 375), ("a", 401, 376))
    clock = ChainClock(engine)
    with pytest.raises(InvalidInputError, match="the height of no chain is known"):
        await clock.window(BlockSpan(144), at_ms(1))
    assert (await clock.window(BlockSpan(144), at_ms(2))).blocks == 144
    assert await clock.window(BlockSpan(144), at_ms(402)) == BlockWindow(400_600, 144)
    engine.close()


async def test_a_node_that_is_far_behind_ends_no_window_by_speaking_first():
    """What the others said last still counts, however short the time between two looks."""
    engine = await told(
        ("a", 0, 500), ("b", 1, 10), ("a", 300, 560), ("a", 601, 562), ("b", 600.5, 11), ("c", 600.7, 9_000, True)
    )
    clock = ChainClock(engine)
    assert await clock.window(BlockSpan(144), at_ms(600)) == BlockWindow(600_000, 60)
    assert await clock.window(BlockSpan(144), at_ms(602)) == BlockWindow(602_000, 62)
    assert dict(clock.heights) == {"main": 562}
    engine.close()


async def test_blocks_that_come_one_by_one_cost_no_further_question():
    """A store is asked for samples at the start and where blocks were skipped, and else for the heights of now alone."""
    engine = ScriptedEngine()
    clock = ChainClock(engine)
    for minute in range(5):
        engine.answers[HEIGHTS_EXPR] = [({"chain": "main"}, 500.0 + minute)]
        await clock.window(BlockSpan(144), 10**9 + minute * 60_000)
    told_ones = [query for query, _ in engine.asked if query.startswith("bitcoin_blocks[")]
    assert len(told_ones) == 1
    engine.answers[HEIGHTS_EXPR] = [({"chain": "main"}, 510.0)]
    await clock.window(BlockSpan(144), 10**9 + 300_000)
    await clock.window(BlockSpan(144), 10**9 + 360_000)
    assert len([query for query, _ in engine.asked if query.startswith("bitcoin_blocks[")]) == 2


async def test_a_store_that_does_not_answer_is_asked_again():
    """One failed question at the start does not make a short window for weeks."""
    engine = ScriptedEngine()
    reached = f"{HEIGHTS_EXPR}[{144 * 900}s:60s]"
    engine.answers = {HEIGHTS_EXPR: [({"chain": "main"}, 500.0)], reached: UNAVAILABLE}
    clock = ChainClock(engine)
    with pytest.raises(UnavailableError):
        await clock.window(BlockSpan(144), 10**9)
    engine.answers[reached] = [({"chain": "main"}, 500.0)]
    assert (await clock.window(BlockSpan(144), 10**9 + 60_000)).blocks == 0
    assert [query for query, _ in engine.asked].count(reached) == 2


async def test_a_reorg_before_the_start_does_not_forget():
    """The highest that was, counts; another chain behind the same name begins anew."""
    store = await stored(
        {'bitcoin_blocks{chain="main"}': "100x9 110x9 109x9", 'bitcoin_blocks{chain="regtest"}': "500x9 1x9 5x9"}
    )
    engine = Engine(store, clock=ManualClock(), registry=CollectorRegistry())
    now_ms = (START_S + 29 * 60) * 1_000
    clock = ChainClock(engine)
    assert await clock.window(BlockSpan(144, "main"), now_ms) == BlockWindow(29 * 60_000, 10)
    assert dict(clock.heights) == {"main": 110, "regtest": 5}
    assert await clock.window(BlockSpan(144, "regtest"), now_ms) == BlockWindow(19 * 60_000, 4)
    engine.close()


async def test_without_heights_the_objective_says_so():
    """The rules that need them have an error, the others go on; samples of rates are taken by time alone."""
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    house = RulesHouse(engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions())
    await house.start(slo("144 blocks"))
    await house.clock.advance(61)
    [group] = house.rules.groups()
    told = {rule.name: rule for rule in group.rules}
    assert "watch a node under collectors.bitcoin" in told["anya_slo_window_blocks"].last_error
    assert told["anya_slo_objective_ratio"].health is RuleHealth.OK
    before_ns = group.last_evaluation_ns
    await house.send({"__name__": "asked_total", "job": "custody"}, 1.0)
    await house.clock.advance(1)
    assert house.rules.groups()[0].last_evaluation_ns == before_ns
    await house.send({"__name__": "bitcoin_blocks", "chain": "main"}, 100.0)
    await house.clock.advance(61)
    assert all(rule.health is RuleHealth.OK for rule in house.rules.groups()[0].rules)
    assert {rule.state for rule in house.rules.groups()[0].rules} == {AlertState.INACTIVE}
    await house.rules.stop()
    engine.close()


async def test_a_backtest_judges_objectives_in_blocks():
    """As the server would have, step by step."""
    store = await stored(
        {
            'asked_total{job="custody"}': "0+1000x200",
            'failed_total{job="custody"}': "0x60 1000+1000x9 10000x130",
            'bitcoin_blocks{chain="main"}': heights((200, 3)),
        }
    )
    rules = slo("144 blocks") + "  alerts: [critical]\n"
    report = await backtested(rules, store, minutes=75)
    assert steps_firing(report, minutes=75) == await lived(rules, store, minutes=75)
    assert report.firings
