"""What an alert's labels mean: severity with its deadline, colour and mark; category; component; escalation policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import Labels

LABEL_ALERTNAME: Final = "alertname"
LABEL_SEVERITY: Final = "severity"
LABEL_CATEGORY: Final = "category"
LABEL_COMPONENT: Final = "component"
LABEL_ESCALATION_POLICY: Final = "escalation_policy"
LABEL_CORRELATION_ID: Final = "correlation_id"  # read from annotations too, where it makes no new identity

ANNOTATION_SUMMARY: Final = "summary"
ANNOTATION_DESCRIPTION: Final = "description"
ANNOTATION_RUNBOOK: Final = "runbook"
ANNOTATION_RUNBOOK_URL: Final = "runbook_url"

SEVERITY_DEFAULT: Final = AlertSeverity.MEDIUM  # an alert that somebody wrote wants a person, but does not wake one
CATEGORY_DEFAULT: Final = AlertCategory.AVAILABILITY


@dataclass(frozen=True, slots=True)
class SeverityTraits:
    """How a severity is shown and how long somebody may take.

    Attributes:
        deadline_s: seconds until somebody must have acted; 0 is at once.
        color: as Slack and HTML take it.
        mark: one character (with its variation selector) that opens a title: 🚨 ⚠️ ⚡ and an i in a square.
        rank: 0 is the most severe; for sorting.
    """

    deadline_s: int
    color: str
    mark: str
    rank: int


SEVERITY_TRAITS: Final[Mapping[AlertSeverity, SeverityTraits]] = MappingProxyType(
    {
        AlertSeverity.CRITICAL: SeverityTraits(deadline_s=0, color="#FF0000", mark="🚨", rank=0),
        AlertSeverity.HIGH: SeverityTraits(deadline_s=15 * 60, color="#FF8C00", mark="⚠️", rank=1),
        AlertSeverity.MEDIUM: SeverityTraits(deadline_s=60 * 60, color="#FFD700", mark="⚡", rank=2),
        AlertSeverity.LOW: SeverityTraits(deadline_s=24 * 60 * 60, color="#00FF00", mark="\u2139\ufe0f", rank=3),
    }
)

# What rule files in the field call their severities (kube-prometheus, node-mixin, awesome-prometheus-alerts, PagerDuty).
_SEVERITY_SYNONYMS: Final[Mapping[str, AlertSeverity]] = MappingProxyType(
    {
        "page": AlertSeverity.CRITICAL,
        "emergency": AlertSeverity.CRITICAL,
        "fatal": AlertSeverity.CRITICAL,
        "disaster": AlertSeverity.CRITICAL,
        "p1": AlertSeverity.CRITICAL,
        "sev1": AlertSeverity.CRITICAL,
        "error": AlertSeverity.HIGH,
        "major": AlertSeverity.HIGH,
        "p2": AlertSeverity.HIGH,
        "sev2": AlertSeverity.HIGH,
        "warning": AlertSeverity.MEDIUM,
        "warn": AlertSeverity.MEDIUM,
        "minor": AlertSeverity.MEDIUM,
        "average": AlertSeverity.MEDIUM,
        "ticket": AlertSeverity.MEDIUM,
        "p3": AlertSeverity.MEDIUM,
        "sev3": AlertSeverity.MEDIUM,
        "info": AlertSeverity.LOW,
        "information": AlertSeverity.LOW,
        "informational": AlertSeverity.LOW,
        "notice": AlertSeverity.LOW,
        "none": AlertSeverity.LOW,
        "debug": AlertSeverity.LOW,
        "p4": AlertSeverity.LOW,
        "p5": AlertSeverity.LOW,
        "sev4": AlertSeverity.LOW,
    }
)
_SEVERITY_WORDS: Final = {**_SEVERITY_SYNONYMS, **{severity.value: severity for severity in AlertSeverity}}


def severity_of(labels: Labels) -> AlertSeverity:
    """The severity that an alert's `severity` label means, in whatever words its rule file has; else the default."""
    return _SEVERITY_WORDS.get(_value(labels, LABEL_SEVERITY).strip().lower(), SEVERITY_DEFAULT)


def is_known_severity(text: str) -> bool:
    """Whether `severity_of` knows this word, rather than falling back to the default."""
    return text.strip().lower() in _SEVERITY_WORDS


def category_of(labels: Labels) -> AlertCategory:
    """What the `category` label says is at stake; availability where it says nothing known."""
    try:
        return AlertCategory(_value(labels, LABEL_CATEGORY).strip().lower())
    except ValueError:
        return CATEGORY_DEFAULT


def component_of(labels: Labels) -> str:
    """Where the alert comes from: its `component`, else the `service`, `job` or `instance` that it is about."""
    for name in (LABEL_COMPONENT, "service", "job", "instance"):
        if value := _value(labels, name):
            return value
    return "unknown"


def traits_of(severity: AlertSeverity) -> SeverityTraits:
    """Deadline, colour, mark and rank."""
    return SEVERITY_TRAITS[severity]


def title_of(labels: Labels, annotations: Mapping[str, str]) -> str:
    """One line for people: the summary, else the alert's name."""
    return annotations.get(ANNOTATION_SUMMARY) or _value(labels, LABEL_ALERTNAME) or "alert"


def _value(labels: Labels, name: str) -> str:
    for known, value in labels:  # a generator costs four times as much, and every alert asks several times
        if known == name:
            return value
    return ""
