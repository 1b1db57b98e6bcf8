"""What the courier counts of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from anyascope.model.notifications import AttemptOutcome, ChannelReport, ChannelState, DeliveryStatus

_ATTEMPT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_DELIVERY_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86_400.0)

CHANNELS = (
    "discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty", "phone",
    "pushover", "rocketchat", "slack", "sns", "telegram", "victorops", "webex", "webhook", "wechat",
)  # fmt: skip  # the kinds of `channels/registry.py`
UNANSWERED = "unanswered"  # in place of a status


REASON_CLIENT, REASON_SERVER, REASON_DEADLINE, REASON_OTHER = (
    "clientError", "serverError", "contextDeadlineExceeded", "other",
)  # fmt: skip  # Alertmanager's words
_STATUS = re.compile(r"([1-9])\d\d\b")


def failure_reason(detail: str) -> str:
    """Why a notification was given up, in Alertmanager's words, by the far end's last answer: `404 Not Found`."""
    status = _STATUS.match(detail)
    if status is not None:
        return {"4": REASON_CLIENT, "5": REASON_SERVER}.get(status[1], REASON_OTHER)
    return REASON_DEADLINE if detail.startswith("no whole answer within") else REASON_OTHER


class Tally:
    """Counters, by kind of channel."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        depth: Callable[[], float],
        oldest_s: Callable[[], float],
        held: Callable[[], float],
        channels: Callable[[], Sequence[ChannelReport]],
    ) -> None:
        self._ended = Counter(
            "anyascope_notifications", "Notifications that are through or given up.", ["channel", "status"],
            registry=registry,
        )  # fmt: skip
        self._failed = Counter(
            "anyascope_notifications_failed", "Notifications given up, by what the last attempt came to.",
            ["channel", "reason"], registry=registry,
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
        self.merged = Counter(
            "anyascope_notifications_merged", "Notifications that were told by a summary in a storm.", ["channel"],
            registry=registry,
        )  # fmt: skip
        self.diverted = Counter(
            "anyascope_notifications_diverted", "Notifications that a fallback was told of in a channel's place.",
            ["channel"], registry=registry,
        )  # fmt: skip
        self.doubtful = Counter(
            "anyascope_notifications_doubtful",
            "Notifications sent again after a crash that may have arrived before it: at most so many are duplicates.",
            ["channel"], registry=registry,
        )  # fmt: skip
        self.unrecorded = Counter(
            "anyascope_notification_records_dropped", "Records that were dropped as the store could not write for long.",
            registry=registry,
        )  # fmt: skip
        Gauge(
            "anyascope_notification_records_held", "Records that wait in memory until the store can write again.",
            registry=registry,
        ).set_function(held)  # fmt: skip
        registry.register(_Channels(channels))
        for channel in CHANNELS:
            # At 0 from the start: a rule's increase() sees the first failure only of a series that was there before it.
            self._ended.labels(channel, DeliveryStatus.FAILED.value)

    def attempted(self, channel: str, outcome: AttemptOutcome, *, seconds: float) -> None:
        """One attempt was made."""
        self._attempts.labels(channel, outcome.value).inc()
        self._attempt_s.labels(channel).observe(seconds)

    def ended(
        self, channel: str, status: DeliveryStatus, *, age_s: float, detail: str = "", is_unanswered: bool = False
    ) -> None:
        """A notification is through, or given up; a call that nobody answered is no fault of the road to them."""
        if status is DeliveryStatus.FAILED and not is_unanswered:
            self._failed.labels(channel, failure_reason(detail)).inc()
        self._ended.labels(channel, UNANSWERED if is_unanswered else status.value).inc()
        if status is DeliveryStatus.SENT:
            self._delivery_s.labels(channel).observe(age_s)


class _Channels(Collector):
    """How each integration is, as of the scrape; those that a reload took away are gone from the next one on."""

    def __init__(self, channels: Callable[[], Sequence[ChannelReport]]) -> None:
        self._channels = channels

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "anyascope_channel_state", "1 for the state that the integration is in.", labels=("integration", "state")
        )
        waiting = GaugeMetricFamily(
            "anyascope_channel_waiting", "Notifications that are not through yet.", labels=("integration",)
        )
        dead = GaugeMetricFamily(
            "anyascope_channel_dead_letters", "Notifications that failed and can be sent again.",
            labels=("integration",),
        )  # fmt: skip
        for channel in self._channels():
            for each in ChannelState:
                state.add_metric((channel.key, each.value), channel.state is each)
            waiting.add_metric((channel.key,), channel.waiting)
            dead.add_metric((channel.key,), channel.dead)
        yield from (state, waiting, dead)
