"""What the server says of itself under the names that an Alertmanager has for it, where both mean the same.

Dashboards and rules that people made for their Alertmanager then show this server, too. What has no equal here (gossip, snapshots,
the notification log's own upkeep) is not told: an invented number is worse than an empty panel.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from anyascope.alerting.settings import AlertingOptions
from anyascope.api.alertmanager.answers import API_VERSION
from anyascope.api.prometheus.status import ServerView
from anyascope.clock import NS_PER_S, Clock
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.silences import SilenceState, SilenceStatus

KEPT_S = 10.0  # the states of alerts: to judge 100,000 takes 0.2 s of the event loop, and scrapers ask every 15 s
ATTEMPTS = "anyascope_notification_attempts"
ATTEMPT_S = "anyascope_notification_attempt_duration_seconds"
NOTIFICATIONS = "anyascope_notifications"
FAILED = "anyascope_notifications_failed"
REASONS = ("clientError", "contextCanceled", "contextDeadlineExceeded", "other", "serverError")  # Alertmanager's
RECEIVED = "anyascope_alerts_received"
INVALID = "anyascope_alerts_invalid"
LOOKS = "anyascope_alert_groups_looked_at"
GROUPS = "anyascope_alert_groups"
_OWN = (
    *(f"{name}_total" for name in (ATTEMPTS, NOTIFICATIONS, FAILED, RECEIVED, INVALID, LOOKS)),
    *(f"{ATTEMPT_S}_{part}" for part in ("bucket", "count", "sum")),
    GROUPS,
)


class SilenceList(Protocol):
    """Who keeps the silences."""

    def list(self) -> Sequence[SilenceStatus]:
        """All of them."""


class AlertRoom(Protocol):
    """Who knows alerts and silences."""

    @property
    def silences(self) -> SilenceList:
        """Who keeps the silences."""

    def suppressed(self) -> tuple[int, int]:
        """How many alerts fire, and how many of these are silenced or inhibited."""


class ServerSource(Protocol):
    """Tells of the server and its configuration."""

    def server(self) -> ServerView:
        """How it is now."""

    def alertmanager_yaml(self) -> str:
        """The part of the configuration that an Alertmanager has."""


class AlertmanagerNames(Collector):
    """Reads our own metrics and rooms, and tells them again under Alertmanager's names."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        room: AlertRoom,
        server: ServerSource,
        options: Callable[[], AlertingOptions],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._room = room
        self._server = server
        self._options = options
        self._clock = clock
        self._states: tuple[int, Mapping[str, int]] | None = None
        self._hash: tuple[int, float] | None = None

    def describe(self) -> list[Metric]:
        """Nothing: it would have to read what is not there yet when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        own = {family.name: family.samples for family in self._registry.restricted_registry(_OWN).collect()}
        yield _by_state("alertmanager_alerts", "Alerts that fire, by state.", self._alert_states())
        yield _by_state("alertmanager_silences", "Silences by state.", self._silence_states())
        yield from self._of_the_configuration()
        yield from _of_intake(own)
        yield from _of_groups(own)
        yield from _of_notifications(own)

    def _alert_states(self) -> Mapping[str, int]:
        now_ns = self._clock.monotonic_ns()
        if self._states is None or now_ns - self._states[0] >= KEPT_S * NS_PER_S:
            firing, muted = self._room.suppressed()
            self._states = now_ns, {"active": firing - muted, "suppressed": muted, "unprocessed": 0}
        return self._states[1]

    def _silence_states(self) -> Mapping[str, int]:
        found = Counter(status.state for status in self._room.silences.list())
        return {state.value: found[state] for state in SilenceState}

    def _of_the_configuration(self) -> Iterator[Metric]:
        server, options = self._server.server(), self._options()
        build = {"version": API_VERSION, "revision": server.version, "branch": "anyascope", "goversion": "", "tags": ""}
        info = GaugeMetricFamily(
            "alertmanager_build_info", "The release of Alertmanager whose API this is, and ours.", labels=list(build)
        )
        info.add_metric(list(build.values()), 1)
        yield info
        told = {
            "cluster_enabled": ("There is no cluster.", 0.0),
            "config_hash": ("Changes with the configuration.", self._config_hash(server)),
            "config_last_reload_successful": ("Whether the last reload went well.", float(not server.reload_error)),
            "config_last_reload_success_timestamp_seconds": (
                "When the configuration in force was read.",
                server.config_ns / NS_PER_S,
            ),
            "inhibition_rules": ("Rules of inhibition.", float(len(options.inhibit_rules))),
            "receivers": ("Receivers.", float(len(options.receivers))),
            "integrations": (
                "Channels of all receivers.",
                float(sum(len(receiver.integrations) for receiver in options.receivers.values())),
            ),
        }
        for name, (help_text, value) in told.items():
            yield GaugeMetricFamily(f"alertmanager_{name}", help_text, value=value)

    def _config_hash(self, server: ServerView) -> float:
        """48 bits of a digest: as many as a float holds."""
        if self._hash is None or self._hash[0] != server.config_ns:
            digest = hashlib.sha256(self._server.alertmanager_yaml().encode("utf-8", "surrogatepass")).digest()
            self._hash = server.config_ns, float(int.from_bytes(digest[:6], "big"))
        return self._hash[1]


Own = Mapping[str, Sequence[Sample]]


def _by_state(name: str, help_text: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family


def _of_intake(own: Own) -> Iterator[Metric]:
    received = CounterMetricFamily(
        "alertmanager_alerts_received", "Alerts taken over, repeats included.", labels=["status", "version"]
    )
    by_state = _sums(own, RECEIVED, "state")
    for state in ("firing", "resolved"):
        received.add_metric([state, "v2"], by_state[state])
    yield received
    invalid = CounterMetricFamily("alertmanager_alerts_invalid", "Posted alerts that are none.", labels=["version"])
    invalid.add_metric(["v2"], sum(sample.value for sample in own.get(INVALID, ()) if sample.name.endswith("_total")))
    yield invalid


def _of_groups(own: Own) -> Iterator[Metric]:
    groups = own.get(GROUPS, ())
    yield GaugeMetricFamily(
        "alertmanager_dispatcher_aggregation_groups", "Groups with alerts.", value=sum(one.value for one in groups)
    )
    looks = sum(sample.value for sample in own.get(LOOKS, ()) if sample.name.endswith("_total"))
    yield CounterMetricFamily("alertmanager_nflog_queries", "Looks at what was told of a group.", value=looks)


def _of_notifications(own: Own) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "alertmanager_notifications", "Notifications that are through or given up.", labels=["integration"]
    )
    failed = CounterMetricFamily(
        "alertmanager_notifications_failed", "Notifications given up.", labels=["integration", "reason"]
    )
    for channel, count in _sums(own, NOTIFICATIONS, "channel").items():
        ended.add_metric([channel], count)
        for reason in REASONS:
            failed.add_metric([channel, reason], _sums(own, FAILED, "reason", channel=channel)[reason])
    yield from (ended, failed)
    requests = CounterMetricFamily("alertmanager_notification_requests", "Attempts to deliver.", labels=["integration"])
    refused = CounterMetricFamily(
        "alertmanager_notification_requests_failed", "Attempts that failed.", labels=["integration"]
    )
    attempts = _sums(own, ATTEMPTS, "channel")
    good = _sums(own, ATTEMPTS, "channel", outcome=AttemptOutcome.OK.value)
    for channel, count in attempts.items():
        requests.add_metric([channel], count)
        refused.add_metric([channel], count - good[channel])
    yield from (requests, refused)
    yield _latency(own)


def _latency(own: Own) -> Metric:
    latency = HistogramMetricFamily(
        "alertmanager_notification_latency_seconds", "How long an attempt took.", labels=["integration"]
    )
    for sample in own.get(ATTEMPT_S, ()):
        part = sample.name.removeprefix(ATTEMPT_S)
        if part in ("_bucket", "_count", "_sum"):
            labels = {"integration": sample.labels["channel"]}
            labels |= {"le": sample.labels["le"]} if part == "_bucket" else {}
            latency.add_sample(f"{latency.name}{part}", labels, sample.value)
    return latency


def _sums(own: Own, name: str, label: str, **wanted: str) -> Counter[str]:
    """A counter summed by one of its labels, over the series that have the wanted values."""
    found: Counter[str] = Counter()
    for sample in own.get(name, ()):
        if sample.name.endswith("_total") and wanted.items() <= sample.labels.items():
            found[sample.labels[label]] += sample.value  # type: ignore[assignment]  # a count that is a float
    return found
