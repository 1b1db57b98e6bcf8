"""Alerts and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.labels import Labels


class AlertSeverity(Enum):
    """How soon somebody must act."""

    CRITICAL = "critical"  # at once
    HIGH = "high"  # within 15 minutes
    MEDIUM = "medium"  # within 1 hour
    LOW = "low"  # within 24 hours


class AlertCategory(Enum):
    """What is at stake."""

    SECURITY = "security"
    PERFORMANCE = "performance"
    AVAILABILITY = "availability"
    DATA = "data"
    COMPLIANCE = "compliance"


class AlertState(Enum):
    """Where a rule's instance stands, in Prometheus' words."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule's instance as it is handed to `alerting`; Alertmanager's nouns.

    Its identity is its label set. `ends_ns` of 0 means that it is still firing; otherwise when it ended or will end if
    nothing is heard again.
    """

    labels: Labels
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_ns: int = 0
    ends_ns: int = 0
    generator_url: str = ""
    correlation_id: str = ""
