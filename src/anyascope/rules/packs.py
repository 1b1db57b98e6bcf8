"""The rules that ship with the server, as far as they are wanted."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from anyascope import packs
from anyascope.rules.definition import AlertingRule, Rule, RuleGroup
from anyascope.rules.expand import parse_rule_template
from anyascope.rules.load import load_rules
from anyascope.semconv.alerts import ANNOTATION_RUNBOOK, ANNOTATION_RUNBOOK_URL
from anyascope.wire.settings import read_settings

Changes: TypeAlias = Mapping[str, Mapping[str, object]]
"""Fields of rules that are to be others than those that ship, by the alert's name."""

PACK_PREFIX = "default:"  # files of the default rules, as they are shown
RUNBOOK_PATH = "/runbooks/"  # of the page, below the server's address
CHANGEABLE: Final = ("expr", "for", "keep_firing_for", "labels", "annotations")
FILES_KEPT_MAX = 16  # four files ship, and some stay in memory as they were before a change
_MERGED: Final = ("labels", "annotations")  # what is named is changed, the others stay
_NONE: Final[Changes] = MappingProxyType({})
_URL = f"{{{{ $externalURL }}}}{RUNBOOK_PATH}"


def load_pack_rules(name: str, changes: Changes = _NONE) -> tuple[RuleGroup, ...]:
    """The groups of a pack, or of the default rules; a pack's file is shown as `hsm:rules.yml`.

    Raises:
        SettingsError: a change makes a rule that cannot be.
    """
    if name == packs.DEFAULT:
        texts = [(f"{PACK_PREFIX}{file}", text) for file, text in packs.rules()]
    else:
        texts = [(f"{name}:rules.yml", packs.pack(name).rules)]
    return tuple(group for file, text in texts for group in _groups_of(_changed(text, changes), file))


@lru_cache(FILES_KEPT_MAX)  # a reload must not take a third of a second to read again what ships
def _groups_of(text: str, file: str) -> tuple[RuleGroup, ...]:
    return tuple(load_rules(text, file=file))


def _changed(text: str, changes: Changes) -> str:
    """A rule file with these changes, as JSON, which is YAML; as it is where none is about it."""
    if not any(f"alert: {alert}\n" in text for alert in changes):
        return text
    groups: Any = read_settings(text, file="").plain("groups")
    for rule in (rule for group in groups for rule in group["rules"]):
        for field, value in changes.get(rule.get("alert", ""), {}).items():
            rule[field] = {**rule.get(field, {}), **value} if field in _MERGED and isinstance(value, dict) else value
    return json.dumps({"groups": groups})


def alert_names(groups: Sequence[RuleGroup]) -> list[str]:
    """The alerts of the groups, in file order."""
    return [rule.name for group in groups for rule in group.rules if isinstance(rule, AlertingRule)]


def shipped_groups(
    names: Collection[str], *, disabled: Collection[str], own: Sequence[RuleGroup], changes: Changes = _NONE
) -> tuple[RuleGroup, ...]:
    """The groups of these packs, each rule with a link to its runbook.

    Args:
        disabled: alerts that are not wanted.
        own: what the user wrote: an alert of theirs takes the place of one that ships under the same name.
        changes: what is to be otherwise.
    """
    left_out = {*disabled, *alert_names(own)}
    shipped = [group for name in names for group in load_pack_rules(name, changes)]
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
