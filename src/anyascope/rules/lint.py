"""What is allowed in rule files, and most likely not meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from anyascope.rules.definition import AlertingRule, RuleGroup
from anyascope.semconv.alerts import LABEL_SEVERITY, is_known_severity


def lint(groups: Sequence[RuleGroup]) -> list[str]:
    """One sentence for each rule that stands more than once, and each severity that nobody knows.

    Source: `promtool check rules`, lint `duplicate-rules`.
    """
    return [*_duplicates(groups), *_severities(groups)]


def _duplicates(groups: Sequence[RuleGroup]) -> list[str]:
    counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter(
        (rule.name, rule.label_texts if isinstance(rule, AlertingRule) else rule.labels)
        for group in groups
        for rule in group.rules
    )
    return [
        f"{count - 1} duplicate rule(s) found: {name} with labels {{{_shown(labels)}}}: might cause inconsistency"
        " while recording expressions"
        for (name, labels), count in counts.items()
        if count > 1
    ]


def _severities(groups: Sequence[RuleGroup]) -> list[str]:
    found = []
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule):
                text = dict(rule.label_texts).get(LABEL_SEVERITY, "")
                if text and "{{" not in text and not is_known_severity(text):
                    found.append(
                        f"{group.file}:{rule.line}: severity {text!r} of {rule.name} is not known and counts as medium"
                    )
    return found


def _shown(labels: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in labels)
