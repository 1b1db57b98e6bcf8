"""Rule files and rule unit tests mean the same to Prometheus' own promtool."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from anyascope import packs
from anyascope.cli.main import run
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import REPOSITORY, component

PACK_TESTS = sorted((REPOSITORY / "tests/unit/packs").glob("*.test.yml"))


def promtool(*arguments, cwd=None):
    return subprocess.run(
        [str(component("promtool")), *arguments], capture_output=True, text=True, timeout=280, check=False, cwd=cwd
    )


@pytest.mark.parametrize(("name", "text"), packs.rules(), ids=[name for name, _ in packs.rules()])
def test_default_rules_load_there(tmp_path, name, text):
    """Prometheus loads the default rules as they are."""
    path = tmp_path / name
    path.write_text(text)

    answer = promtool("check", "rules", str(path))

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("name", packs.names())
@pytest.mark.parametrize(
    "command", [("check", "rules", "--lint=all", "rules.yml"), ("test", "rules", "rules_test.yml")]
)
def test_packs_hold_there(tmp_path, name, command):
    """Prometheus loads each pack as `anyascope packs export` writes it, and its unit tests pass there."""
    assert run(["packs", "export", str(tmp_path), "--pack", name]) == 0

    answer = promtool(*command, cwd=tmp_path / name)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_an_alertmanager_takes_the_policies(tmp_path):
    """What `anyascope packs export` writes of them is sound to Alertmanager's own checker."""
    assert run(["packs", "export", str(tmp_path)]) == 0

    checked = subprocess.run(
        [str(component("amtool")), "check-config", str(tmp_path / "alertmanager.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", PACK_TESTS, ids=lambda path: path.name)
def test_default_rules_behave_the_same_there(path):
    """The tests of the default rules pass with Prometheus' engine too."""
    answer = promtool("test", "rules", str(path))

    assert answer.returncode == 0, answer.stdout + answer.stderr


OURS = {
    "blocks": "groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 3 blocks}]}]",
    "objectives": "slos: [{name: s, objective: 99, window: 144 blocks, total: x, bad: y}]",
}


@pytest.mark.parametrize("text", OURS.values(), ids=OURS)
def test_what_only_we_read_is_refused_there(tmp_path, text):
    """Prometheus refuses a file that counts blocks or has objectives, and so do we where only its notation is wanted."""
    path = tmp_path / "r.yml"
    path.write_text(text)

    assert run(["check", "rules", str(path)]) == 0
    assert run(["check", "rules", "--prometheus-only", str(path)]) == 1
    assert promtool("check", "rules", str(path)).returncode != 0


RULES = """
groups:
- name: g
  rules:
  - record: job:errors:rate5m
    expr: sum by (job) (rate(errors_total[5m]))
  - alert: Errors
    expr: job:errors:rate5m > 0.5
    for: 2m
    keep_firing_for: 3m
    labels: {severity: '{{ if gt $value 0.9 }}page{{ else }}warn{{ end }}'}
    annotations:
      summary: '{{ $labels.job | title }}: {{ $value | humanize }}/s, {{ with query "up" | first }}{{ .Labels.job }}={{ . | value }}{{ end }}'
"""
TEST = """
rule_files: [r.yml]
evaluation_interval: 30s
tests:
- interval: 30s
  input_series:
  - {{series: 'errors_total{{job="api"}}', values: '0+30x20 600x40'}}
  - {{series: 'up{{job="api"}}', values: '1x60'}}
  alert_rule_test:
  - {{eval_time: {minutes}m, alertname: Errors, exp_alerts: {expected}}}
"""
FIRING = "[{exp_labels: {job: api, severity: page}, exp_annotations: {summary: 'Api: 1/s, api=1'}}]"
LATER = "[{exp_labels: {job: api, severity: warn}, exp_annotations: {summary: 'Api: 0.6/s, api=1'}}]"


MINUTES, EXPECTED = range(22), ("[]", FIRING, LATER)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> dict[tuple[int, str], tuple[Path, bool]]:
    """Each test as a file, and whether it passes there: promtool takes longer to start than to test all of them."""
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "r.yml").write_text(RULES)
    paths = {case: folder / f"{number}.yml" for number, case in enumerate(itertools.product(MINUTES, EXPECTED))}
    for (minutes, expected), path in paths.items():
        path.write_text(TEST.format(minutes=minutes, expected=expected))
    promtool("test", "rules", f"--junit={folder}/junit.xml", *map(str, paths.values()))
    suites = {suite.get("name"): suite for suite in ET.parse(folder / "junit.xml").getroot()}
    return {
        case: (path, (suites[str(path)].get("failures"), suites[str(path)].get("errors")) == ("0", "0"))
        for case, path in paths.items()
    }


@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("expected", EXPECTED)
async def test_the_same_verdict(verdicts, minutes, expected):
    """At every minute of an alert's life both agree on whether an expectation holds."""
    path, theirs = verdicts[minutes, expected]

    ours = (await run_test_file(path, options=RuleTestOptions(new_store=MemoryMetrics))).is_passed

    assert ours == theirs


def test_both_verdicts_occur(verdicts):
    """The comparison is not one of nothing with nothing."""
    assert {theirs for _, theirs in verdicts.values()} == {True, False}
