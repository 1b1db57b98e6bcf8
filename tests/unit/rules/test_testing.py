"""Rule unit tests, in Prometheus' own format."""

from __future__ import annotations

import pytest

from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import shared_path

STRICT = RuleTestOptions(new_store=MemoryMetrics)
LENIENT = RuleTestOptions(new_store=MemoryMetrics, are_unknown_fields_ignored=True)


async def run(name, options=STRICT):
    return await run_test_file(shared_path(f"conformance/rules/promtool/{name}"), options=options)


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("no-test-group-interval.yml", STRICT),
        ("at-modifier-test.yml", STRICT),
        ("rules_run_extrafields.yml", LENIENT),
        ("unittest.yml", STRICT),
    ],
)
async def test_upstream_files_that_pass(file, options):
    """Prometheus' own test files pass."""
    report = await run(file, options)

    assert report.is_passed, report


async def test_right_and_wrong():
    """Of one file the right test passes and the wrong one fails."""
    report = await run("rules_run.yml")

    assert {case.name: not case.failures for case in report.cases} == {"correct test": True, "wrong test": False}


async def test_failing_groups():
    """Both tests of the failing file fail, and say what was expected and what was found."""
    report = await run("failing.yml")

    assert [bool(case.failures) for case in report.cases] == [True, True]
    text = "\n".join(map(str, report.cases[1].failures))
    assert 'got:\n        {alertname="InstanceDown", job="test", severity="page"}' in text


async def test_floats_are_exact_unless_asked():
    """Floats are compared exactly; with `fuzzy_compare` one step of the last bit is let pass."""
    path = shared_path("conformance/rules/promtool/rules_run_no_fuzzy.yml")

    assert not (await run_test_file(path, options=STRICT)).is_passed


async def test_fuzzy(tmp_path):
    """With `fuzzy_compare` floats one step apart are equal."""
    text = shared_path("conformance/rules/promtool/rules_run_no_fuzzy.yml").read_text()
    path = tmp_path / "t.yml"
    path.write_text(text.replace("fuzzy_compare: false", "fuzzy_compare: true"))

    assert (await run_test_file(path, options=STRICT)).is_passed


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("bad-rules-syntax-test.yml", 'group "bad-syntax", rule 1, "x": could not parse expression: '),
        ("rules_run_extrafields.yml", "field namespace not found"),
        ("none.yml", "cannot be read"),
    ],
)
async def test_files_that_cannot_run(file, message):
    """A file that cannot be read, or whose rules cannot, fails with the mistake."""
    shared_path("conformance/rules/promtool")

    report = await run_test_file(shared_path("conformance/rules/promtool") / file, options=STRICT)

    assert not report.is_passed
    assert message in "\n".join(report.errors)


async def test_series_that_cannot_be_read():
    """A series that does not parse fails its own test, with its place."""
    report = await run("bad-input-series.yml")

    [failure] = report.cases[0].failures
    assert "bad-input-series.yml:3: tests[0].input_series[0]: 1:47: parse error" in failure.head


async def test_evaluation_that_fails():
    """An expression that fails at evaluation fails its test."""
    report = await run("bad-promql.yml")

    assert "many-to-many" in report.cases[0].failures[0].head


FILE = """
rule_files: [r.yml]
evaluation_interval: 1m
group_eval_order: [second, first]
tests:
- name: order
  start_timestamp: 2024-01-01T00:00:00Z
  external_labels: {site: s1}
  external_url: http://here
  input_series: [{series: up, values: 1x10}]
  promql_expr_test:
  - {expr: timestamp(b), eval_time: 0, exp_samples: []}
  - {expr: timestamp(b), eval_time: 5m, exp_samples: [{value: 1704067500}]}
  alert_rule_test:
  - eval_time: 2m30s
    alertname: A
    exp_alerts: [{exp_annotations: {x: s1 at http://here}}]
  - {eval_time: 1m59s, alertname: A}
  - {eval_time: 3m, alertname: Unknown}
"""
RULES = """
groups:
- name: first
  rules: [{record: a, expr: up}, {alert: A, expr: a, for: 2m, annotations: {x: '{{ $externalLabels.site }} at {{ $externalURL }}'}}]
- name: second
  rules: [{record: b, expr: a}]
"""


async def test_order_start_and_externals(tmp_path):
    """Groups run in the given order, times count from the start, and templates see external labels and URL."""
    (tmp_path / "t.yml").write_text(FILE)
    (tmp_path / "r.yml").write_text(RULES)

    report = await run_test_file(tmp_path / "t.yml", options=STRICT)

    assert report.is_passed, report


async def test_failing_rule_ends_its_test(tmp_path):
    """A rule that fails to evaluate ends the test with its error."""
    (tmp_path / "t.yml").write_text(
        "rule_files: [r.yml]\ntests: [{input_series: [{series: 'a{x=\"1\"}', values: 1}, {series: 'a{x=\"2\"}', values: 1}]}]"
    )
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{record: r, expr: a, labels: {x: y}}]}]")

    report = await run_test_file(tmp_path / "t.yml", options=STRICT)

    assert [failure.head for failure in report.cases[0].failures] == [
        "rule: r, time: 0s, err: vector contains metrics with the same labelset after applying rule labels"
    ]
