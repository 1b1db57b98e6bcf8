"""Alertmanager's names for what the server says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from anyascope.alerting.settings import AlertingOptions
from anyascope.api.prometheus.status import ServerView
from anyascope.app.alertmanager_names import KEPT_S, AlertmanagerNames
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.model.silences import Silence, SilenceState, SilenceStatus

SERVER = ServerView("1.2.3", 0, "/srv", "host.test", "30d", 5 * NS_PER_S)


@dataclass
class Room:
    """What the collector asks."""

    counts: tuple[int, int] = (0, 0)
    kept: list[SilenceStatus] = field(default_factory=list)
    view: ServerView = SERVER
    yaml: str = "route: {}\n"

    @property
    def silences(self):
        return self

    def list(self):
        return self.kept

    def suppressed(self):
        return self.counts

    def server(self):
        return self.view

    def alertmanager_yaml(self):
        return self.yaml


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def registry(room, clock):
    found = CollectorRegistry()
    found.register(AlertmanagerNames(found, room=room, server=room, options=AlertingOptions, clock=clock))
    return found


def test_alerts_and_silences_are_counted_by_state(room, clock, registry):
    """The count of alerts is at most some seconds old."""
    room.counts = (3, 1)
    room.kept = [SilenceStatus(Silence("i", (), 0, 1, "a", "b"), SilenceState.PENDING)]
    value = registry.get_sample_value
    assert [value("alertmanager_alerts", {"state": state}) for state in ("active", "suppressed", "unprocessed")] == [
        2, 1, 0,
    ]  # fmt: skip
    assert [value("alertmanager_silences", {"state": state.value}) for state in SilenceState] == [0, 1, 0]
    room.counts = (0, 0)
    assert value("alertmanager_alerts", {"state": "active"}) == 2
    clock._now_ns += int(KEPT_S * NS_PER_S)
    assert value("alertmanager_alerts", {"state": "active"}) == 0


def test_notifications_are_told_by_integration(registry):
    """Through and failed ones, attempts and their time, under upstream's labels."""
    ended = Counter("anyascope_notifications", "x", ["channel", "status"], registry=registry)
    failed = Counter("anyascope_notifications_failed", "x", ["channel", "reason"], registry=registry)
    attempts = Counter("anyascope_notification_attempts", "x", ["channel", "outcome"], registry=registry)
    seconds = Histogram("anyascope_notification_attempt_duration_seconds", "x", ["channel"], registry=registry)
    ended.labels("slack", "sent").inc(3)
    ended.labels("slack", "failed").inc()
    failed.labels("slack", "serverError").inc()
    attempts.labels("slack", "ok").inc(3)
    attempts.labels("slack", "retry").inc(2)
    seconds.labels("slack").observe(0.2)
    value, slack = registry.get_sample_value, {"integration": "slack"}
    assert value("alertmanager_notifications_total", slack) == 4
    assert value("alertmanager_notifications_failed_total", slack | {"reason": "serverError"}) == 1
    assert value("alertmanager_notifications_failed_total", slack | {"reason": "other"}) == 0
    assert value("alertmanager_notification_requests_total", slack) == 5
    assert value("alertmanager_notification_requests_failed_total", slack) == 2
    assert value("alertmanager_notification_latency_seconds_sum", slack) == pytest.approx(0.2)
    assert value("alertmanager_notification_latency_seconds_bucket", slack | {"le": "+Inf"}) == 1


def test_the_hash_changes_with_the_configuration(room, registry):
    """It is computed again once another configuration is in force, and fits a float whole."""
    before = registry.get_sample_value("alertmanager_config_hash")
    room.yaml = "route: {receiver: x}\n"
    assert registry.get_sample_value("alertmanager_config_hash") == before
    room.view = replace(SERVER, config_ns=6 * NS_PER_S, reload_error="broken")
    after = registry.get_sample_value("alertmanager_config_hash")
    assert after not in (None, before)
    assert after == int(after) < 2**48
    assert registry.get_sample_value("alertmanager_config_last_reload_successful") == 0
