"""Rules over the real engine and a store in memory, on a hand-turned clock."""

from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.model.alerts import AlertState
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch
from anyascope.promql.engine import Engine
from anyascope.rules.options import RulesOptions
from anyascope.rules.series import parse_histogram
from anyascope.store.memory.metrics import MemoryMetrics
from support.rules_house import Pipe, RulesHouse

RULES = """
groups:
- name: custody
  interval: 1h
  rules:
  - record: job:signing_failures:rate1m
    expr: sum by (job) (rate(signing_failures_total[1m]))
  - alert: SigningFails
    expr: job:signing_failures:rate1m > 0
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.job }} fails {{ $value | humanize }} times a second"}
  - alert: SignerDown
    expr: up{job="signer"} == 0
    for: 30s
"""


@pytest.fixture
async def house():
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    house = RulesHouse(
        engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions(external_labels={"site": "s1"})
    )
    await house.start(RULES)
    yield house
    await house.rules.stop()
    engine.close()


def names(alerts):
    return [dict(alert.labels)["alertname"] for alert in alerts]


async def up(house, value):
    await house.send({"__name__": "up", "job": "signer"}, value)


async def failures(house, count):
    await house.send({"__name__": "signing_failures_total", "job": "custody"}, count)


async def test_fires_on_arrival(house):
    """The sample that crosses the line raises the alert at once, through a recorded series of the same group."""
    await failures(house, 0)
    await house.clock.advance(15)
    began_ns = house.clock.now_ns()

    await failures(house, 3)

    (alert,) = house.sink.take()
    assert names([alert]) == ["SigningFails"]
    assert alert.starts_ns == began_ns
    assert alert.annotations["summary"] == "custody fails 50m times a second"
    assert dict(alert.labels)["site"] == "s1"


async def test_resolves_on_arrival(house):
    """The sample with which all is well again ends the alert at once."""
    await up(house, 0)
    await house.clock.advance(31)
    await up(house, 0)
    assert names(house.sink.take()) == ["SignerDown"]
    await house.clock.advance(5)

    await up(house, 1)

    (alert,) = house.sink.take()
    assert alert.ends_ns == house.clock.now_ns()
    state = {rule.name: rule.state for rule in house.rules.groups()[0].rules}
    assert state["SignerDown"] is AlertState.INACTIVE


async def test_survives_a_crash(house):
    """An alert that fired before a crash goes on afterwards with its start, and ends when all is well."""
    await up(house, 0)
    await house.clock.advance(31)
    await up(house, 0)
    (before,) = house.sink.take()
    await house.crash()
    await house.clock.advance(60)
    await house.start(RULES)

    await up(house, 0)
    await house.clock.advance(1)
    (after,) = house.sink.take()
    await up(house, 1)
    await house.clock.advance(1)
    (ended,) = house.sink.take()

    assert after.starts_ns == before.starts_ns == ended.starts_ns
    assert ended.labels == before.labels
    assert ended.ends_ns <= house.clock.now_ns()


async def test_alerts_can_be_queried(house):
    """ALERTS tells a query what is pending and firing, and no more once it is over."""
    await up(house, 0)
    pending = await house.engine.instant("ALERTS", house.clock.now_ns() // 1_000_000)
    await house.clock.advance(31)
    await up(house, 0)
    firing = await house.engine.instant("ALERTS", house.clock.now_ns() // 1_000_000)
    await house.clock.advance(1)
    await up(house, 1)
    over = await house.engine.instant("ALERTS", house.clock.now_ns() // 1_000_000)

    assert [dict(labels)["alertstate"] for labels, _ in pending.pairs()] == ["pending"]
    assert [dict(labels)["alertstate"] for labels, _ in firing.pairs()] == ["firing"]
    assert list(over.pairs()) == []


async def test_native_histograms_are_recorded(house):
    """A recorded native histogram is stored, can be read, and ends with a staleness marker."""
    await house.reload(
        """
        groups:
        - name: natives
          rules:
          - {record: job:seconds, expr: sum by (job) (seconds)}
          - {alert: Busy, expr: job:seconds, annotations: {summary: "{{ $value }}"}}
        """
    )
    histogram = parse_histogram("{{schema:1 count:3 sum:4.5 buckets:[1 2]}}")
    sample = histogram.sample(labels_of({"__name__": "seconds", "job": "a", "pod": "b"}), house.now_ms())
    await house.pipe.metrics(MetricBatch(histograms=(sample,)), source="test")
    await house.clock.advance(0)

    recorded = await house.engine.instant("job:seconds", house.now_ms())
    [(labels, cell)] = recorded.pairs()
    assert dict(labels) == {"__name__": "job:seconds", "job": "a"}
    assert (recorded.natives.at(cell).count, recorded.natives.at(cell).positive) == (3, {0: 1, 1: 2})
    assert house.sink.take()[0].annotations["summary"].startswith("{count:3, sum:4.5, (0.7")

    await house.clock.advance(360)

    assert not list((await house.engine.instant("job:seconds", house.now_ms())).pairs())
    assert any(labels["__name__"] == "job:seconds" and math.isnan(value) for labels, _, value in house.pipe.written())
