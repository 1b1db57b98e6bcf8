"""The store on disk across deaths, restarts and damage."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock, SystemClock
from anyascope.errors import ConflictError, InvalidInputError, UnsupportedError
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata, MetricType, SampleBatch
from anyascope.store.api.logs import EVERYTHING, LogQuery
from anyascope.store.api.metrics import Selection
from anyascope.store.chdb import ChdbStore, StoreOptions
from support import store_writer
from support.components import REPOSITORY
from support.telemetry import (
    FOREVER_MS,
    NOW_MS,
    NOW_NS,
    labels,
    log_batch,
    matchers,
    record,
    samples,
    selected,
    span,
    span_batch,
)

ROUNDS = int(os.environ.get("ANYASCOPE_KILL_ROUNDS", "5"))
UP = labels("up", job="a")
DAY_MS = 86_400_000


async def opened(directory, clock=None):
    return await ChdbStore.open(
        directory, options=StoreOptions(), clock=clock or ManualClock(), registry=CollectorRegistry()
    )


def killed_writer(directory, first, chance):
    """Let a writer work for a moment and kill it; the numbers that it acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, store_writer.__file__, str(directory), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
    )
    acknowledged = []
    wanted = chance.randrange(1, 25)
    for line in writer.stdout:
        if line.strip().isdigit():
            acknowledged.append(int(line))
        if len(acknowledged) >= wanted:
            # A moment later, so that the kill falls into the middle of the next writes.
            signal.sigtimedwait([], chance.random() * 0.02)
            break
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    return acknowledged + [int(line) for line in rest.split("\n")[:-1] if line.strip().isdigit()]


async def kept_rows(store, numbers):
    """For each batch number the rows of each signal that can be read."""
    found = {"samples": Counter(), "logs": Counter(), "spans": Counter()}
    for held in (await selected(store, "__name__=~kept|fresh")).values():
        found["samples"].update(int(value) for _, value in held)
    query = LogQuery(EVERYTHING, 0, 2**62, limit=1_000_000)
    found["logs"].update(each.attributes["batch"] for each in (await store.logs.search(query)).records)
    spans = await store.spans.spans_of([number.to_bytes(16, "big") for number in numbers], spans_max=1_000_000)
    found["spans"].update(int.from_bytes(each.trace_id, "big") for each in spans)
    return found


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * ROUNDS)
async def test_nothing_acknowledged_is_lost(tmp_path):
    """A writer that is killed at random moments loses no acknowledged row, and no batch is torn."""
    chance = random.Random(ROUNDS)
    acknowledged, lost, first = set(), 0, 1
    for _ in range(ROUNDS):
        fresh = killed_writer(tmp_path, first, chance)
        acknowledged.update(fresh)
        first = max(acknowledged) + 10

        store = await opened(tmp_path, SystemClock())
        rows = await kept_rows(store, range(1, first + 10))
        faults = await store.keeper.faults()
        await store.close()

        assert faults == []
        for counts in rows.values():
            lost += sum(store_writer.ROWS - counts[number] for number in acknowledged)
            assert set(counts.values()) <= {store_writer.ROWS}
    sys.stdout.write(f"rounds={ROUNDS} batches={len(acknowledged)} lost_rows={lost}\n")
    assert lost == 0


async def test_everything_is_there_after_a_restart(tmp_path):
    """Samples, series, histograms, exemplars, metadata, logs, spans and menus are read back."""
    store = await opened(tmp_path)
    moved = replace(
        SampleBatch.of([(labels("up", job="b"), NOW_MS - 5, 2.0)]), series_ids=SampleBatch.of([(UP, 0, 0.0)]).series_ids
    )
    histogram = HistogramSample(labels("h"), NOW_MS, 1.0, 2.0, 3, 0.0, 0.0, ((0, 1),), (1.0,))
    await store.metrics.write_metrics(samples((UP, NOW_MS - 7_200_000, 1.0), (UP, NOW_MS - 1000, 3.0)))
    await store.metrics.write_metrics(
        MetricBatch(
            samples=moved,
            histograms=(histogram,),
            exemplars=(Exemplar(UP, NOW_MS, 1.0, (("trace_id", "a"),)),),
            metadata=(MetricMetadata("up", MetricType.GAUGE, "helps", "u"),),
        )
    )
    await store.logs.write_logs([log_batch(record("kept"))])
    await store.spans.write_spans([span_batch(span(1))])
    series = await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS)
    found = await selected(store, "__name__=up")
    await store.close()

    again = await opened(tmp_path)

    assert again.found_at_start == []
    assert await again.metrics.series([], start_ms=0, end_ms=FOREVER_MS) == series
    assert await selected(again, "__name__=up") == found
    assert await selected(again, "__name__=up", start_ms=NOW_MS - 1000) == {
        UP: [(NOW_MS - 1000, 3.0)],
        labels("up", job="b"): [(NOW_MS - 5, 2.0)],
    }
    assert await again.metrics.metadata() == [MetricMetadata("up", MetricType.GAUGE, "helps", "u")]
    assert len(await again.metrics.exemplars([matchers("job=a")], start_ms=0, end_ms=FOREVER_MS)) == 1
    assert [each.body for each in (await again.logs.search(LogQuery(EVERYTHING, 0, 2 * NOW_NS))).records] == ["kept"]
    assert await again.spans.services() == ["unknown_service"]
    await again.metrics.write_metrics(MetricBatch(samples=moved))
    assert len(await again.metrics.series([], start_ms=0, end_ms=FOREVER_MS)) == len(series)
    await again.close()


async def killed(store):
    """End a store as `kill -9` does: what only the journal holds stays there alone."""
    store.metrics._sorter._task.cancel()
    store.metrics.journal.close()
    await store._engine.close()


async def test_what_only_the_journal_held_is_there_after_a_crash(tmp_path):
    """Samples of any time, histograms, exemplars and metadata that no table had yet are read back, in the order of writing."""
    store = await opened(tmp_path)
    histogram = HistogramSample(labels("h"), NOW_MS, 1.0, 2.0, 3, 0.0, 0.0, ((0, 1),), (1.0,))
    extras = {
        "histograms": (histogram,),
        "exemplars": (Exemplar(UP, NOW_MS, 1.0, (("trace_id", "a"),)),),
        "metadata": (MetricMetadata("up", MetricType.GAUGE, "helps", "u"),),
    }
    await store.metrics.write_metrics(replace(samples((UP, NOW_MS, 1.0), (UP, NOW_MS - DAY_MS, 5.0)), **extras))
    await store.metrics.flush()
    await store.metrics.write_metrics(replace(samples((UP, NOW_MS, 2.0), (UP, NOW_MS - DAY_MS, 6.0)), **extras))
    await store.metrics.write_metrics(samples((UP, NOW_MS, 3.0), (UP, NOW_MS - 2 * DAY_MS, 7.0)))
    await killed(store)

    again = await opened(tmp_path)

    wanted = [(NOW_MS - 2 * DAY_MS, 7.0), (NOW_MS - DAY_MS, 6.0), (NOW_MS, 3.0)]
    assert (await selected(again, "__name__=up"))[UP] == wanted
    found = await again.metrics.select_histograms(Selection(matchers("__name__=h"), 0, FOREVER_MS))
    assert list(found) == [histogram]
    assert len(await again.metrics.exemplars([matchers("job=a")], start_ms=0, end_ms=FOREVER_MS)) == 1
    assert await again.metrics.metadata() == list(extras["metadata"])
    assert again.metrics.waiting_ms()[0] == 0
    assert again.found_at_start == []
    await again.close()


async def test_a_journal_that_is_read_again_changes_nothing(tmp_path):
    """After a crash between tables and position the same is written twice and read once; what was deleted stays so."""
    store = await opened(tmp_path)
    other = labels("up", job="b")
    await store.metrics.write_metrics(samples((UP, NOW_MS, 1.0), (other, NOW_MS, 1.0)))
    await store.metrics.delete([matchers("job=b")], start_ms=0, end_ms=FOREVER_MS)
    await store.metrics.write_metrics(samples((UP, NOW_MS, 2.0), (UP, NOW_MS - DAY_MS, 3.0)))
    positions = (tmp_path / "journal" / "positions.json").read_bytes()
    await store.metrics.flush()
    await killed(store)
    (tmp_path / "journal" / "positions.json").write_bytes(positions)

    again = await opened(tmp_path)

    assert await selected(again, "__name__=up") == {UP: [(NOW_MS - DAY_MS, 3.0), (NOW_MS, 2.0)]}
    await again.close()


async def test_damage_in_the_journal_is_said_and_costs_one_record(tmp_path):
    """A start over a damaged journal goes on with what can be read, and the store says what is missing."""
    store = await opened(tmp_path)
    ends = []
    for step in range(3):
        await store.metrics.write_metrics(samples((UP, NOW_MS + step, float(step))))
        ends.append(store.metrics.journal.end.offset)
    await killed(store)
    (segment,) = (tmp_path / "journal").glob("*.journal")
    data = bytearray(segment.read_bytes())
    data[ends[0] + 30] ^= 1
    segment.write_bytes(data)

    again = await opened(tmp_path)

    assert await selected(again, "__name__=up") == {UP: [(NOW_MS, 0.0), (NOW_MS + 2, 2.0)]}
    said = f"{ends[1] - ends[0]} bytes of the journal are damaged: samples that were in them are missing"
    assert again.found_at_start == [said]
    assert await again.keeper.faults() == [said]
    await again.close()


@pytest.mark.parametrize("is_crash", [False, True])
async def test_samples_at_any_time_are_found_after_a_restart(tmp_path, is_crash):
    """Backfilled, resumed and slowly growing series hide no sample, be the end clean or not."""
    hour = 3_600_000
    clock = ManualClock()
    store = await opened(tmp_path, clock)
    backfilled, resumed, growing = (labels("up", kind=kind) for kind in ("backfilled", "resumed", "growing"))
    start = NOW_MS - 48 * hour
    written = [(backfilled, start + 40 * hour, 1.0), (resumed, start, 1.0)]
    await store.metrics.write_metrics(samples(*written))
    later = [(backfilled, start, 2.0), (backfilled, start + 20 * hour, 3.0), (resumed, start + 30 * hour, 2.0)]
    await store.metrics.write_metrics(samples(*later))
    for minute in range(30):
        written.append((growing, start + minute * 60_000, float(minute)))
        await store.metrics.write_metrics(samples(written[-1]))
    if is_crash:
        await killed(store)
        (tmp_path / "anyascope.lock").write_text("4711")
    else:
        await store.close()

    again = await opened(tmp_path, clock)

    found = await selected(again, "__name__=up")
    assert {(series, *sample) for series, held in found.items() for sample in held} == {*written, *later}
    last = (start + 20 * hour, start + 21 * hour)
    assert await again.metrics.series([], start_ms=last[0], end_ms=last[1]) == [backfilled, resumed]
    assert (again.found_at_start == []) is not is_crash
    await again.close()


async def test_a_batch_that_is_sent_again_after_a_restart_is_not_repeated(tmp_path):
    """Tokens outlive the process."""
    for _ in range(2):
        store = await opened(tmp_path)
        await store.logs.write_logs([log_batch(record("once"))], token="t-1")
        await store.spans.write_spans([span_batch(span(1))], token="t-1")
        usage = await store.keeper.usage()
        await store.close()

    assert (usage["logs"].rows, usage["traces"].rows) == (1, 1)


async def test_recent_samples_are_in_memory_after_a_restart(tmp_path):
    """The hot window is filled from disk, so that rules can be judged at once."""
    store = await opened(tmp_path)
    await store.metrics.write_metrics(samples(*((UP, NOW_MS - step * 60_000, 1.0) for step in range(60))))
    await store.close()

    again = await opened(tmp_path)

    assert (await again.metrics.cardinality()).samples_in_memory > 0
    assert len((await selected(again, "job=a", start_ms=NOW_MS - 600_000))[UP]) == 11
    assert len((await selected(again, "job=a"))[UP]) == 60
    await again.close()


def second_process(directory):
    """Another process opens the directory."""
    code = (
        "import asyncio, sys, pathlib; from prometheus_client import CollectorRegistry;"
        "from anyascope.clock import SystemClock; from anyascope.store.chdb import ChdbStore, StoreOptions;"
        "asyncio.run(ChdbStore.open(pathlib.Path(sys.argv[1]), options=StoreOptions(), clock=SystemClock(),"
        " registry=CollectorRegistry()))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(directory)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        check=False,
    )


def cut_in_half(part):
    """Cut off the second half of every column file of a part."""
    for file in part.glob("*.bin"):
        os.truncate(file, file.stat().st_size // 2)


async def test_a_directory_in_use_is_refused(tmp_path):
    """A second process is told which one has the directory."""
    store = await opened(tmp_path)
    second = second_process(tmp_path)
    with pytest.raises(ConflictError):
        await opened(tmp_path)
    await store.close()

    assert second.returncode == 1
    assert second.stderr.strip().splitlines()[-1].endswith(f"is in use by process {os.getpid()}")


async def test_a_newer_schema_is_refused(tmp_path):
    """What a newer release has written is left alone."""
    store = await opened(tmp_path)
    await store._engine.command("INSERT INTO schema_versions VALUES (9999, 'later', 0)")
    await store.close()

    for _ in range(2):
        with pytest.raises(UnsupportedError, match="schema 9999"):
            await opened(tmp_path)


async def test_a_path_that_the_engine_would_cut_is_refused(tmp_path):
    """A question mark in the path would lead the engine to another directory."""
    with pytest.raises(InvalidInputError, match="question mark"):
        await opened(tmp_path / "a?b")


async def test_damage_is_found_and_said(tmp_path):
    """A part that was damaged on disk is set aside by the engine, and the store says so at start."""
    store = await opened(tmp_path)
    await store.logs.write_logs([log_batch(*(record(f"line {n}") for n in range(100)))])
    await store.spans.write_spans([span_batch(span(1))])
    parts = await store._engine.question(
        "t", "SELECT path FROM system.parts WHERE active AND table = 'logs' AND database = currentDatabase()"
    )
    path = Path(parts["path"].to_pylist()[0])
    await store.close()
    cut_in_half(path)

    again = await opened(tmp_path)

    faults = await again.keeper.faults()
    assert len(faults) == 1
    assert "table logs is damaged" in faults[0]
    assert faults[0] in again.found_at_start
    assert len(await again.spans.spans_of([(1).to_bytes(16, "big")])) == 1
    await again.close()
