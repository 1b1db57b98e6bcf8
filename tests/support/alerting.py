"""An alert manager on a clock that is turned by hand, with channels that remember."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.sdk.alerting import Alert, AlertManager, current_turn

START_S = 1_700_000_000


class HandClock:
    """Stands still until `s` is set."""

    def __init__(self) -> None:
        self.s = 0.0

    def now_ns(self) -> int:
        return int((START_S + self.s) * NS_PER_S)

    def monotonic_ns(self) -> int:
        return int((1_000 + self.s) * NS_PER_S)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the SDK's alerting waits by threads")


class Recorder:
    """A channel that remembers (second, name, turn) of each send; `answers` are raised first, one a send."""

    def __init__(self, name: str, clock: HandClock, told: list[tuple[float, str, str]]) -> None:
        self.name = name
        self.alerts: list[Alert] = []
        self.answers: list[BaseException | None] = []
        self.takes: frozenset[AlertSeverity] = frozenset(AlertSeverity)
        self._clock = clock
        self._told = told

    def channel_name(self) -> str:
        return self.name

    def supports_severity(self, severity: AlertSeverity) -> bool:
        return severity in self.takes

    def send_alert(self, alert: Alert) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.alerts.append(alert)
        self._told.append((self._clock.s, self.name, current_turn()))


class House:
    """A driven manager with recording channels."""

    def __init__(self, *names: str, **options: Any) -> None:
        self.clock = HandClock()
        self.told: list[tuple[float, str, str]] = []
        self.channels = {name: Recorder(name, self.clock, self.told) for name in names or ("slack", "email", "phone")}
        self.registry = CollectorRegistry()
        self.manager = AlertManager(
            self.channels.values(), clock=self.clock, registry=self.registry, is_driven=True, **options
        )

    def send(self, alert: Alert) -> str:
        identity = self.manager.send_alert(alert)
        self.manager.tick()
        return identity

    def to(self, s: float, *, step_s: float = 1.0, then: Callable[[float], None] | None = None) -> None:
        """Go on to second `s`, looking each `step_s`."""
        while self.clock.s + step_s <= s:
            self.clock.s += step_s
            if then is not None:
                then(self.clock.s)
            self.manager.tick()
        self.clock.s = s
        self.manager.tick()

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def an_alert(
    title: str = "Signing failed", *, severity: AlertSeverity = AlertSeverity.CRITICAL, **fields: Any
) -> Alert:
    """An alert with everything in it."""
    given = {
        "id": "7d3c9f9e-0000-4000-8000-000000000001",
        "timestamp": START_S,
        "labels": {"wallet": "cold"},
        "annotations": {"runbook_url": "https://runbooks.test/signing"},
        "escalation_policy": "critical",
        "correlation_id": "5d0b2f1e-0000-4000-8000-000000000001",
    }
    description = fields.pop("description", "The HSM refused 3 signatures in a row.")
    return Alert(title, description, severity, AlertCategory.SECURITY, "hsm-1", **(given | fields))
