"""One far end's queue: batches, order, patience, places, and what it does about refusals."""

from __future__ import annotations

from anyascope.clock import ManualClock
from anyascope.forward.log import MemoryLog
from anyascope.forward.options import Protobuf, QueueOptions
from anyascope.forward.send import Result, Verdict
from support.forwarding import AGAIN, REFUSED, START_MS, TAKEN, FarEnd, Life, scrape, series, until

FORBIDDEN = Result(Verdict.REFUSED, "403 no", "403")


async def started(**changes):
    clock, source = ManualClock(), MemoryLog()
    far_end = changes.pop("far_end", None) or FarEnd()
    life = Life(source, far_end, clock=clock, **changes)
    await life.queue.start()
    return clock, source, far_end, life


async def test_a_full_batch_goes_at_once_and_a_part_of_one_by_its_deadline():
    """`max_samples_per_send` samples are sent at once; fewer wait for `batch_send_deadline`."""
    clock, source, far_end, life = await started(
        options=QueueOptions(max_samples_per_send=10, batch_send_deadline_s=5.0)
    )
    source.append(scrape(0, range(14)))
    life.queue.told()

    await clock.advance(0.5)
    assert list(map(len, far_end.requests)) == [10]
    await clock.advance(4.0)
    assert list(map(len, far_end.requests)) == [10]
    await clock.advance(1.5)
    assert list(map(len, far_end.requests)) == [10, 4]
    assert sorted(far_end.rows) == sorted((series(n), START_MS, 0.0) for n in range(14))
    assert life.value("samples_total") == 14
    await life.queue.stop()


async def test_a_failed_request_is_sent_again_with_growing_waits_and_its_attempt_counted():
    """What fails with 5xx is sent again, unchanged, after min_backoff, twice that, up to max_backoff."""
    far_end = FarEnd(lambda number, rows: AGAIN if number <= 4 else TAKEN)
    clock, source, _, life = await started(
        far_end=far_end,
        options=QueueOptions(batch_send_deadline_s=1.0, min_backoff_s=1.0, max_backoff_s=3.0),
    )
    source.append(scrape(0, range(3)))
    life.queue.told()
    await clock.advance(1.0)  # due
    counts = []
    for _ in range(9):
        counts.append(len(far_end.requests))
        await clock.advance(1.0)

    assert counts == [1, 2, 2, 3, 3, 3, 4, 4, 4]
    await clock.advance(1.0)
    assert far_end.attempts == [0, 1, 2, 3, 4]
    assert len(far_end.rows) == 3
    assert life.value("samples_retried_total") == 12
    assert not life.courier.fault
    await life.queue.stop()


async def test_retry_after_is_obeyed():
    """A far end that asks for 60 s is left alone for 60 s."""
    later = Result(Verdict.AGAIN, "503 later", "503", retry_after_s=60.0)
    far_end = FarEnd(lambda number, rows: later if number == 1 else TAKEN)
    clock, source, _, life = await started(far_end=far_end, options=QueueOptions(batch_send_deadline_s=1.0))
    source.append(scrape(0, range(3)))
    await clock.advance(59.0)
    assert len(far_end.requests) == 1
    assert life.courier.fault == "503 later"
    await clock.advance(4.0)
    assert len(far_end.requests) == 2
    await life.queue.stop()


async def test_a_refused_batch_is_dropped_counted_and_told_once():
    """4xx ends the matter: the samples count as failed, the next ones go, and the far end's words are kept."""
    far_end = FarEnd(lambda number, rows: FORBIDDEN if number == 1 else TAKEN)
    clock, source, _, life = await started(far_end=far_end, options=QueueOptions(max_samples_per_send=5))
    source.append(scrape(0, range(10)))
    await until(lambda: len(far_end.requests) == 2, clock)
    await clock.advance(1)

    assert life.value("samples_failed_total") == 5
    assert life.value("samples_total") == 5
    assert life.courier.refusal == "403 no"
    await life.queue.stop()


async def test_one_bad_series_does_not_take_others_along():
    """A request that is refused with 400 as a whole is sent again in parts, each series whole, until the bad one is alone."""
    bad = series(17)
    far_end = FarEnd(lambda number, rows: REFUSED if any(labels == bad for labels, _, _ in rows) else TAKEN)
    clock, source, _, life = await started(far_end=far_end, options=QueueOptions(max_samples_per_send=100))
    source.append(scrape(0, range(50)))
    source.append(scrape(1, range(50)))
    await until(lambda: life.value("samples_failed_total") > 0, clock)
    await clock.advance(1)

    assert life.value("samples_failed_total") == 2
    assert life.value("samples_total") == 98
    assert sorted(far_end.rows) == sorted(
        (series(n), START_MS + 1000 * at, float(at)) for at in (0, 1) for n in range(50) if n != 17
    )
    times = {labels: [time_ms for each, time_ms, _ in far_end.rows if each == labels] for labels, _, _ in far_end.rows}
    assert all(found == [START_MS, START_MS + 1000] for found in times.values())
    await life.queue.stop()


async def test_a_far_end_that_refuses_everything_is_not_asked_for_parts_again_and_again():
    """Parts are bounded, and after a request of which no part was taken the next ones are not divided for a minute."""
    far_end = FarEnd(lambda number, rows: REFUSED)
    clock, source, _, life = await started(far_end=far_end, options=QueueOptions(max_samples_per_send=500))
    source.append(scrape(0, range(500)))
    await until(lambda: life.value("samples_failed_total") == 500, clock)
    divided = len(far_end.requests)
    source.append(scrape(1, range(500)))
    await until(lambda: life.value("samples_failed_total") == 1000, clock)

    assert 1 < divided <= 33
    assert len(far_end.requests) == divided + 1
    await life.queue.stop()


async def test_what_2_0_says_was_written_counts():
    """A far end that stored less than it got says so: the rest counts as failed."""
    part = Result(Verdict.TAKEN, written={"samples": 3, "histograms": 0, "exemplars": 0})
    clock, source, far_end, life = await started(far_end=FarEnd(lambda number, rows: part), protobuf=Protobuf.V2)
    source.append(scrape(0, range(5)))
    await until(lambda: bool(far_end.requests), clock)
    await clock.advance(1)

    assert (life.value("samples_total"), life.value("samples_failed_total")) == (3, 2)
    await life.queue.stop()


async def test_samples_past_the_age_limit_are_dropped_even_while_they_wait():
    """`sample_age_limit` drops what became too old during an outage, and counts it."""
    clock = ManualClock(start_ns=START_MS * 1_000_000)
    source = MemoryLog()
    far_end = FarEnd(lambda number, rows: AGAIN)
    life = Life(source, far_end, clock=clock, options=QueueOptions(sample_age_limit_s=60.0))
    await life.queue.start()
    source.append(scrape(0, range(4)))
    await until(lambda: bool(far_end.requests), clock)
    source.append(scrape(1, range(4)))
    await clock.advance(70)

    assert life.value("samples_dropped_total", reason="too_old") >= 4
    assert life.queue._waiting == 0
    await life.queue.stop()


async def test_memory_is_bounded_while_the_far_end_is_away():
    """No more than `capacity` samples a shard, and one entry more, are read into memory; the rest waits in the log."""
    far_end = FarEnd(lambda number, rows: AGAIN)
    clock, source, _, life = await started(far_end=far_end, options=QueueOptions(capacity=50))
    for number in range(30):
        source.append(scrape(number, range(20)))
    await clock.advance(30)

    assert 50 <= life.queue._waiting < 50 + 20
    assert life.value("samples_pending") == life.queue._waiting
    assert (await source.standing("far")).backlog_bytes == 24 * 600
    far_end.answers = lambda number, rows: TAKEN
    await until(lambda: len(far_end.rows) == 600, clock)
    await until(lambda: not life.queue.backlog_bytes, clock)
    assert life.value("samples_pending") == 0
    await life.queue.stop()


async def test_a_slow_far_end_gets_more_shards_and_each_series_stays_in_order():
    """Where requests take long, more of them go out beside each other; nothing is lost or turned around by that."""
    clock, source, far_end, life = await started(
        options=QueueOptions(max_samples_per_send=20, batch_send_deadline_s=0.5, max_shards=8, capacity=1000)
    )
    far_end.delay_s = 2.0
    for number in range(90):
        source.append(scrape(number, range(60)))
        life.queue.told()
        await clock.advance(1.0)
    await until(lambda: len(far_end.rows) >= 90 * 60, clock)

    assert life.queue.shards > 2
    assert life.value("shards") == life.queue.shards
    assert far_end.under_way_max <= 8
    by_series: dict = {}
    for labels, time_ms, _ in far_end.rows:
        by_series.setdefault(labels, []).append(time_ms)
    assert all(times == [START_MS + 1000 * n for n in range(90)] for times in by_series.values())
    await life.queue.stop()


async def test_what_waits_is_sent_at_the_end_but_a_far_end_that_is_away_is_not_waited_for():
    """`drain` sends what has not come to its deadline; it returns at once where the far end fails."""
    clock, source, far_end, life = await started()
    source.append(scrape(0, range(5)))
    await clock.advance(1)
    assert not far_end.requests
    await life.queue.drain(within_s=3.0)
    assert len(far_end.rows) == 5

    clock, source, far_end, life = await started(far_end=FarEnd(lambda number, rows: AGAIN))
    source.append(scrape(0, range(5)))
    await clock.advance(10)
    await life.queue.drain(within_s=3.0)
    assert (await source.standing("far")).backlog_bytes == 5 * 24
