"""Alerts that speak for others: while a source fires, the targets that share its labels are not told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from anyascope.alerting.matchers import compile_matchers
from anyascope.model.labels import Labels, Matcher


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """A rule as it is written. `equal` names the labels that source and target must share (missing equals empty)."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""


class Inhibitor:
    """Knows the firing sources of each rule, by the labels that a target must share with them."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self._rules = [_Rule(rule) for rule in rules]

    def put(self, fingerprint: str, labels: Labels) -> None:
        """This alert fires."""
        if not self._rules:
            return
        mapping = dict(labels)
        for rule in self._rules:
            rule.put(fingerprint, mapping)

    def drop(self, fingerprint: str, labels: Labels) -> None:
        """This alert fires no longer."""
        if not self._rules:
            return
        mapping = dict(labels)
        for rule in self._rules:
            rule.drop(fingerprint, mapping)

    def sources_of(self, labels: Labels, *, is_firing: Callable[[str], bool]) -> tuple[str, ...]:
        """Fingerprints of one firing source for each rule that mutes this label set; empty where none does.

        `is_firing` settles, by fingerprint, whether a source that was put has run out since.
        """
        if not self._rules:
            return ()
        mapping = dict(labels)
        found = (rule.source_of(mapping, is_firing) for rule in self._rules)
        return tuple(sorted({fingerprint for fingerprint in found if fingerprint}))


class _Rule:
    def __init__(self, rule: InhibitRule) -> None:
        self._is_source = compile_matchers(rule.source)
        self._is_target = compile_matchers(rule.target)
        self._equal = rule.equal
        # Two sets a key: a target that is itself a source is muted only by sources that are no targets, so that two
        # alerts that match both sides do not silence each other.
        self._sources: dict[tuple[str, ...], dict[str, bool]] = defaultdict(dict)

    def put(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        if self._is_source(labels):
            self._sources[self._key(labels)][fingerprint] = self._is_target(labels)

    def drop(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        key = self._key(labels)
        held = self._sources.get(key)
        if held is not None and held.pop(fingerprint, None) is not None and not held:
            del self._sources[key]

    def source_of(self, labels: Mapping[str, str], is_firing: Callable[[str], bool]) -> str:
        if not self._is_target(labels):
            return ""
        held = self._sources.get(self._key(labels))
        if not held:
            return ""
        is_source_too = self._is_source(labels)
        return next(
            (
                fingerprint
                for fingerprint, is_target_too in held.items()
                if not (is_source_too and is_target_too) and is_firing(fingerprint)
            ),
            "",
        )

    def _key(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self._equal)
