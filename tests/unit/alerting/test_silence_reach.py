"""What a silence would hit, before it is made."""

from __future__ import annotations

import pytest

from anyascope.alerting.matchers import parse_matchers
from anyascope.alerting.silence_reach import rules_hit, warnings_of
from anyascope.model.labels import labels_of
from anyascope.model.status import RuleGroupView, RuleKind, RuleView


def rule(name, kind=RuleKind.ALERTING, **labels):
    return RuleView(kind, name, "up == 0", labels=labels_of(labels))


GROUPS = [
    RuleGroupView(
        "hosts",
        "rules.yml",
        60.0,
        (
            rule("Down", severity="critical", team="infra"),
            rule("Slow", severity="low", team="{{ $labels.team }}"),
            rule("job:up:sum", RuleKind.RECORDING),
        ),
    ),
    RuleGroupView("keys", "rules.yml", 60.0, (rule("SignerDown", severity="critical", team="hsm"),)),
]


@pytest.mark.parametrize(
    ("matchers", "hits"),
    [
        ("alertname=Down", [("Down", True)]),
        ("team=infra", [("Down", True), ("Slow", False)]),
        ("team!=infra", [("SignerDown", True), ("Slow", False)]),
        ("alertname=~.*Down,instance=a", [("Down", False), ("SignerDown", False)]),
        ("severity=critical", [("Down", True), ("SignerDown", True)]),
        ("alertname=Nothing", []),
        ("alertname=job:up:sum", []),
    ],
)
def test_rules_are_judged_by_the_labels_that_they_add(matchers, hits):
    """A label that only the data has, or that a template makes, may be anything; certain hits stand first."""
    found = rules_hit(parse_matchers(matchers), GROUPS)
    assert [(hit.name, hit.is_certain) for hit in found] == hits


def test_makers_are_warned():
    """Of criticals that stand or would come, and of a silence that hits nothing."""
    hits = rules_hit(parse_matchers("team=infra"), GROUPS)
    assert warnings_of(["Down"], hits, matches_now=1) == [
        "mutes critical alerts that stand now: Down",
        "mutes critical alerts of these rules: Down",
    ]
    assert warnings_of([], rules_hit(parse_matchers("instance=a"), GROUPS), matches_now=0) == [
        "may mute critical alerts of these rules: Down, SignerDown"
    ]
    assert warnings_of([], [], matches_now=0) == ["matches no alert now, and no rule could make one that it matches"]
    assert warnings_of(list("abcdefg"), [], matches_now=7) == [
        "mutes critical alerts that stand now: a, b, c, d, e and 2 more"
    ]
