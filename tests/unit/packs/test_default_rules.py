"""The default rules: each fires when it should, is quiet otherwise, and says what to do."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.rules.load import load_rule_files
from anyascope.rules.packs import load_pack_rules
from anyascope.rules.testfile import read_test_file
from anyascope.rules.testing import RuleCase, RuleTestOptions
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import REPOSITORY

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.test.yml"))
RULES = [rule for group in load_pack_rules("default") for rule in group.rules]


CASES = [
    pytest.param(test, tests, id=test.name)
    for tests in (read_test_file(path.read_text(), file=path.name) for path in FILES)
    for test in tests.tests
]


@cache
def groups_of(*files):
    """The rules that a test file names; parsed once for all of its tests."""
    return load_rule_files(files, base=HERE)


@pytest.mark.parametrize(("test", "tests"), CASES)
async def test_fires_and_is_quiet(test, tests):
    """Each rule fires on series that are bad, in words without a gap, and nothing fires on series that just miss it."""
    case = RuleCase(test, tests, groups_of(*tests.rule_files), options=RuleTestOptions(MemoryMetrics))

    assert await case.run() == ()
    texts = [
        text
        for group in case._groups
        for state in group.rules
        for alert in state.active.values()
        for text in (*alert.annotations.values(), *dict(alert.labels).values())
    ]
    assert not [text for text in texts if "<error" in text or "no value" in text or "  " in text or " on  " in text]


def test_every_rule_has_both_tests():
    """There is a test in which it fires and one in which it does not, for every rule."""
    names = {test.name for path in FILES for test in read_test_file(path.read_text(), file=path.name).tests}

    assert {f"{rule.name} {how}" for rule in RULES for how in ("fires", "is quiet")} == names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_says_what_to_do(rule):
    """Every rule has a severity and a category of ours, a component, a summary, a description and a runbook."""
    labels = dict(rule.label_texts)

    assert AlertSeverity(labels["severity"])
    assert AlertCategory(labels["category"])
    assert labels["component"]
    assert all(rule.annotation_texts.get(name) for name in ("summary", "description", "runbook"))


def test_names_are_unique():
    """No two default rules have the same name."""
    names = [rule.name for rule in RULES]

    assert len(names) == len(set(names))


def test_every_rule_is_documented():
    """The reference has a heading for every rule, and for nothing else."""
    text = (REPOSITORY / "docs/reference/default-rules.md").read_text()

    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == [rule.name for rule in RULES]
