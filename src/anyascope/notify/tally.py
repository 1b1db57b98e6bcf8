"""What the courier counts of itself."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.model.notifications import AttemptOutcome, DeliveryStatus

_ATTEMPT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_DELIVERY_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86_400.0)

CHANNELS = ("email", "slack", "webhook")  # the kinds of `channels/registry.py`


class Tally:
    """Counters, by kind of channel."""

    def __init__(
        self, registry: CollectorRegistry, *, depth: Callable[[], float], oldest_s: Callable[[], float]
    ) -> None:
        self._ended = Counter(
            "anyascope_notifications", "Notifications that are through or given up.", ["channel", "status"],
            registry=registry,
        )  # fmt: skip
        self._attempts = Counter(
            "anyascope_notification_attempts", "Attempts to deliver.", ["channel", "outcome"], registry=registry
        )
        self._attempt_s = Histogram(
            "anyascope_notification_attempt_duration_seconds", "How long an attempt took.", ["channel"],
            buckets=_ATTEMPT_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._delivery_s = Histogram(
            "anyascope_notification_delivery_seconds", "From the decision to tell until it was through.", ["channel"],
            buckets=_DELIVERY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        Gauge(
            "anyascope_outbox_notifications", "Notifications that are not through yet.", registry=registry
        ).set_function(depth)
        Gauge(
            "anyascope_outbox_oldest_age_seconds",
            "Age of the oldest notification that is not through.",
            registry=registry,
        ).set_function(oldest_s)
        for channel in CHANNELS:
            # At 0 from the start: a rule's increase() sees the first failure only of a series that was there before it.
            self._ended.labels(channel, DeliveryStatus.FAILED.value)

    def attempted(self, channel: str, outcome: AttemptOutcome, *, seconds: float) -> None:
        """One attempt was made."""
        self._attempts.labels(channel, outcome.value).inc()
        self._attempt_s.labels(channel).observe(seconds)

    def ended(self, channel: str, status: DeliveryStatus, *, age_s: float) -> None:
        """A notification is through, or given up."""
        self._ended.labels(channel, status.value).inc()
        if status is DeliveryStatus.SENT:
            self._delivery_s.labels(channel).observe(age_s)
