"""What every pack keeps: sound rules that are tested and explained, a valid dashboard that answers, policies that act."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from anyascope import packs
from anyascope.alerting.escalation.policy import SHIPPED
from anyascope.alerting.escalation.settings import read_policies
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.promql.parse import parse
from anyascope.rules.lint.finding import Lint
from anyascope.rules.lint.lints import LintOptions, lint
from anyascope.rules.load import load_rule_files
from anyascope.rules.packs import alert_names, load_pack_rules
from anyascope.rules.testfile import read_test_file
from anyascope.rules.testing import RuleCase, RuleTestOptions
from anyascope.semconv.alerts import LABEL_ESCALATION_POLICY
from anyascope.store.memory.metrics import MemoryMetrics
from dashboards.all import DASHBOARDS
from dashboards.panels import COLUMNS, written
from rule_tables import PAGE, page
from support.components import REPOSITORY, shared_path
from support.json_schema import Schema
from support.pack_data import AT_S, SERIES, asked, dashboard_of, metrics_in, panels_of, script
from support.promql import answers, loaded

FOLDER = REPOSITORY / "src/anyascope/packs"
# Names alone: each process that collects these tests would read the files, and most run few of them.
RULES = [
    pytest.param(name, rule, id=rule)
    for name in packs.names()
    for rule in re.findall(r"^ +- alert: (.+)$", packs.pack(name).rules, re.MULTILINE)
]
CASES = [
    pytest.param(name, test, id=f"{name}: {test}")
    for name in packs.names()
    for test in re.findall(r"^  - name: (.+)$", packs.pack(name).tests, re.MULTILINE)
]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@cache
def rules_of(name):
    """The groups of a pack; parsed once for all tests."""
    return load_pack_rules(name)


@cache
def cases_of(name):
    """The tests of a pack; parsed once for all of them."""
    return read_test_file(packs.pack(name).tests, file=f"{name}/rules_test.yml")


@cache
def policies_of(name):
    """The policies of a pack."""
    return read_policies(packs.pack(name).policies, file=name)


@cache
def groups_of(name, *files):
    """The rules that a pack's test file names; parsed once for all of its tests."""
    return load_rule_files(files, base=FOLDER / name)


def about(test, groups):
    """The rules that a test names; all where it names none. That no other rule fires is seen by promtool's run of the file."""
    words = " ".join((test.name, *(str(check) for check in (*test.alert_checks, *test.expr_checks))))
    named = {rule.name for group in groups for rule in group.rules if re.search(rf"\b{rule.name}\b", words)}
    kept = [replace(group, rules=tuple(rule for rule in group.rules if rule.name in named)) for group in groups]
    return [group for group in kept if group.rules] or groups


@pytest.mark.parametrize(("name", "test"), CASES)
async def test_fires_and_is_quiet(name, test):
    """Each rule fires on series that are bad, in words without a gap, and is quiet on series that just miss it."""
    tests = cases_of(name)
    (told,) = (one for one in tests.tests if one.name == test)
    groups = about(told, groups_of(name, *tests.rule_files))
    case = RuleCase(told, tests, groups, options=RuleTestOptions(MemoryMetrics))

    assert await case.run() == ()
    texts = [
        text
        for group in case._groups
        for state in group.rules
        for alert in state.active.values()
        for text in (*alert.annotations.values(), *dict(alert.labels).values())
    ]
    assert not [text for text in texts if "<error" in text or "no value" in text or "  " in text or " on  " in text]


@pytest.mark.parametrize("name", packs.names())
def test_every_rule_has_both_tests(name):
    """There is a test in which it fires and one in which it does not, for every rule."""
    tested = {test.name for test in cases_of(name).tests}
    assert [each.values for each in CASES if each.values[0] == name] == [
        (name, test.name) for test in cases_of(name).tests
    ]

    wanted = {f"{alert} {how}" for alert in alert_names(rules_of(name)) for how in ("fires", "is quiet")}
    assert wanted - tested == set()


@pytest.mark.parametrize("name", packs.names())
def test_rules_are_sound(name):
    """No lint has anything to say, and the file has no field that a Prometheus refuses."""
    text = packs.pack(name).rules

    assert lint(rules_of(name), {f"{name}:rules.yml": text}, LintOptions(frozenset(Lint))) == []
    assert not re.search(r"^\s*(recover|recover_expr|no_data):", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_every_rule_says_what_to_do(name, rule):
    """Every rule has a severity and a category of ours, a component, three texts, a policy, and a runbook page."""
    (rule,) = (one for group in rules_of(name) for one in group.rules if one.name == rule)
    labels = dict(rule.label_texts)
    policies = {policy.name for policy in policies_of(name)}

    severity = AlertSeverity(labels["severity"])
    assert AlertCategory(labels["category"])
    assert labels["component"]
    assert all(rule.annotation_texts.get(text) for text in ("summary", "description", "runbook"))
    if LABEL_ESCALATION_POLICY in labels:
        assert labels[LABEL_ESCALATION_POLICY] in policies
    else:
        assert any(severity in policy.severities for policy in SHIPPED.values())
    book = packs.pack(name).runbooks[rule.name]
    assert book.title.startswith(f"{rule.name}: ")
    assert re.findall(r"^## (.+)$", book.markdown, re.MULTILINE)[-2:] == ["What to do", "Threshold"]


@pytest.mark.parametrize("name", packs.names())
def test_every_runbook_is_a_rules(name):
    """No page is left of a rule that is gone."""
    alerts = alert_names(rules_of(name))

    assert [each.values for each in RULES if each.values[0] == name] == [(name, alert) for alert in alerts]
    assert set(packs.pack(name).runbooks) == set(alerts)
    assert packs.pack(name).alerts == tuple(alerts)


@pytest.mark.parametrize("name", packs.names())
def test_runbooks_name_panels_that_are_there(name):
    """Where a page says "panel *X*", the pack's dashboard has one of that title."""
    titles = {panel["title"] for panel in panels_of(dashboard_of(name))}
    pages = " ".join(book.markdown for book in packs.pack(name).runbooks.values())

    assert set(re.findall(r"[Pp]anel \*([^*]+)\*", pages)) - titles == set()


def test_names_are_unique():
    """No two rules that ship have the same name, no two dashboards the same id."""
    names = Counter(name for pack in (packs.DEFAULT, *packs.names()) for name in alert_names(rules_of(pack)))
    boards = [dashboard_of(name)["uid"] for name in packs.names()]

    assert [name for name, count in names.items() if count > 1] == []
    assert len(boards) == len(set(boards))


def test_policies_of_one_name_are_one():
    """Packs that share a policy say the same of it; it takes no severity, and no name of those that ship otherwise."""
    found = [policy for name in packs.names() for policy in policies_of(name)]

    by_name = {policy.name: policy for policy in found}
    assert all(policy == by_name[policy.name] for policy in found)
    assert not any(policy.severities for policy in found)
    assert not set(by_name) & set(SHIPPED)


@pytest.mark.parametrize("name", packs.names())
def test_the_dashboard_is_valid(name):
    """It passes Grafana's own strict schema; every panel has an id of its own, a description, a unit and a place."""
    dashboard = dashboard_of(name)
    schema = Schema(json.loads(shared_path("conformance/grafana/schema/dashboard.jsonschema.json").read_text()))

    assert schema.mistakes(dashboard) == []
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels_of(dashboard):
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == DATASOURCE
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("name", packs.names())
def test_the_dashboard_can_be_narrowed(name):
    """It has a variable for the data source, and one for each label that its pack is about, which its queries use."""
    dashboard = dashboard_of(name)
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    queries = " ".join(target["expr"] for panel in panels_of(dashboard) for target in panel["targets"])

    about = {"bitcoin": ["chain", "node"], "wallets": ["chain", "node", "wallet"], "hsm": ["hsm"]}
    assert names == ["datasource", *about[name]]
    assert all(f'{label}=~"${label}"' in queries for label in about[name])


@pytest.mark.parametrize("name", packs.names())
async def test_every_expression_of_the_dashboard_answers(name):
    """On series such as the collectors tell, no panel stays empty."""
    engine = await loaded(script(name))

    empty = [(title, expr) for title, expr in asked(dashboard_of(name)) if not await answers(engine, expr, AT_S)]

    assert empty == []


@pytest.mark.parametrize("name", packs.names())
async def test_what_rules_read_is_there(name):
    """On the same series every selector of every rule finds a metric: none reads a name that nothing tells."""
    told = set().union(*(metrics_in(line.partition("{")[0]) for line in SERIES[name].splitlines()))
    read = set().union(
        *(metrics_in(rule.expr) for group in rules_of(name) for rule in group.rules),
        *(metrics_in(expr) for _, expr in asked(dashboard_of(name))),
    )

    assert read - told == set()
    for group in rules_of(name):
        for rule in group.rules:
            parse(rule.expr)


@pytest.mark.parametrize("name", packs.names())
def test_every_metric_is_documented(name):
    """What a pack reads stands in the reference of the metrics, or in the guide that it leads to."""
    pages = ("docs/reference/metrics.md", "docs/guide/hsm.md")
    known = metrics_in(" ".join((REPOSITORY / page).read_text() for page in pages))
    read = set().union(
        *(metrics_in(rule.expr) for group in rules_of(name) for rule in group.rules),
        *(metrics_in(expr) for _, expr in asked(dashboard_of(name))),
    )

    assert read - known == set()


def test_every_rule_is_documented():
    """The reference has the tables that `make packs` writes."""
    text = PAGE.read_text()

    assert page(text) == text


@pytest.mark.parametrize("name", packs.names())
def test_the_dashboard_is_fresh(name):
    """The file is what `make packs` writes."""
    assert packs.pack(name).dashboard == written(DASHBOARDS[name])


@pytest.mark.parametrize("name", packs.names())
def test_the_dashboard_fills_its_grid(name):
    """From left to right and from top to bottom each cell of the grid has one panel: none over another, no hole."""
    places = [(panel["title"], panel["gridPos"]) for panel in json.loads(packs.pack(name).dashboard)["panels"]]
    titles = defaultdict(list)
    for title, place in places:
        for row in range(place["y"], place["y"] + place["h"]):
            for column in range(place["x"], place["x"] + place["w"]):
                titles[row, column].append(title)
    height = max(place["y"] + place["h"] for _, place in places)

    assert {cell: found for cell, found in titles.items() if len(found) > 1} == {}
    assert [cell for cell in product(range(height), range(COLUMNS)) if cell not in titles] == []
    assert max(column for _, column in titles) == COLUMNS - 1
