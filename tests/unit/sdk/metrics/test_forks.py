"""A forked child counts, whatever its parent's threads held, and tells what it counted itself."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, values
from prometheus_client.core import CounterMetricFamily

from anyascope.clock import NS_PER_S
from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector
from anyascope.sdk.metrics import registry as registry_room
from anyascope.sdk.metrics.forks import renew_locks
from anyascope.sdk.metrics.reading import read_own
from anyascope.sdk.metrics.since import birth_of, since

CHILD_WITHIN_S = 90.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(work):
    """Whether a forked child did the work; one that hangs is killed."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:  # noqa: BLE001  # the parent sees the exit code
            os._exit(1)
        os._exit(0)
    deadline_s = time.monotonic() + CHILD_WITHIN_S
    while time.monotonic() < deadline_s:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


def held_by_another_thread(lock):
    """Hold the lock in a thread until the event is set."""
    over, is_held = threading.Event(), threading.Event()

    def hold():
        with lock:
            is_held.set()
            over.wait(CHILD_WITHIN_S)

    threading.Thread(target=hold, daemon=True).start()
    assert is_held.wait(60)
    return over


@pytest.fixture
def metrics():
    return AnyaMetrics(CollectorRegistry())


def locks(metrics):
    balance = metrics.bitcoin_wallet_balance_sats.labels("hot", "main")
    duration = metrics.bitcoin_transaction_duration.labels("receive")
    return {
        "of the registry": metrics.registry._lock,
        "of a counter's children": metrics.bitcoin_transactions_total._lock,
        "of a gauge's value": balance._value._lock,
        "of a histogram's bucket": duration._buckets[1]._lock,
        "of a histogram's sum": duration._sum._lock,
        "of the label guard": metrics.label_guard._lock,
        "of all metrics": registry_room.AnyaMetrics._lock,
    }


@pytest.mark.parametrize(
    "name",
    [
        "of the registry",
        "of a counter's children",
        "of a gauge's value",
        "of a histogram's bucket",
        "of a histogram's sum",
        "of the label guard",
        "of all metrics",
    ],
)
def test_a_lock_that_was_held_at_the_fork_is_free_in_the_child(metrics, name):
    """The child counts, reads its page and makes further metrics."""

    def work():
        BitcoinMetricsCollector(metrics).record_transaction("receive", "new wallet", "success", 0.02, 5)
        BitcoinMetricsCollector(metrics).record_transaction("receive", "hot", "success", 0.02, 5)
        assert any(family.name == "anya_bitcoin_transactions" for family in read_own(metrics.registry))
        AnyaMetrics.init(CollectorRegistry())

    over = held_by_another_thread(locks(metrics)[name])
    try:
        assert in_child(work)
    finally:
        over.set()


def test_the_one_lock_of_shared_files_is_free_in_the_child(tmp_path, monkeypatch):
    """In multiprocess mode all values have the same."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    metrics = AnyaMetrics(CollectorRegistry())
    method = values.ValueClass.inc
    cells = dict(zip(method.__code__.co_freevars, method.__closure__, strict=True))
    over = held_by_another_thread(cells["lock"].cell_contents)
    try:
        assert in_child(lambda: BitcoinMetricsCollector(metrics).record_transaction("send", "hot", "success", 0.1, 5))
    finally:
        over.set()


def test_the_parent_keeps_its_locks(metrics):
    """Renewing happens in the child alone."""
    before = locks(metrics)
    assert in_child(lambda: None)
    assert locks(metrics) == before


def test_locks_of_a_registry_that_is_odd_are_renewed_as_far_as_can_be(caplog):
    """A registry whose inside changed costs one line."""

    class Odd:
        __slots__ = ()

    renew_locks([Odd(), CollectorRegistry()])
    assert "renewing the locks" in caplog.text


def test_a_child_tells_what_it_counted_itself():
    """Counters, histograms, summaries and gauges that are added up begin at 0 with the child; readings stay."""
    registry = CollectorRegistry()
    counter, histogram = Counter("c", "h", registry=registry), Histogram("h", "h", buckets=(1,), registry=registry)
    summary, reading = Summary("s", "h", registry=registry), Gauge("reading", "h", registry=registry)
    shared = Gauge("part", "h", registry=registry, multiprocess_mode="sum")
    for _ in range(2):
        counter.inc(5)
        histogram.observe(0.5)
        summary.observe(3)
        reading.set(7)
        shared.inc(4)
    now_ns = time.time_ns()
    birth = birth_of(registry, at_ns=now_ns)
    counter.inc()
    histogram.observe(2)
    shared.dec()
    found = {s.name + s.labels.get("le", ""): s for f in since(birth, read_own(registry)) for s in f.samples}
    told = {name: sample.value for name, sample in found.items() if not name.endswith("_created")}
    assert told == {
        "c_total": 1,
        "h_bucket1.0": 0,
        "h_bucket+Inf": 1,
        "h_count": 1,
        "h_sum": 2,
        "s_count": 0,
        "s_sum": 0,
        "reading": 7,
        "part": -1,
    }
    assert found["c_created"].value == pytest.approx(now_ns / NS_PER_S)


def test_exemplars_of_the_parent_are_the_parents():
    """Those of the child are told."""
    registry = CollectorRegistry()
    old, new = Counter("old", "h", registry=registry), Counter("new", "h", registry=registry)
    for counter in (old, new):
        counter.inc(exemplar={"a": "parent"})
    birth = birth_of(registry, at_ns=time.time_ns() + 1)
    new.inc(exemplar={"a": "child"})
    found = {s.name: s.exemplar for f in since(birth, read_own(registry)) for s in f.samples}
    assert found["old_total"] is None
    assert found["new_total"].labels == {"a": "child"}


def test_what_the_host_set_back_is_told_as_it_is():
    """A counter that is below its value at birth was reset; one that is new has no past."""
    registry = CollectorRegistry()
    counter = Counter("c", "h", ["a"], registry=registry)
    counter.labels("x").inc(5)
    birth = birth_of(registry, at_ns=1)
    counter.labels("x").reset()
    counter.labels("x").inc(2)
    counter.labels("y").inc(3)
    found = {(s.name, s.labels["a"]): s.value for f in since(birth, read_own(registry)) for s in f.samples}
    assert (found["c_total", "x"], found["c_total", "y"]) == (2, 3)


def test_no_collector_of_the_host_is_asked_at_the_fork():
    """Its locks might be held."""
    registry, asked = CollectorRegistry(), []

    class Own:
        def collect(self):
            asked.append(1)
            return [CounterMetricFamily("own", "h", value=1)]

        def describe(self):
            return []

    registry.register(Own())
    birth_of(registry, at_ns=1)
    assert asked == []
