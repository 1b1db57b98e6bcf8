"""What is allowed in rule files, and most likely not meant."""

from __future__ import annotations

from anyascope.rules.lint import lint
from anyascope.rules.load import load_default_rules, load_rules
from support.components import shared_path


def test_duplicates_upstream():
    """A rule that stands twice with the same labels is reported once; one in another group counts too."""
    once = shared_path("conformance/rules/promtool/prometheus-rules.lint.yml").read_text()
    twice = shared_path("conformance/rules/promtool/rules_duplicates.yml").read_text()

    (sentence,) = lint(load_rules(once, file="a.yml"))
    assert sentence.startswith('1 duplicate rule(s) found: HighRequestLatency with labels {severity="page"}')
    (sentence,) = lint(load_rules(twice, file="b.yml"))
    assert sentence.startswith("2 duplicate rule(s) found: job:test:count_over_time1m")


def test_severities():
    """A severity that nobody knows is named with its line; those of other products, and templates, are not."""
    text = """
groups:
- name: g
  rules:
  - {alert: A, expr: up, labels: {severity: hihg}}
  - {alert: B, expr: up, labels: {severity: page}}
  - {alert: C, expr: up, labels: {severity: '{{ $labels.severity }}'}}
"""

    assert lint(load_rules(text, file="a.yml")) == ["a.yml:5: severity 'hihg' of A is not known and counts as medium"]


def test_default_rules_are_clean():
    """There is nothing to say of the default rules."""
    assert lint(load_default_rules()) == []
