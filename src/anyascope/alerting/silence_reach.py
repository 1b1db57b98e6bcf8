"""What a silence reaches: rules whose alerts it would hit, and what its maker should be warned of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anyascope.alerting.matchers import compile_matchers
from anyascope.model.alerts import AlertSeverity
from anyascope.model.labels import Matcher
from anyascope.model.status import RuleGroupView, RuleKind, RuleView
from anyascope.semconv.alerts import LABEL_ALERTNAME, severity_of, traits_of

NAMES_SHOWN = 5  # of rules or alerts in one warning; the preview lists all
_TEMPLATE = "{{"


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule whose alerts may match.

    Attributes:
        is_certain: whether its alerts match whatever the data is, by the labels that the rule itself adds.
        rest: matchers on labels that come from the series that it reads; what templates make may be anything.
        query: the rule's expression.
    """

    name: str
    group: str
    severity: AlertSeverity
    is_certain: bool
    rest: tuple[Matcher, ...] = ()
    query: str = ""


def rules_hit(matchers: Sequence[Matcher], groups: Iterable[RuleGroupView]) -> list[RuleHit]:
    """The rules whose alerts these matchers may hit, certain ones first, then the most severe.

    Of a rule's alerts `alertname` and the labels that the rule adds are known beforehand; a matcher on any other label
    may be met by what the expression brings along.
    """
    found = [
        hit
        for group in groups
        for rule in group.rules
        if rule.kind is RuleKind.ALERTING and (hit := _hit(matchers, rule, group.name)) is not None
    ]
    return sorted(found, key=lambda hit: (not hit.is_certain, traits_of(hit.severity).rank, hit.name, hit.group))


def warnings_of(criticals: Sequence[str], hits: Sequence[RuleHit], *, matches_now: int) -> list[str]:
    """What somebody should know before, in sentences.

    Args:
        criticals: names of critical alerts that match now.
        matches_now: how many alerts match now.
    """
    if not matches_now and not hits:
        return ["matches no alert now, and no rule could make one that it matches"]
    found = []
    if criticals:
        found.append(f"mutes critical alerts that stand now: {_listed(criticals)}")
    for is_certain, verb in ((True, "mutes"), (False, "may mute")):
        names = [hit.name for hit in hits if hit.severity is AlertSeverity.CRITICAL and hit.is_certain is is_certain]
        if names:
            found.append(f"{verb} critical alerts of these rules: {_listed(names)}")
    return found


def _hit(matchers: Sequence[Matcher], rule: RuleView, group: str) -> RuleHit | None:
    known = {name: value for name, value in rule.labels if _TEMPLATE not in value} | {LABEL_ALERTNAME: rule.name}
    templated = {name for name, value in rule.labels if _TEMPLATE in value}
    told = [matcher for matcher in matchers if matcher.name in known]
    if not compile_matchers(told)(known):
        return None
    severity = severity_of(tuple(pair for pair in rule.labels if pair[0] not in templated))
    rest = tuple(matcher for matcher in matchers if matcher.name not in known and matcher.name not in templated)
    return RuleHit(rule.name, group, severity, len(told) == len(matchers), rest, rule.query)


def _listed(names: Iterable[str]) -> str:
    unique = sorted(set(names))
    shown = ", ".join(unique[:NAMES_SHOWN])
    return shown if len(unique) <= NAMES_SHOWN else f"{shown} and {len(unique) - NAMES_SHOWN} more"
