"""Odd rule files and odd tests have the verdict that Prometheus' own promtool gives."""

from __future__ import annotations

import subprocess
from xml.etree import ElementTree as ET

import pytest

from anyascope.rules.load import load_rules
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import SettingsError
from support.components import component

GROUP = "groups:\n- name: g\n"
RULES = [
    "{record: a, expr: up}",
    "{record: 'a b', expr: up}",
    "{record: '{a}', expr: up}",
    "{record: 'a{b=\"c\"}', expr: up}",
    "{record: é, expr: up}",
    "{record: a, expr: up, for: 0s}",
    "{record: a, expr: up, keep_firing_for: 1m}",
    "{record: a, expr: up, annotations: {}}",
    "{record: a, expr: up, annotations: {a: b}}",
    "{record: a, alert: b, expr: up}",
    "{expr: up}",
    "{alert: a}",
    "{alert: a, expr: up, for: 5}",
    "{alert: a, expr: up, for: 30m1h}",
    "{alert: a, expr: up, for: 0}",
    "{alert: a, expr: up, labels: {__name__: x}}",
    "{alert: a, expr: up, labels: {a: 1, b: null, c: true}}",
    "{alert: a, expr: up, labels: {a: [1]}}",
    "{alert: a, expr: up, annotations: {a: '{{ .Foo }}'}}",
    "{alert: a, expr: up, annotations: {a: '{{ $labels.x.y }}'}}",
    "{alert: a, expr: up, annotations: {a: '{{ end }}'}}",
    "{alert: a, expr: up, annotations: {a: '{{ query 5 }}'}}",
    "{alert: a, expr: up, annotations: {a: '{{ template \"x\" }}'}}",
    "{record: a, expr: up, labels: {a: '{{ $foo }}'}}",
    "{alert: a, expr: '\"x\"'}",
    "{alert: a, expr: 'up[5m]'}",
    "{alert: a, expr: 5}",
    "{Record: a, expr: up}",
]
FILES = [
    *(f"{GROUP}  rules:\n  - {rule}\n" for rule in RULES),
    f"{GROUP}  interval: 5\n",
    f"{GROUP}  query_offset: 1m\n  labels: {{a: b}}\n  limit: -1\n",
    f"{GROUP}  labels: {{__name__: b}}\n",
    f"{GROUP}  source_tenants: [a]\n",
    "groups:\n- name: a\n- name: a\n",
    "groups: {}",
    "groups:",
    "",
    "foo: bar",
    "\ufeffgroups: []\n",
]

HEAD = "rule_files: [r.yml]\nevaluation_interval: 1m\n"
TESTED = """
groups:
- name: a
  rules:
  - {record: r1, expr: 'sum by (job) (x)'}
  - {alert: A, expr: 'x > 5', for: 2m, labels: {l: '{{ $labels.job }}', e: ''}, annotations: {s: '{{ $value }}', t: ''}}
  - {alert: K, expr: 'x > 5', keep_firing_for: 2m}
- name: b
  labels: {team: t, l: g}
  query_offset: 1m
  rules: [{record: r2, expr: r1, labels: {l: own}}, {alert: B, expr: 'r1 > 5', labels: {l: '{{ $value }}'}}]
- name: c
  limit: 1
  rules: [{alert: C, expr: 'y > 0'}]
"""
X = "  input_series: [{series: 'x{job=\"j\"}', values: '0 2 4 6 8 10 12 0x6'}]\n"
ALERTS = [
    (minutes, name, expected)
    for minutes in (2, 4, 5, 6, 8, 9)
    for name, expected in (
        ("A", "[]"),
        ("A", "[{exp_labels: {job: j, l: j}, exp_annotations: {s: '10', t: ''}}]"),
        ("B", "[{exp_labels: {job: j, team: t, l: '6'}}]"),
        ("K", "[{exp_labels: {job: j}}]"),
    )
]


def asked(expr, at, expected, series=X):
    check = f"{{expr: '{expr}', eval_time: {at}, exp_samples: {expected}}}"
    return f"{HEAD}tests:\n- interval: 1m\n{series}  promql_expr_test: [{check}]\n"


TESTS = [
    *(
        f"{HEAD}tests:\n- interval: 1m\n{X}  alert_rule_test: [{{eval_time: {m}m, alertname: {name}, exp_alerts: {e}}}]\n"
        for m, name, e in ALERTS
    ),
    asked("r2", "4m", '[{labels: \'r2{job="j",l="own",team="t"}\', value: 4}]'),
    asked("r2", "4m", '[{labels: \'r2{job="j",l="own",team="t"}\', value: 6}]'),
    asked("x", "4m30s", "[{labels: 'x{job=\"j\"}', value: 8}]"),
    asked("1", "4m", "[{labels: '', value: 1.0}]"),
    asked("x[2m]", "1m", "[]"),
    asked("nothing", "1m", "null"),
    asked("x / 0", "1m", "[{labels: '{job=\"j\"}', value: .inf}]"),
    asked("x * NaN", "1m", "[{labels: '{job=\"j\"}', value: .nan}]"),
    asked("x", "1m", "[{labels: 'x{job=~\"j\"}', value: 2}]"),
    asked("timestamp(r1)", "4m30s", "[{labels: '{job=\"j\"}', value: 240}]"),
    asked(
        'ALERTS_FOR_STATE{alertname="A"}',
        "4m",
        '[{labels: \'ALERTS_FOR_STATE{alertname="A",job="j",l="j"}\', value: 180}]',
    ),
    asked(
        "y", "1m", "[]", "  input_series: [{series: 'y{a=\"1\"}', values: 1x9}, {series: 'y{a=\"2\"}', values: 1x9}]\n"
    ),
    asked("up", "90s", "[{labels: up, value: 6}]", "  input_series: [{series: up, values: 0+1x9}]\n").replace(
        "interval: 1m\n  input", "interval: 10s\n  input"
    ),
    asked("z", "1m", "[]", "  input_series: [{series: z, values: stalex3}]\n"),
    asked("z", "1m", "[]", "  input_series: [{series: '', values: 1}]\n"),
    asked(
        "h",
        "1m",
        "[{labels: h, histogram: '{{count:1 counter_reset_hint:not_reset}}'}]",
        "  input_series: [{series: h, values: '{{count:1}}x5'}]\n",
    ),
    asked(
        "h", "1m", "[{labels: h, histogram: '{{count:1}}'}]", "  input_series: [{series: h, values: '{{count:1}}x5'}]\n"
    ),
    asked("0.1 + 0.2", "1m", "[{value: 0.3}]"),
    f"{HEAD}fuzzy_compare: true\n" + asked("0.1 + 0.2", "1m", "[{value: 0.3}]").removeprefix(HEAD),
    f"{HEAD}group_eval_order: [b, b]\ntests: []",
    f"{HEAD}tests: [{{alert_rule_test: [{{eval_time: 1m}}]}}]",
    "rule_files: [none.yml]\ntests: [{}]",
    "",
]


def promtool(*arguments):
    return subprocess.run(
        [str(component("promtool")), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def written(folder, texts):
    """The texts as files, named by their number."""
    paths = [folder / f"{number:03d}.yml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The texts of `FILES` that promtool loads."""
    paths = written(tmp_path_factory.mktemp("files"), FILES)
    out = promtool("check", "rules", "--lint=none", *paths).stdout
    verdicts = {part.split()[0]: "SUCCESS" in part for part in out.split("Checking ")[1:]}
    return {text for text, path in zip(FILES, paths, strict=True) if verdicts[path]}


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """The texts of `TESTS` that promtool passes."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "r.yml").write_text(TESTED)
    paths = written(folder, TESTS)
    promtool("test", "rules", f"--junit={folder}/j.xml", *paths)
    suites = {suite.get("name"): suite for suite in ET.parse(folder / "j.xml").getroot()}
    return {
        text
        for text, path in zip(TESTS, paths, strict=True)
        if (suites[path].get("failures"), suites[path].get("errors")) == ("0", "0")
    }


@pytest.mark.parametrize("text", FILES)
def test_rule_files(loaded, text):
    """Both load a file, or both refuse it."""
    try:
        load_rules(text, file="r.yml")
    except SettingsError:
        assert text not in loaded
    else:
        assert text in loaded


@pytest.mark.parametrize("text", TESTS)
async def test_tests(tmp_path, passed, text):
    """A test passes with both, or with neither."""
    (tmp_path / "r.yml").write_text(TESTED)
    path = tmp_path / "t.yml"
    path.write_text(text)

    report = await run_test_file(path, options=RuleTestOptions(new_store=MemoryMetrics))

    assert report.is_passed == (text in passed), report


def test_both_verdicts_occur(loaded, passed):
    """The comparison is not one of nothing with nothing."""
    assert 0 < len(loaded) < len(FILES)
    assert 0 < len(passed) < len(TESTS)
