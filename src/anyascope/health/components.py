"""Collects what components say of themselves, remembers since when, and sums it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from anyascope.clock import Clock
from anyascope.ports import ComponentHealth, HealthSource, HealthStatus

_WORST_FIRST = (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED, HealthStatus.HEALTHY, HealthStatus.UNKNOWN)
_SCORES = {HealthStatus.HEALTHY: 1.0, HealthStatus.DEGRADED: 0.5, HealthStatus.UNHEALTHY: 0.0}


log = structlog.get_logger("anyascope.health")


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The whole and its parts: the worst first, then by name."""

    status: HealthStatus
    components: tuple[ComponentHealth, ...]


def worst_of(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The status of a whole with these parts: its worst part's. Parts that say nothing count only where all do so."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), HealthStatus.UNKNOWN)


class Health(Collector):
    """Asks every source when it is asked; also the metric `anyascope_component_health` (1, 0.5, 0)."""

    def __init__(self, *, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._sources: list[HealthSource] = []
        self._broken: list[HealthSource] = []  # of which the log has told already
        self._since: dict[str, tuple[HealthStatus, int]] = {}
        registry.register(self)

    def watch(self, sources: Sequence[HealthSource]) -> None:
        """Ask these from now on, in place of those before."""
        self._sources = list(sources)

    def report(self) -> HealthReport:
        """How everything is now."""
        components = [self._dated(component) for source in self._sources for component in self._told_by(source)]
        components.sort(key=lambda c: (_WORST_FIRST.index(c.status), c.component))
        return HealthReport(worst_of(c.status for c in components), tuple(components))

    def _told_by(self, source: HealthSource) -> Sequence[ComponentHealth]:
        """What a room says of itself; that one cannot must not hide the others, nor all metrics of the server."""
        try:
            told = tuple(source.health())
        except Exception as error:
            if source not in self._broken:
                log.exception("health_broke", room=_room_of(source))
                self._broken.append(source)
            return (
                ComponentHealth(
                    _room_of(source),
                    "room",
                    HealthStatus.UNHEALTHY,
                    f"it cannot say how it is: {type(error).__name__}: {error}",
                    "a fault of the server: its log says where; restart it, and report it",
                ),
            )
        if source in self._broken:
            self._broken.remove(source)
        return told

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The components that know how they are, as a gauge."""
        family = GaugeMetricFamily(
            "anyascope_component_health",
            "Health of a component: 1 healthy, 0.5 degraded, 0 unhealthy.",
            labels=["component", "kind"],
        )
        for component in self.report().components:
            if component.status in _SCORES:
                family.add_metric([component.component, component.kind], _SCORES[component.status])
        return [family]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing yet: sources come after the registry."""
        return []

    def _dated(self, component: ComponentHealth) -> ComponentHealth:
        if component.since_ns:
            return component
        status, since_ns = self._since.get(component.component, (None, 0))
        if status is not component.status:
            since_ns = self._clock.now_ns()
            self._since[component.component] = (component.status, since_ns)
        return replace(component, since_ns=since_ns)


def _room_of(source: HealthSource) -> str:
    """The package that a source belongs to, such as `collect`."""
    parts = type(source).__module__.split(".")
    return parts[1] if len(parts) > 1 else parts[0]
