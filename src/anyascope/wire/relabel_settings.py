"""Reads `relabel_configs` in Prometheus' own format."""

from __future__ import annotations

from collections.abc import Sequence

from anyascope.errors import InvalidInputError
from anyascope.wire.relabel import RelabelAction, RelabelRule
from anyascope.wire.settings import Section


def read_relabel_rules(sections: Sequence[Section]) -> tuple[RelabelRule, ...]:
    """The rules of a list of `relabel_config`.

    Source: Prometheus configuration, `<relabel_config>`.
    """
    rules = [_relabel_rule(section) for section in sections]
    return tuple(rule for rule in rules if rule is not None)


def _relabel_rule(section: Section) -> RelabelRule | None:
    action = section.parsed("action", _action, RelabelAction.REPLACE)
    fields = {
        "source_labels": section.texts("source_labels"),
        "separator": section.text("separator", ";"),
        "regex": section.text("regex", "(.*)"),
        "target_label": section.text("target_label", ""),
        "replacement": section.text("replacement", "$1"),
        "modulus": section.integer("modulus", 0),
    }
    section.done()
    try:
        return RelabelRule(action, **fields)  # type: ignore[arg-type]
    except InvalidInputError as error:
        section.wrong(error.message, name=error.path)
        return None


def _action(text: str) -> RelabelAction:
    try:
        return RelabelAction(text.lower())
    except ValueError:
        known = ", ".join(action.value for action in RelabelAction)
        raise ValueError(f"must be one of {known}, got {text!r}") from None
