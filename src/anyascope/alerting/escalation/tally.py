"""What is counted of answers, deadlines and escalation."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.model.alerts import AlertSeverity
from anyascope.model.responses import ResponseAction

# From a person who sits before the page to one who comes back on Monday; the deadlines stand among them.
_ANSWER_BUCKETS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0)
_END_BUCKETS_S = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0)


class Tally:
    """Counters. `climbing` gives how many groups escalate now."""

    def __init__(self, registry: CollectorRegistry, *, climbing: Callable[[], int]) -> None:
        self._answered_s = Histogram(
            "anyascope_alert_time_to_acknowledge_seconds",
            "From an alert's beginning to the first answer of a person (acknowledged, snoozed, resolved by hand).",
            ["severity"],
            buckets=_ANSWER_BUCKETS_S,
            registry=registry,
        )
        self._ended_s = Histogram(
            "anyascope_alert_time_to_resolve_seconds",
            "From an alert's beginning to its end.",
            ["severity"],
            buckets=_END_BUCKETS_S,
            registry=registry,
        )
        self._deadlines = Counter(
            "anyascope_alert_deadlines",
            "Deadlines of alerts that a policy acts on, by whether somebody answered in time.",
            ["severity", "outcome"],
            registry=registry,
        )
        self._responses = Counter(
            "anyascope_alert_responses", "What people did about alerts.", ["action"], registry=registry
        )
        self._escalations = Counter(
            "anyascope_escalation_notifications",
            "Notifications of escalation policies; level counts from 0, -1 tells of the end.",
            ["policy", "level"],
            registry=registry,
        )
        Gauge(
            "anyascope_escalations_active", "Groups of alerts that a policy calls people for now.", registry=registry
        ).set_function(climbing)
        for severity in AlertSeverity:
            self._deadlines.labels(severity.value, "met")
            self._deadlines.labels(severity.value, "missed")

    def answered(self, severity: AlertSeverity, *, seconds: float) -> None:
        """Somebody gave the first answer to an alert."""
        self._answered_s.labels(severity.value).observe(seconds)

    def ended(self, severity: AlertSeverity, *, seconds: float) -> None:
        """An alert ended."""
        self._ended_s.labels(severity.value).observe(seconds)

    def deadline(self, severity: AlertSeverity, *, is_met: bool) -> None:
        """A deadline was met, or has passed."""
        self._deadlines.labels(severity.value, "met" if is_met else "missed").inc()

    def responded(self, action: ResponseAction) -> None:
        """A person did something."""
        self._responses.labels(action.value).inc()

    def escalated(self, policy: str, level: int) -> None:
        """A policy told somebody."""
        self._escalations.labels(policy, str(level)).inc()
