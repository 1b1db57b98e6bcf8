"""The store on disk under pressure: bounds on bytes, on questions, on patience."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock, SystemClock
from anyascope.errors import AnyascopeError, LimitExceededError, UnavailableError
from anyascope.model.labels import series_id
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.store.api.logs import EVERYTHING, FieldEquals, LogQuery
from anyascope.store.api.metrics import Selection
from anyascope.store.api.retention import RetentionPolicy
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.chdb.engine import EngineOptions
from anyascope.store.chdb.metrics import HotOptions
from support.telemetry import FOREVER_MS, NOW_MS, NOW_NS, labels, log_batch, matchers, record, samples, selected

DAY_NS = 86_400_000_000_000
SLOW = "SELECT sum(s) AS r FROM (SELECT sleepEachRow(0.01) AS s FROM numbers(2000) SETTINGS max_block_size = 50)"


@pytest.fixture
async def make(tmp_path):
    made = []

    async def make(*, clock=None, **options):
        registry = CollectorRegistry()
        store = await ChdbStore.open(
            tmp_path, options=StoreOptions(**options), clock=clock or ManualClock(), registry=registry
        )
        store.registry = registry
        store._clock = store.metrics._clock
        made.append(store)
        return store

    yield make
    for store in made:
        await store.close()


def taken(directory: Path) -> int:
    """Bytes of the files there; what the store removes meanwhile takes none."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(folder, name).stat().st_size
    return total


async def until(condition, *, deadline_s=60.0):
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not await condition():
        assert loop.time() < end, "the condition did not come true in time"
        await asyncio.sleep(0.05)


async def test_a_bound_on_bytes_drops_the_oldest_and_frees_the_disk(make, tmp_path):
    """Past its bytes a signal loses its oldest days, and the files are gone."""
    store = await make()
    chance = random.Random(1)
    for age in range(6):
        rows = [record(chance.randbytes(400).hex(), NOW_NS - age * DAY_NS - n) for n in range(300)]
        await store.logs.write_logs([log_batch(*rows)])
    before = (await store.keeper.usage())["logs"]
    files_before = taken(tmp_path)

    freed = await store.keeper.apply_retention({"logs": RetentionPolicy(30, before.disk_bytes // 2)})

    after = (await store.keeper.usage())["logs"]
    assert after.disk_bytes <= before.disk_bytes // 2
    assert freed == before.disk_bytes - after.disk_bytes
    assert after.newest_ns == before.newest_ns
    assert after.oldest_ns > before.oldest_ns

    async def is_freed():
        return taken(tmp_path) < files_before - freed // 2

    await until(is_freed)


async def test_a_bound_on_bytes_cuts_the_day_that_is_left(make):
    """Where one partition alone is past the bound its oldest rows go."""
    store = await make()
    chance = random.Random(1)
    for minute in range(60):
        rows = [record(chance.randbytes(400).hex(), NOW_NS - minute * 60_000_000_000 - n) for n in range(50)]
        await store.logs.write_logs([log_batch(*rows)])
    before = (await store.keeper.usage())["logs"]

    await store.keeper.apply_retention({"logs": RetentionPolicy(30, before.disk_bytes // 3)})

    after = (await store.keeper.usage())["logs"]
    assert 0 < after.disk_bytes <= before.disk_bytes // 3
    assert after.newest_ns == before.newest_ns


async def test_metrics_past_their_bytes_leave_memory_too(make):
    """When the oldest samples go, the index forgets the series that ended before."""
    store = await make()
    series = [labels("old", n=str(n)) for n in range(200)]
    rng = np.random.default_rng(1)
    for each, days in ((series, 20), ([labels("new", n=str(n)) for n in range(200)], 0)):
        count = len(each) * 50
        await store.metrics.write_metrics(
            MetricBatch(
                samples=SampleBatch(
                    each,
                    np.array([series_id(one) for one in each], np.uint64),
                    np.repeat(np.arange(len(each), dtype=np.uint32), 50),
                    np.tile(np.arange(50, dtype=np.int64), len(each)) + NOW_MS - days * 86_400_000,
                    rng.random(count),
                )
            )
        )
    await store.metrics.flush()
    usage = (await store.keeper.usage())["metrics"]

    await store.keeper.apply_retention({"metrics": RetentionPolicy(90, int(usage.disk_bytes * 0.6))})

    assert {each[0][1] for each in await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS)} == {"new"}
    assert len(await selected(store, "__name__=new")) == 200


async def test_a_question_that_takes_too_long_is_stopped(make, monkeypatch):
    """Past its time a question ends with an error that says so; the store goes on."""
    store = await make()

    with monkeypatch.context() as patch:  # for this one alone: the store's own questions have time on a busy machine
        patch.setattr(store._engine, "_options", EngineOptions(query_seconds_max=0.5))
        with pytest.raises(LimitExceededError, match="too long"):
            await store._engine.question("slow", SLOW)

    await store.logs.write_logs([log_batch(record("fine"))])
    assert len((await store.logs.search(LogQuery(EVERYTHING, 0, 2 * NOW_NS))).records) == 1


async def test_a_question_that_needs_too_much_memory_is_stopped(make):
    """Past its memory a question ends with an error that says so."""
    store = await make(engine=EngineOptions(query_memory_bytes_max=20_000_000, query_spill_bytes=1_000_000_000))

    with pytest.raises(LimitExceededError, match="memory"):
        await store._engine.question("large", "SELECT groupArray(toString(number)) AS r FROM numbers(3000000)")


async def test_a_question_whose_asker_went_away_is_ended(make):
    """Cancelling the task kills its statement in the engine."""
    store = await make(clock=SystemClock())
    running = (
        "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'"
    )

    async def count():
        return (await store._engine.question("count", running))["n"].to_pylist()[0]

    async def is_running():
        return await count() == 1

    async def is_gone():
        return await count() == 0

    asking = asyncio.create_task(store._engine.question("slow", SLOW))
    await until(is_running)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(is_gone, deadline_s=15.0)


async def test_an_answer_never_holds_what_an_ended_question_left(make):
    """After questions were ended in the middle the next ones get their own answers."""
    store = await make(clock=SystemClock())
    for _ in range(10):
        asking = asyncio.create_task(store._engine.question("slow", SLOW))
        for _ in range(5):
            await store._engine.question("count", "SELECT 1 AS one")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        for _ in range(30):
            answer = await store._engine.question("count", "SELECT 1 AS one")
            assert answer.to_pylist() == [{"one": 1}]


async def test_heavy_questions_do_not_hold_up_inserts(make):
    """Inserts have threads of their own."""
    store = await make(clock=SystemClock(), engine=EngineOptions(query_threads=1))
    asking = asyncio.create_task(store._engine.question("slow", SLOW))

    for number in range(5):
        await store.logs.write_logs([log_batch(record(f"r{number}", 1))])

    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_closed_store_asks_for_patience(make):
    """After close every door says that the store is closing."""
    store = await make()
    await store.close()
    await store.close()

    with pytest.raises(UnavailableError, match="closing"):
        await store.logs.write_logs([log_batch(record("late"))])
    with pytest.raises(UnavailableError):
        await store.keeper.usage()


async def test_what_the_engine_does_not_understand_is_our_failure(make):
    """An unknown fault is reported as ours, and counted."""
    store = await make()

    with pytest.raises(AnyascopeError) as caught:
        await store._engine.question("broken", "SELECT nothing_like_that AS r")

    assert type(caught.value) is AnyascopeError
    assert store.registry.get_sample_value("anyascope_store_failures_total", {"kind": "read", "code": "internal"}) == 1


async def test_a_failed_write_leaves_no_series_behind(make, monkeypatch):
    """A batch that the disk did not take shows no series; sent again it is stored whole."""
    store = await make()
    up = labels("up")
    with monkeypatch.context() as patch:
        patch.setattr("anyascope.store.journal.files._write_all", no_room)
        with pytest.raises(UnavailableError, match="No space left on device"):
            await store.metrics.write_metrics(samples((up, NOW_MS, 1.0)), token="t")
    assert await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS) == []
    assert await selected(store, "__name__=up") == {}

    await store.metrics.write_metrics(samples((up, NOW_MS, 1.0)), token="t")

    assert await selected(store, "__name__=up") == {up: [(NOW_MS, 1.0)]}


def no_room(file, parts):
    os.write(file, b"".join(parts)[:20])
    raise OSError(28, "No space left on device")


async def test_tables_that_take_nothing_lose_nothing(make):
    """While the engine refuses, writes go on and are read, the store says so, and the tables follow when they can."""
    clock = ManualClock()
    store = await make(clock=clock)
    up, day_ms = labels("up"), 86_400_000
    await store._engine.command("RENAME TABLE samples TO hidden")
    await store.metrics.write_metrics(samples((up, NOW_MS, 1.0), (up, NOW_MS - day_ms, 2.0)))
    with pytest.raises(AnyascopeError):
        await store.metrics.flush()
    assert "wait in the journal" in store.keeper.trouble()
    await store.metrics.write_metrics(samples((up, NOW_MS, 3.0)))
    assert await selected(store, "__name__=up", start_ms=NOW_MS) == {up: [(NOW_MS, 3.0)]}
    assert (await store.metrics.cardinality()).series == 1

    await store._engine.command("RENAME TABLE hidden TO samples")
    await clock.advance(60)
    await until(lambda: is_sorted(store))

    assert store.keeper.trouble() == ""
    assert await selected(store, "__name__=up") == {up: [(NOW_MS - day_ms, 2.0), (NOW_MS, 3.0)]}
    assert (await store.keeper.usage())["metrics"].rows >= 2


async def is_sorted(store):
    if store.metrics.waiting_ms()[0]:
        await store._clock.advance(10)
    return not store.metrics.waiting_ms()[0]


async def test_a_short_memory_is_helped_out_by_the_disk(make):
    """With a pool far too small for the window answers are still complete."""
    store = await make(hot=HotOptions(samples_max=100))
    series = [labels("up", n=f"{n:02}") for n in range(20)]
    for step in range(20):
        await store.metrics.write_metrics(samples(*((each, NOW_MS + step, float(step)) for each in series)))

    found = await selected(store, "__name__=up")

    assert found == {each: [(NOW_MS + step, float(step)) for step in range(20)] for each in series}


async def test_a_select_of_a_moving_window_is_complete(make):
    """While the window moves on, a read that began before misses nothing."""
    clock = ManualClock()
    store = await make(clock=clock, hot=HotOptions(window_s=16.0, samples_max=100_000))
    up = labels("up")
    for second in range(120):
        await store.metrics.write_metrics(samples((up, NOW_MS + second * 1000, float(second))))
        reading = asyncio.create_task(selected(store, "__name__=up"))
        await clock.advance(1)
        assert len((await reading)[up]) == second + 1


async def test_conditions_are_data_not_sql(make):
    """Text that looks like SQL, places or comments is only text."""
    store = await make()
    nasty = ["') OR 1=1 --", "{s0:String}", "/*condition*/", "/*direction*/", "\\", "'", "`", "; DROP TABLE logs"]
    await store.logs.write_logs([log_batch(*(record(text, attributes={text: text}) for text in nasty))])

    for text in nasty:
        query = LogQuery(FieldEquals("body", text), 0, 2 * NOW_NS)
        assert [each.body for each in (await store.logs.search(query)).records] == [text]
        assert await store.logs.top_values(text, query) == [(text, 1)]


async def test_the_store_counts_what_it_does(make):
    """Rows, durations, series and memory are on the registry."""
    store = await make()
    await store.metrics.write_metrics(samples((labels("up"), NOW_MS, 1.0)))
    assert store.registry.get_sample_value("anyascope_journal_unsorted_rows") == 1
    await store.metrics.flush()
    await store.metrics.select(Selection(matchers("__name__=up"), 0, NOW_MS))
    value = store.registry.get_sample_value

    assert value("anyascope_store_inserted_rows_total", {"table": "samples"}) == 1
    assert value("anyascope_store_insert_duration_seconds_count", {"table": "samples"}) == 1
    assert value("anyascope_store_query_duration_seconds_count", {"statement": "samples_select"}) == 1
    assert value("anyascope_journal_append_duration_seconds_count") == 1
    assert value("anyascope_journal_unsorted_rows") == 0
    assert value("anyascope_journal_bytes") > 24
    assert value("anyascope_store_series") == 1
    assert value("anyascope_store_hot_samples") > 0
    assert value("anyascope_store_hot_window_seconds") == 7200
