"""The health of the whole, from its parts."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.health.components import Health, worst_of
from anyascope.ports import ComponentHealth, HealthStatus


class Says:
    """A source that says what it is told to."""

    def __init__(self, **statuses: HealthStatus) -> None:
        self.statuses = statuses

    def health(self):
        return [ComponentHealth(name, "test", status) for name, status in self.statuses.items()]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], HealthStatus.UNKNOWN),
        ([HealthStatus.UNKNOWN], HealthStatus.UNKNOWN),
        ([HealthStatus.UNKNOWN, HealthStatus.HEALTHY], HealthStatus.HEALTHY),
        ([HealthStatus.HEALTHY, HealthStatus.DEGRADED], HealthStatus.DEGRADED),
        ([HealthStatus.DEGRADED, HealthStatus.UNHEALTHY], HealthStatus.UNHEALTHY),
    ],
)
def test_the_whole_is_as_its_worst_part(parts, whole):
    """The worst part decides; a part that says nothing decides only where all are silent."""
    assert worst_of(parts) is whole


async def test_remembers_since_when():
    """A status keeps its date until it changes."""
    clock = ManualClock(0)
    health = Health(clock=clock, registry=CollectorRegistry())
    source = Says(store=HealthStatus.HEALTHY)
    health.watch([source])
    health.report()
    await clock.advance(10)
    assert health.report().components[0].since_ns == 0
    source.statuses["store"] = HealthStatus.UNHEALTHY
    assert health.report().components[0].since_ns == 10 * NS_PER_S


def test_is_a_metric():
    """Components that know how they are have a gauge of 1, 0.5 or 0."""
    registry = CollectorRegistry()
    health = Health(clock=ManualClock(), registry=registry)
    health.watch(
        [Says(a=HealthStatus.HEALTHY, b=HealthStatus.DEGRADED, c=HealthStatus.UNHEALTHY, d=HealthStatus.UNKNOWN)]
    )
    values = {
        name: registry.get_sample_value("anyascope_component_health", {"component": name, "kind": "test"})
        for name in "abcd"
    }
    assert values == {"a": 1.0, "b": 0.5, "c": 0.0, "d": None}


def test_a_room_that_cannot_say_how_it_is_hides_no_other():
    """It is unhealthy, and says why; the other components and all metrics of the server are there as before."""
    registry = CollectorRegistry()
    health = Health(clock=ManualClock(), registry=registry)
    broken, well = Says(), Says(a=HealthStatus.HEALTHY)
    broken.statuses = None
    health.watch([broken, well])

    report = health.report()

    assert report.status is HealthStatus.UNHEALTHY
    first, second = report.components
    assert (first.status, second.component) == (HealthStatus.UNHEALTHY, "a")
    assert "AttributeError" in first.message
    assert first.advice
    gauge = registry.get_sample_value("anyascope_component_health", {"component": "a", "kind": "test"})
    assert gauge == 1
    broken.statuses = {"b": HealthStatus.HEALTHY}
    assert health.report().status is HealthStatus.HEALTHY
