"""What is told of alerts to those who watch the service: counters with exemplars, log lines and audit events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.book import Held
from anyascope.sdk.alerting.status import SendOutcome, SendRecord
from anyascope.sdk.audit import audit_event
from anyascope.sdk.guard import tell_once
from anyascope.sdk.logs import emit

_log = logging.getLogger("anyascope.alerting")
_LEVELS: Final = {
    AlertSeverity.CRITICAL: logging.CRITICAL,
    AlertSeverity.HIGH: logging.ERROR,
    AlertSeverity.MEDIUM: logging.WARNING,
    AlertSeverity.LOW: logging.INFO,
}
_ATTEMPT_LEVELS: Final = {
    SendOutcome.OK: logging.INFO,
    SendOutcome.RETRY: logging.WARNING,
    SendOutcome.FAILED: logging.ERROR,
    SendOutcome.NO_CHANNEL: logging.WARNING,
}


class Counters:
    """The counters of a registry; one set for all managers that share it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.alerts = Counter(
            "anyascope_sdk_alerts",
            "Alerts that the service raised, by severity and what became of them.",
            ["severity", "outcome"],
            registry=registry,
        )
        self.notifications = Counter(
            "anyascope_sdk_alert_notifications",
            "Attempts to tell an alert, by channel and outcome.",
            ["channel", "outcome"],
            registry=registry,
        )


_counters: WeakKeyDictionary[CollectorRegistry, Counters] = WeakKeyDictionary()
_counters_lock = threading.Lock()
_listeners: list[Callable[[Alert], None]] = []


def counters_of(registry: CollectorRegistry | None) -> Counters:
    """The counters in this registry; in `prometheus_client`'s own where it is None."""
    chosen = REGISTRY if registry is None else registry
    with _counters_lock:
        found = _counters.get(chosen)
        if found is None:
            found = _counters[chosen] = Counters(chosen)
        return found


def observe_alerts(listener: Callable[[Alert], None]) -> Callable[[], None]:
    """Call `listener` with each new alert that any manager of this process takes over, until the answer is called."""
    _listeners.append(listener)

    def stop() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return stop


class Accounts:
    """Tells what one manager does.

    Args:
        registry: where the counters are; None is `prometheus_client`'s own.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._registry = registry

    def raised(self, alert: Alert, *, outcome: str, exemplar: dict[str, str] | None) -> None:
        """An alert was taken over, repeats a held one, or was dropped."""
        self._count_alert(alert, outcome, exemplar)
        if outcome == "repeated":
            return  # once told; what repeats is counted
        event = "alert_raised" if outcome == "accepted" else "alert_dropped"
        emit(_log, _LEVELS[alert.severity], event, **_fields(alert), description=alert.description)
        self._audit("alert.raised", alert, outcome=outcome)
        if outcome == "accepted":
            for listener in tuple(_listeners):
                listener(alert)

    def attempted(self, held: Held, record: SendRecord) -> None:
        """Somebody was told, or could not be."""
        self._count_attempt(record, held.exemplar)
        level = _ATTEMPT_LEVELS.get(record.outcome)
        if level is None:
            return
        fields = {
            "channel": record.channel,
            "escalation_level": record.level,
            "repeat": record.repeat,
            "detail": record.detail,
        }
        emit(_log, level, f"alert_notification_{record.outcome.value}", **_fields(held.alert), **fields)
        if record.outcome is not SendOutcome.NO_CHANNEL:
            self._audit("alert.notification", held.alert, outcome=record.outcome.value, fields=fields)

    def acknowledged(self, held: Held) -> None:
        """Somebody answered."""
        emit(_log, logging.INFO, "alert_acknowledged", **_fields(held.alert), by=held.acknowledged_by)
        self._audit("alert.acknowledged", held.alert, outcome="ok", actor=held.acknowledged_by)

    def resolved(self, held: Held) -> None:
        """It is over."""
        emit(_log, logging.INFO, "alert_resolved", **_fields(held.alert))
        self._audit("alert.resolved", held.alert, outcome="ok")

    def _count_alert(self, alert: Alert, outcome: str, exemplar: dict[str, str] | None) -> None:
        try:
            counters_of(self._registry).alerts.labels(alert.severity.value, outcome).inc(exemplar=exemplar)
        except Exception as error:  # noqa: BLE001  # a registry of the host's; the alert goes on
            tell_once("counting alerts", error)

    def _count_attempt(self, record: SendRecord, exemplar: dict[str, str] | None) -> None:
        try:
            labels = (record.channel, record.outcome.value)
            counters_of(self._registry).notifications.labels(*labels).inc(exemplar=exemplar)
        except Exception as error:  # noqa: BLE001  # as above
            tell_once("counting notifications", error)

    @staticmethod
    def _audit(
        action: str, alert: Alert, *, outcome: str, actor: str | None = None, fields: Mapping[str, object] | None = None
    ) -> None:
        audit_event(
            action,
            phase="event",
            correlation_id=alert.correlation_id or alert.id,
            actor=actor,
            resource=alert.source_component,
            outcome=outcome,
            alert_id=alert.id,
            alert_title=alert.title,
            severity=alert.severity.value,
            **(fields or {}),
        )


def _fields(alert: Alert) -> dict[str, object]:
    return {
        "alert_id": alert.id,
        "title": alert.title,
        "severity": alert.severity.value,
        "category": alert.category.value,
        "component": alert.source_component,
        "escalation_policy": alert.escalation_policy,
        "correlation_id": alert.correlation_id or "",
    }
