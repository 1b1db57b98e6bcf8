"""The background push: what is sent, when, by whom, and what a bad far end costs."""

from __future__ import annotations

import os
import threading
import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge

from anyascope.sdk.delivery import Target
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, push_metrics
from anyascope.sdk.metrics.push import PUSH_EVERY_S, MetricsPush, _sound_interval
from support.server import eventually

RESOURCE = Resource({"service.name": "s", "service.instance.id": "i"})
LONG_S = 3_600


def groups(end):
    return [
        group
        for path, body in zip(end.paths, end.bodies, strict=True)
        if path == "/v1/metrics"
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
    ]


def totals(end, name):
    """The values of a counter without labels, push by push."""
    return [
        metric.sum.data_points[0].as_double
        for group in groups(end)
        for metric in group.scope_metrics[0].metrics
        if metric.name == name
    ]


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def push(end, registry):
    """A push that does nothing by itself."""
    push = MetricsPush(registry, Target(f"{end.url}/v1/metrics"), resource=RESOURCE, every_s=LONG_S)
    push.start()
    yield push
    push.shutdown(5)


def test_a_flush_sends_what_is_counted_now(end, registry, push):
    """And says that it was sent."""
    counter = Counter("c", "h", registry=registry)
    for _ in range(2):
        counter.inc()
        assert push.flush(10)
    assert totals(end, "c") == [1, 2]


def test_it_goes_on_by_itself(end, registry):
    """At its interval."""
    Counter("c", "h", registry=registry).inc()
    push = MetricsPush(registry, Target(f"{end.url}/v1/metrics"), resource=RESOURCE, every_s=0.1)
    push.start()
    eventually(lambda: len(totals(end, "c")) >= 3, what="three pushes")
    push.shutdown()


def test_a_shutdown_sends_once_more_and_ends(end, registry, push):
    """Nothing is sent afterwards, and a second shutdown is nothing."""
    counter = Counter("c", "h", registry=registry)
    counter.inc()
    push.shutdown(10)
    counter.inc()
    push.shutdown(10)
    assert totals(end, "c") == [1]
    eventually(lambda: not push._thread._is_running, what="the thread ends")


def test_threads_that_flush_at_once_are_all_served(end, registry, push):
    """None waits in vain."""
    Counter("c", "h", registry=registry).inc()
    done = []
    threads = [threading.Thread(target=lambda: done.append(push.flush(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 8


@pytest.mark.parametrize("mode", ["black_hole", "drop", "503"])
def test_a_bad_far_end_costs_nothing(end, registry, mode):
    """Pushes are made in their interval, what waits is bounded, and a shutdown takes no longer than it may."""
    end.mode = mode
    Gauge("g", "h", registry=registry)
    push = MetricsPush(registry, Target(f"{end.url}/v1/metrics", attempt_s=0.2), resource=RESOURCE, every_s=0.1)
    push.start()
    eventually(lambda: push._door.waiting()[0] >= 3, what="pushes wait")
    push.shutdown(0.5)
    assert push._door.waiting() == (0, 0)


def test_a_lock_that_the_interrupted_code_holds_does_not_keep_the_process(end, registry, push, monkeypatch):
    """A signal handler that ends the process may have interrupted a count: the last push is made all the same."""
    monkeypatch.setattr("anyascope.sdk.metrics.push.READ_WITHIN_S", 0.05)
    counter = Counter("c", "h", registry=registry)
    counter.inc()
    with counter._value._lock:
        push.flush_at_exit(time.monotonic() + 20)
        assert push._door.flush(10)
        assert totals(end, "c") == [1]


def test_it_says_who_it_is(end, push, registry):
    """The resource, and no scope that receivers would make labels of."""
    Gauge("g", "h", registry=registry)
    push.flush(10)
    (group,) = groups(end)
    assert {a.key: a.value.string_value for a in group.resource.attributes} == dict(RESOURCE.attributes)
    assert group.scope_metrics[0].scope.name == ""


def test_a_forked_child_is_another_instance(push, monkeypatch):
    """With the operator's id in front, where there is one."""
    assert push._process_resource() is RESOURCE
    monkeypatch.setattr(os, "getpid", lambda: 7)
    assert push._process_resource().attributes["service.instance.id"] not in ("i", "")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=i")
    assert push._process_resource().attributes["service.instance.id"] == "i-7"


def test_shared_files_are_pushed_once_for_all(end, shared):
    """As one instance; a custom collector of a process under that process's own."""
    registry = CollectorRegistry()
    metrics = AnyaMetrics(registry)
    metrics.failed_auth_attempts.inc()
    with shared.process(5_000_002):
        metrics.failed_auth_attempts.inc(2)

    class Own:
        def describe(self):
            return []

        def collect(self):
            from prometheus_client.core import GaugeMetricFamily

            return [GaugeMetricFamily("own", "h", value=1)]

    registry.register(Own())
    push = MetricsPush(registry, Target(f"{end.url}/v1/metrics"), resource=RESOURCE, every_s=LONG_S)
    push.start()
    assert push.flush(10)
    push.shutdown()
    by_name = {m.name: (g, m) for g in groups(end) for m in g.scope_metrics[0].metrics}
    group, metric = by_name["anya_failed_auth_attempts"]
    assert metric.sum.data_points[0].as_double == 3
    ids = [
        next(a.value.string_value for a in g.resource.attributes if a.key == "service.instance.id")
        for g in (group, by_name["own"][0])
    ]
    assert ids[0] != "i"
    assert ids[1] == "i"


@pytest.mark.parametrize("every_s", [0, -1, "5", None, float("nan"), 10**9])
def test_an_interval_that_cannot_be_meant_is_reported(every_s):
    """And the default holds."""
    assert _sound_interval(every_s) == PUSH_EVERY_S
    with strict(), pytest.raises(MisuseError, match="every_s"):
        _sound_interval(every_s)


@pytest.mark.parametrize("endpoint", ["off", " OFF "])
def test_an_endpoint_may_be_off(endpoint):
    """Without a report."""
    with strict():
        assert push_metrics(endpoint) is None


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "ftp://x"},
        {"endpoint": 5},
        {"endpoint": "http://127.0.0.1:1", "protocol": "pigeon"},
        {"endpoint": "http://127.0.0.1:1", "protocol": "jaeger_thrift_http"},
    ],
)
def test_a_far_end_that_cannot_be_is_reported(options):
    """And nothing is pushed."""
    assert push_metrics(**options) is None
    with strict(), pytest.raises(MisuseError, match="not pushed"):
        push_metrics(**options)


def test_opentelemetry_can_be_switched_off(monkeypatch):
    """By its own variable."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert push_metrics("http://127.0.0.1:1") is None


def test_push_metrics_pushes(end, registry):
    """To the endpoint's path for metrics, as the service."""
    Counter("c", "h", registry=registry).inc()
    push = push_metrics(end.url, registry=registry, service_name="custody", token="t", every_s=LONG_S)
    assert push.flush(10)
    push.shutdown()
    assert totals(end, "c")[0] == 1
    assert end.received[0]["authorization"] == "Bearer t"
    assert any(a.value.string_value == "custody" for a in groups(end)[0].resource.attributes)
