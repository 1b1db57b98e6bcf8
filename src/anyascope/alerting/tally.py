"""What alerting counts of itself."""

from __future__ import annotations

from collections import Counter as CountOf
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.alerting.intake import HeldAlert
from anyascope.model.notifications import Notification

_LOOK_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Tally:
    """Counters. `count` gives `firing`, `resolved`, `flapping` and `groups` as they are."""

    def __init__(self, registry: CollectorRegistry, *, count: Callable[[], Mapping[str, int]]) -> None:
        self._received = Counter(
            "anyascope_alerts_received", "Alerts that were taken over, repeats included.", ["state"], registry=registry
        )
        self.refused = Counter(
            "anyascope_alerts_refused", "Alerts that were not taken over since too many are held.", registry=registry
        )
        self._decided = Counter(
            "anyascope_notifications_decided", "Notifications left in the outbox.", ["receiver", "channel", "reason"],
            registry=registry,
        )  # fmt: skip
        self._looks = Counter("anyascope_alert_groups_looked_at", "Looks at a group.", registry=registry)
        self._look_s = Histogram(
            "anyascope_alert_look_duration_seconds", "One round of looks with its commit.", buckets=_LOOK_BUCKETS_S,
            registry=registry,
        )  # fmt: skip
        held = Gauge("anyascope_alerts", "Alerts that are held.", ["state"], registry=registry)
        held.labels("firing").set_function(lambda: count()["firing"])
        held.labels("resolved").set_function(lambda: count()["resolved"])
        flapping = Gauge("anyascope_alerts_flapping", "Alerts that come and go, and are damped.", registry=registry)
        flapping.set_function(lambda: count()["flapping"])
        Gauge("anyascope_alert_groups", "Groups with alerts.", registry=registry).set_function(
            lambda: count()["groups"]
        )

    def received(self, alerts: Iterable[HeldAlert], *, now_ns: int) -> None:
        """These alerts were taken over."""
        for state, count in CountOf("firing" if alert.is_firing(now_ns) else "resolved" for alert in alerts).items():
            self._received.labels(state).inc(count)

    def looked(self, notifications: Sequence[Notification], *, groups: int, seconds: float) -> None:
        """Groups were looked at, and this is to be said."""
        self._looks.inc(groups)
        self._look_s.observe(seconds)
        for one in notifications:
            self._decided.labels(one.receiver, one.channel, one.reason.short).inc()
