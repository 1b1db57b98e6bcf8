"""Multiprocess mode: several processes write files in one folder, and a page shows what they are together."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram

from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector, archive
from anyascope.sdk.metrics.archive import bury, clean_folder
from anyascope.sdk.metrics.directory import FILES_LOCK, held
from anyascope.sdk.metrics.gunicorn import child_exit
from anyascope.sdk.metrics.reading import read_all

FIRST, SECOND, THIRD = 5_000_001, 5_000_002, 5_000_003


@pytest.fixture
def metrics(shared):
    return AnyaMetrics(CollectorRegistry())


def page(metrics):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in read_all(metrics.registry)
        for sample in family.samples
    }


def value(metrics, name, **labels):
    return page(metrics).get((f"anya_{name}", *sorted(labels.items())))


def pay(metrics, amount=10):
    BitcoinMetricsCollector(metrics).record_transaction("receive", "hot", "success", 0.02, amount)


def counted(metrics):
    return value(metrics, "bitcoin_transactions_total", operation_type="receive", status="success", wallet_id="hot")


def balance(metrics):
    return value(metrics, "bitcoin_wallet_balance_sats", wallet_id="hot", wallet_type="main")


def test_a_page_shows_all_processes(shared, metrics):
    """Counters, histograms and the balance are sums."""
    for pid in (FIRST, SECOND, THIRD):
        with shared.process(pid):
            pay(metrics)
    assert (counted(metrics), balance(metrics)) == (3, 30)
    assert value(metrics, "bitcoin_transaction_duration_seconds_bucket", operation_type="receive", le="0.05") == 3


def test_a_reading_is_the_last_one_whoever_took_it(shared, metrics):
    """Also where it fell, and where it was raised instead of set."""
    with shared.process(FIRST):
        metrics.bitcoin_block_height.set(840_001)
    with shared.process(SECOND):
        metrics.bitcoin_block_height.set(840_000)
    assert value(metrics, "bitcoin_block_height") == 840_000
    with shared.process(FIRST):
        metrics.bitcoin_block_height.inc()
    assert value(metrics, "bitcoin_block_height") == 840_002


def test_a_shared_number_can_be_set_by_anybody(shared, metrics):
    """It is then what was set, and goes on from there."""
    sessions = metrics.active_sessions
    with shared.process(FIRST):
        sessions.inc(5)
    with shared.process(SECOND):
        sessions.dec(2)
        sessions.set(100)
    assert value(metrics, "active_sessions") == 100
    with shared.process(FIRST):
        sessions.inc()
    assert value(metrics, "active_sessions") == 101


def test_gauges_can_be_raised_and_set_in_one_process_too():
    """Without shared files they are plain gauges."""
    metrics = AnyaMetrics(CollectorRegistry())
    metrics.bitcoin_block_height.set(5)
    metrics.bitcoin_block_height.inc(2)
    metrics.bitcoin_block_height.dec()
    metrics.bitcoin_wallet_balance_sats.labels("hot", "main").set(7)
    metrics.bitcoin_wallet_balance_sats.labels("hot", "main").dec(9)
    assert value(metrics, "bitcoin_block_height") == 6
    assert balance(metrics) == -2


def test_a_dead_process_leaves_its_totals_and_takes_its_connections(shared, metrics):
    """What it counted stays, what it held is gone, and so are its files."""
    with shared.process(FIRST):
        pay(metrics)
        metrics.http_active_connections.inc(3)
        metrics.bitcoin_block_height.set(5)
        metrics.active_sessions.inc(4)
    with shared.process(SECOND):
        pay(metrics)
        metrics.http_active_connections.inc(1)
    before = page(metrics)
    bury(FIRST)
    after = page(metrics)
    assert after.pop(("anya_http_active_connections",)) == 1
    assert before.pop(("anya_http_active_connections",)) == 4
    assert after == before
    assert not list(shared.path.glob(f"*_{FIRST}.db"))


def test_a_hundred_dead_processes_leave_as_many_files_as_one(shared, metrics):
    """A service whose workers are replaced all day is scraped as fast in the evening."""
    for pid in range(FIRST, FIRST + 100):
        with shared.process(pid):
            pay(metrics)
        bury(pid)
    assert counted(metrics) == 100
    assert balance(metrics) == 1_000
    assert len(list(shared.path.glob("*.db"))) <= 5


def test_largest_smallest_and_own_gauges_of_a_host_stay_what_they_are(shared):
    """Its modes are kept when a process is buried."""
    registry = CollectorRegistry()
    gauges = {
        mode: Gauge(f"g_{mode}", "h", registry=registry, multiprocess_mode=mode) for mode in ("min", "max", "all")
    }
    for pid, number in ((FIRST, 1), (SECOND, 3), (THIRD, 2)):
        with shared.process(pid):
            for gauge in gauges.values():
                gauge.set(number)
    before = {sample for family in read_all(registry) for sample in _plain(family)}
    for pid in (FIRST, SECOND):
        bury(pid)
    assert {sample for family in read_all(registry) for sample in _plain(family)} == before


def _plain(family):
    return {(sample.name, tuple(sorted(sample.labels.items())), sample.value) for sample in family.samples}


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_crash_in_the_middle_of_a_burial_loses_and_doubles_nothing(shared, metrics, monkeypatch, steps):
    """Whichever file was moved last: the next reader or burial finishes it."""
    for pid in (FIRST, SECOND):
        with shared.process(pid):
            pay(metrics)
    bury(FIRST)
    moves = []

    class Crash(BaseException):
        pass

    def crash(self, *arguments, original, **named):
        moves.append(self)
        if len(moves) == steps:
            raise Crash
        return original(self, *arguments, **named)

    for name in ("replace", "unlink"):
        original = getattr(archive.Path, name)
        monkeypatch.setattr(
            archive.Path, name, lambda self, *a, original=original, **n: crash(self, *a, original=original, **n)
        )
    with pytest.raises(Crash):
        bury(SECOND)
    monkeypatch.undo()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared.path))
    from anyascope.sdk.metrics.reading import read_folder

    def total():
        return sum(
            sample.value
            for family in read_folder(shared.path)
            for sample in family.samples
            if sample.name == "anya_bitcoin_transactions_total"
        )

    assert total() == 2
    assert total() == 2


def test_an_empty_file_of_a_killed_process_does_not_hide_the_others(shared, metrics):
    """`prometheus_client` makes a file and sizes it later (its issue 1199)."""
    pay(metrics)
    (shared.path / f"counter_{SECOND}.db").write_bytes(b"")
    assert counted(metrics) == 1


def test_a_damaged_file_does_not_hide_the_others(shared, metrics, caplog):
    """One line names it."""
    pay(metrics)
    (shared.path / f"counter_{SECOND}.db").write_bytes(b"\xff\xff\x00\x00\x00\x00\x00\x00" + b"\xee" * 100_000)
    assert counted(metrics) == 1
    assert f"counter_{SECOND}.db" in caplog.text


def test_a_living_process_is_not_buried(shared, metrics, monkeypatch):
    """Nor is what is no process."""
    with shared.process(1):
        pay(metrics)
    bury(1)
    assert list(shared.path.glob("counter_1.db"))
    for odd in (0, -1, "1", None, True):
        bury(odd)
    assert counted(metrics) == 1


def test_gunicorn_buries_its_workers(shared, metrics):
    """By its hook, whatever ended them."""

    class Worker:
        pid = SECOND

    with shared.process(SECOND):
        pay(metrics)
    child_exit(None, Worker())
    child_exit(None, object())
    assert not list(shared.path.glob(f"*_{SECOND}.db"))
    assert counted(metrics) == 1


def test_a_new_run_begins_with_an_empty_folder(shared, metrics):
    """What dead processes left is removed, this one's own files stay."""
    with shared.process(SECOND):
        pay(metrics)
    bury(SECOND)
    with shared.process(THIRD):
        pay(metrics)
    pay(metrics)
    clean_folder()
    assert counted(metrics) == 1


def test_an_upgrade_in_place_keeps_the_folder(shared, metrics):
    """While a process of the former run lives nothing is removed."""
    with shared.process(1):
        pay(metrics)
    with shared.process(SECOND):
        pay(metrics)
    clean_folder()
    assert counted(metrics) == 2


def test_a_lock_is_held_once(tmp_path):
    """The second who asks is told, after the time that it is ready to wait."""
    with held(tmp_path, FILES_LOCK, within_s=0) as first, held(tmp_path, FILES_LOCK, within_s=0.01) as second:
        assert (first, second) == (True, False)
    with held(tmp_path, FILES_LOCK, within_s=0) as third:
        assert third


def test_a_folder_that_cannot_be_written_silences_the_metrics(shared, monkeypatch, caplog):
    """The host goes on, and one line says why nothing is counted."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/proc/nowhere")
    shared.pid = THIRD
    metrics = AnyaMetrics(CollectorRegistry())
    pay(metrics)
    assert "making the metric" in caplog.text
    assert read_all(metrics.registry) == []


def test_histograms_of_a_host_are_kept_too(shared):
    """Buckets, count and sum."""
    histogram = Histogram("h_seconds", "h", buckets=(1, 2), registry=CollectorRegistry())
    for pid in (FIRST, SECOND):
        with shared.process(pid):
            histogram.observe(1.5)
        bury(pid)
    (family,) = (f for f in read_all(CollectorRegistry()) if f.name == "h_seconds")
    found = {(s.name, s.labels.get("le")): s.value for s in family.samples}
    assert found[("h_seconds_bucket", "2.0")] == 2
    assert (found[("h_seconds_count", None)], found[("h_seconds_sum", None)]) == (2, 3)
