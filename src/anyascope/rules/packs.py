"""The rules that ship with the server, as far as they are wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from anyascope import packs
from anyascope.rules.definition import AlertingRule, Rule, RuleGroup
from anyascope.rules.expand import parse_rule_template
from anyascope.rules.load import load_default_rules, load_rules
from anyascope.semconv.alerts import ANNOTATION_RUNBOOK, ANNOTATION_RUNBOOK_URL

RUNBOOK_PATH = "/runbooks/"  # of the page, below the server's address
_URL = f"{{{{ $externalURL }}}}{RUNBOOK_PATH}"


def load_pack_rules(name: str) -> tuple[RuleGroup, ...]:
    """The groups of a pack as they ship, or of the default rules; a pack's file is shown as `hsm:rules.yml`."""
    if name == packs.DEFAULT:
        return load_default_rules()
    return load_rules(packs.pack(name).rules, file=f"{name}:rules.yml")


def alert_names(groups: Sequence[RuleGroup]) -> list[str]:
    """The alerts of the groups, in file order."""
    return [rule.name for group in groups for rule in group.rules if isinstance(rule, AlertingRule)]


def shipped_groups(
    names: Collection[str], *, disabled: Collection[str], own: Sequence[RuleGroup]
) -> tuple[RuleGroup, ...]:
    """The groups of these packs, each rule with a link to its runbook.

    Args:
        disabled: alerts that are not wanted.
        own: what the user wrote: an alert of theirs takes the place of one that ships under the same name.
    """
    left_out = {*disabled, *alert_names(own)}
    shipped = [group for name in names for group in load_pack_rules(name)]
    kept = [
        replace(group, rules=tuple(_linked(rule) for rule in group.rules if not _is_out(rule, left_out)))
        for group in shipped
    ]
    return tuple(group for group in kept if group.rules)


def _is_out(rule: Rule, names: Collection[str]) -> bool:
    return isinstance(rule, AlertingRule) and rule.name in names


def _linked(rule: Rule) -> Rule:
    """The rule with `runbook_url`, where it has something to do and says no other address."""
    if not isinstance(rule, AlertingRule) or ANNOTATION_RUNBOOK_URL in rule.annotation_texts:
        return rule
    if ANNOTATION_RUNBOOK not in rule.annotation_texts:
        return rule
    text = f"{_URL}{rule.name}"
    template = parse_rule_template(rule.name, text)
    return replace(
        rule,
        annotations={**rule.annotations, ANNOTATION_RUNBOOK_URL: template},
        annotation_texts={**rule.annotation_texts, ANNOTATION_RUNBOOK_URL: text},
    )
