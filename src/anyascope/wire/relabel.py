"""Relabelling: rules that rewrite, keep or drop label sets; pure.

Source: Prometheus configuration, `<relabel_config>`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, assert_never

import re2

from anyascope.errors import InvalidInputError

REGEX_DEFAULT = "(.*)"
REPLACEMENT_DEFAULT = "$1"
SEPARATOR_DEFAULT = ";"
REGEX_BYTES_MAX = 8 * 1024 * 1024  # RE2's own bound on a compiled expression, its default; past it the rule is refused


class RelabelAction(Enum):
    """What a rule does."""

    REPLACE = "replace"
    KEEP = "keep"
    DROP = "drop"
    KEEP_EQUAL = "keepequal"
    DROP_EQUAL = "dropequal"
    HASHMOD = "hashmod"
    LABEL_MAP = "labelmap"
    LABEL_DROP = "labeldrop"
    LABEL_KEEP = "labelkeep"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"


_NEEDS_TARGET = frozenset(
    (
        RelabelAction.REPLACE,
        RelabelAction.HASHMOD,
        RelabelAction.LOWERCASE,
        RelabelAction.UPPERCASE,
        RelabelAction.KEEP_EQUAL,
        RelabelAction.DROP_EQUAL,
    )
)
_FIXED_REPLACEMENT = frozenset(
    (RelabelAction.LOWERCASE, RelabelAction.UPPERCASE, RelabelAction.KEEP_EQUAL, RelabelAction.DROP_EQUAL)
)


@dataclass(frozen=True, slots=True)
class RelabelRule:
    """One rule, in Prometheus' words and with its defaults.

    Raises:
        InvalidInputError: its fields do not go together; `path` names the field.
    """

    action: RelabelAction = RelabelAction.REPLACE
    source_labels: tuple[str, ...] = ()
    separator: str = SEPARATOR_DEFAULT
    regex: str = REGEX_DEFAULT
    target_label: str = ""
    replacement: str = REPLACEMENT_DEFAULT
    modulus: int = 0
    compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "compiled", compile_anchored(self.regex))

    def _check(self) -> None:
        action = self.action
        if action is RelabelAction.HASHMOD and self.modulus <= 0:
            raise InvalidInputError("hashmod needs a modulus above zero", path="modulus")
        if action in _NEEDS_TARGET and not self.target_label:
            raise InvalidInputError(f"{action.value} needs a target_label", path="target_label")
        if action in _FIXED_REPLACEMENT and self.replacement != REPLACEMENT_DEFAULT:
            raise InvalidInputError(f"{action.value} takes no replacement", path="replacement")
        if action is RelabelAction.LABEL_MAP and not self.replacement:
            raise InvalidInputError("labelmap needs a replacement that is a label name", path="replacement")
        if action in (RelabelAction.KEEP_EQUAL, RelabelAction.DROP_EQUAL):
            self._refuse_others("source_labels and target_label", ("regex", "modulus", "separator"))
        if action in (RelabelAction.LABEL_DROP, RelabelAction.LABEL_KEEP):
            self._refuse_others("regex", ("source_labels", "target_label", "modulus", "separator", "replacement"))

    def _refuse_others(self, wanted: str, others: Sequence[str]) -> None:
        for name in others:
            if getattr(self, name) != _DEFAULTS[name]:
                raise InvalidInputError(f"{self.action.value} takes only {wanted}", path=name)


_DEFAULTS: Mapping[str, object] = {
    "source_labels": (),
    "separator": SEPARATOR_DEFAULT,
    "regex": REGEX_DEFAULT,
    "target_label": "",
    "replacement": REPLACEMENT_DEFAULT,
    "modulus": 0,
}


def compile_anchored(pattern: str) -> Any:
    """The RE2 expression that must match a whole value; `.` matches a line feed too, as in Prometheus 3.

    Raises:
        InvalidInputError: it is not an expression.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEX_BYTES_MAX
    try:
        return re2.compile(f"^(?s:{pattern})$", options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not an RE2 expression"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidInputError(f"not a regular expression: {text}", path="regex") from error


def relabel(labels: Mapping[str, str], rules: Sequence[RelabelRule]) -> dict[str, str] | None:
    """The labels after all rules in their order, or None where a rule drops the set. Empty values are left out."""
    found = {name: value for name, value in labels.items() if value}
    for rule in rules:
        if not _apply(rule, found):
            return None
    return found


def _apply(rule: RelabelRule, labels: dict[str, str]) -> bool:
    """Change `labels` by one rule; False where the set is dropped."""
    value = rule.separator.join(labels.get(name, "") for name in rule.source_labels)
    match rule.action:
        case RelabelAction.KEEP:
            return rule.compiled.search(value) is not None
        case RelabelAction.DROP:
            return rule.compiled.search(value) is None
        case RelabelAction.KEEP_EQUAL:
            return labels.get(rule.target_label, "") == value
        case RelabelAction.DROP_EQUAL:
            return labels.get(rule.target_label, "") != value
        case RelabelAction.LABEL_MAP | RelabelAction.LABEL_DROP | RelabelAction.LABEL_KEEP:
            _rename(rule, labels)
        case RelabelAction.REPLACE | RelabelAction.HASHMOD | RelabelAction.LOWERCASE | RelabelAction.UPPERCASE:
            _write(rule, labels, value)
        case _:
            assert_never(rule.action)
    return True


def _write(rule: RelabelRule, labels: dict[str, str], value: str) -> None:
    match rule.action:
        case RelabelAction.HASHMOD:
            # The last 8 bytes of MD5, big-endian: what Prometheus has always taken, so that shards agree.
            digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
            _set(labels, rule.target_label, str(int.from_bytes(digest[8:], "big") % rule.modulus))
        case RelabelAction.LOWERCASE:
            _set(labels, rule.target_label, value.lower())
        case RelabelAction.UPPERCASE:
            _set(labels, rule.target_label, value.upper())
        case _:
            _replace(rule, labels, value)


def _rename(rule: RelabelRule, labels: dict[str, str]) -> None:
    is_kept = rule.action is RelabelAction.LABEL_KEEP
    for name, value in list(labels.items()):
        match = rule.compiled.search(name)
        if rule.action is RelabelAction.LABEL_MAP:
            if match is not None:
                _set(labels, expand(rule.replacement, match), value)
        elif (match is not None) is not is_kept:
            del labels[name]


def _replace(rule: RelabelRule, labels: dict[str, str], value: str) -> None:
    match = rule.compiled.search(value)
    if match is None:
        return
    target = expand(rule.target_label, match)
    if target:
        _set(labels, target, expand(rule.replacement, match))


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def expand(template: str, match: Any) -> str:
    """The template with `$1`, `$name`, `${1}` and `${name}` replaced by the match's groups and `$$` by `$`.

    A group that does not exist or took no part is empty. The longest name counts: `$1x` is the group `1x`.

    Source: Go, `Regexp.Expand`.
    """
    if "$" not in template:
        return template
    return _REFERENCE.sub(lambda found: _group(found, match), template)


def _group(found: re.Match[str], match: Any) -> str:
    if found.group(1):
        return "$"
    name = found.group(2) or found.group(3)
    try:
        value = match.group(int(name) if name.isdigit() else name)
    except (IndexError, KeyError, re2.error):
        return ""
    return value or ""
