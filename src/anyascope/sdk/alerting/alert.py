"""An alert: what a service says when somebody must act."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.sdk.alerting.texts import finite, is_a, text_of, wanted_pairs, wanted_text
from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.guard import as_text, quoted, report_misuse
from anyascope.semconv.alerts import CATEGORY_DEFAULT, SEVERITY_DEFAULT

M = TypeVar("M", bound=Enum)

TITLE_CHARS_MAX = 300  # a line; Slack and mail readers cut longer ones
DESCRIPTION_CHARS_MAX = 10_000  # a page of text; a traceback belongs into the log that the correlation id leads to
VALUE_CHARS_MAX = 1_024  # of a label or annotation, as much as Alertmanager's own users send
PAIRS_MAX = 64  # labels, and as many annotations, of an alert; an alert of ours has five
TIMESTAMP_MAX = 253_402_300_799  # Unix seconds, the last of the year 9999
POLICY_DEFAULT = "default"

# What was measured changes each time: it does not make another alert of the same trouble.
MEASURED_LABELS = frozenset(("current_balance", "error_rate", "health_score", "error"))


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened, how bad it is, and who is to be told. Each `with_…` gives a new alert.

    Arguments of a wrong type are told as misuse and taken as text, or as the default: an alert is never lost for that.

    Attributes:
        title: one line.
        description: what happened, for the one who is woken up.
        severity: how soon somebody must act; its value (`"critical"`) is taken, too.
        category: what is at stake.
        source_component: where it comes from, such as `hsm`.
        id: a random UUID.
        timestamp: when it happened, Unix seconds, UTC.
        labels: with title, severity, category, component and policy they tell one alert from another.
        annotations: further texts for people.
        escalation_policy: name of the policy that says whom to tell when.
        correlation_id: of the operation that it is about; the current one where not given.
    """

    title: str
    description: str
    severity: AlertSeverity
    category: AlertCategory
    source_component: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()), kw_only=True)
    timestamp: int = field(default_factory=lambda: int(time.time()), kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    escalation_policy: str = field(default=POLICY_DEFAULT, kw_only=True)
    correlation_id: str | None = field(default_factory=lambda: current_correlation_id() or None, kw_only=True)

    def __post_init__(self) -> None:
        values: dict[str, object] = {
            "title": wanted_text(self.title, name="title", chars_max=TITLE_CHARS_MAX) or "(no title)",
            "description": wanted_text(self.description, name="description", chars_max=DESCRIPTION_CHARS_MAX),
            "severity": _member(self.severity, AlertSeverity, SEVERITY_DEFAULT, name="severity"),
            "category": _member(self.category, AlertCategory, CATEGORY_DEFAULT, name="category"),
            "source_component": _name(self.source_component, name="source_component", default="unknown"),
            "id": _name(self.id, name="id", default="") or str(uuid.uuid4()),
            "timestamp": _unix_seconds(self.timestamp),
            "labels": _pairs(self.labels, "labels"),
            "annotations": _pairs(self.annotations, "annotations"),
            "escalation_policy": _name(self.escalation_policy, name="escalation_policy", default=POLICY_DEFAULT),
            "correlation_id": None
            if self.correlation_id is None
            else _name(self.correlation_id, name="correlation_id", default="") or None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def with_label(self, key: str, value: str) -> Alert:
        """The alert with this label, which replaces one of the same name; a number is taken as its text."""
        return replace(self, labels={**self.labels, **_pair(key, value, "label")})

    def with_annotation(self, key: str, value: str) -> Alert:
        """The alert with this annotation, which replaces one of the same name."""
        return replace(self, annotations={**self.annotations, **_pair(key, value, "annotation")})

    def with_escalation_policy(self, policy: str) -> Alert:
        """The alert under the policy of this name."""
        return replace(self, escalation_policy=policy)

    def with_correlation_id(self, correlation_id: str) -> Alert:
        """The alert as part of this operation."""
        return replace(self, correlation_id=correlation_id)


def fingerprint_of(alert: Alert) -> str:
    """16 hex digits that tell one trouble from another: equal ones are the same alert, told again.

    Title, severity, category, component, policy and labels count, but not what was measured (`MEASURED_LABELS`): a
    balance that falls further is the same low balance.
    """
    if not is_a(alert, Alert):
        report_misuse(f"fingerprint_of wants an Alert, got {quoted(alert)}")
        return ""
    steady = sorted((name, text) for name, text in alert.labels.items() if name not in MEASURED_LABELS)
    parts = (
        *(alert.title, alert.severity.value, alert.category.value, alert.source_component, alert.escalation_policy),
        *(part for pair in steady for part in pair),
    )
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        encoded = part.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def started_ns(alert: Alert) -> int:
    """When it happened, in UTC nanoseconds."""
    return alert.timestamp * NS_PER_S


def _name(value: object, *, name: str, default: str) -> str:
    return wanted_text(value, name=name, chars_max=VALUE_CHARS_MAX, default=default) or default


def _pairs(value: object, name: str) -> dict[str, str]:
    return wanted_pairs(value, name=name, pairs_max=PAIRS_MAX, chars_max=VALUE_CHARS_MAX)


def _pair(key: object, value: object, kind: str) -> dict[str, str]:
    name = as_text(key)
    if not name:
        report_misuse(f"a {kind}'s name must be a text that is not empty, got {type(key).__name__}")
        return {}
    return {text_of(name, chars_max=VALUE_CHARS_MAX): text_of(value, chars_max=VALUE_CHARS_MAX)}


def _member(value: object, kind: type[M], default: M, *, name: str) -> M:
    if is_a(value, kind):
        return value
    try:
        return kind((as_text(value) or "").strip().lower())
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        report_misuse(f"{name} must be one of {known}, got {text_of(value, chars_max=100)!r}")
        return default


def _unix_seconds(value: object) -> int:
    seconds = finite(value, default=-1.0)
    if 0 <= seconds <= TIMESTAMP_MAX:
        return int(seconds)
    report_misuse(f"timestamp must be Unix seconds, got {text_of(value, chars_max=100)!r}")
    return int(time.time())
