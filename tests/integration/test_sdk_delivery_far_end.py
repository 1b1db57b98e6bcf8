"""Far ends that behave badly: nothing waits, memory is bounded, what is lost is counted. Told by structure, not by the clock."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref

import pytest
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.delivery import Target, batch_span_processor, delivery_stats, door_span_exporter, doors, open_door
from anyascope.sdk.delivery.backlog import OUTBOX_BYTES_MAX
from anyascope.sdk.delivery.processors import QUEUE_MAX
from anyascope.sdk.delivery.tally import Tally
from support.far_end import far_end, full_backlog
from support.ports import free_port

SPANS = 100_000
LOOK_EVERY = 2_000
HANGS_S = 600.0


@contextlib.contextmanager
def bad_far_end(kind):
    if kind == "refused":
        yield f"http://127.0.0.1:{free_port()}", None
    elif kind == "syn_dropped":
        with full_backlog() as url:
            yield url, None
    else:
        with far_end(kind) as end:
            yield end.url, end


@pytest.fixture
def account(monkeypatch):
    """The account of this test's spans alone: what others of this process left in their queues and doors is not in it."""
    for name, fresh in (("_tally", Tally()), ("_couriers", {}), ("_queues", weakref.WeakSet())):
        monkeypatch.setattr(doors, name, fresh)

    def told():
        now = delivery_stats().signals["traces"]
        return now, now.exported, sum(now.dropped.values())

    return told


@pytest.mark.long
@pytest.mark.parametrize("kind", ["refused", "syn_dropped", "black_hole", "trickle", "503"])
def test_a_hundred_thousand_spans_at_a_far_end_that_takes_none(kind, account):
    """Queue and outbox keep their bounds all the way, one thread makes one attempt at a time, every span is accounted for."""
    others = set(threading.enumerate())  # of tests before this one, which may end meanwhile
    with bad_far_end(kind) as (url, end):
        # Longer than a slow machine needs for all of these spans: the first attempt hangs all the while.
        door = open_door("traces", Target(f"{url}/v1/traces", attempt_s=30.0 if end is None else HANGS_S))
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(batch_span_processor(door_span_exporter(door)))
        tracer = provider.get_tracer("host")
        threads = set()
        for number in range(SPANS):
            tracer.start_span("s").end()
            if number % LOOK_EVERY == 0:
                now, _, _ = account()
                assert now.queued <= QUEUE_MAX
                assert now.waiting_bytes <= OUTBOX_BYTES_MAX
                new = set(threading.enumerate()) - others
                threads.add(sum(thread.name.startswith("anyascope-") for thread in new))
        assert max(threads) <= 2  # the queue's, the courier's: no more of them with time
        if kind in {"black_hole", "trickle"}:
            assert end.attempts <= 1  # it hangs all the while, and nobody waited for it
        now, exported, dropped = account()
        waiting = now.queued + now.waiting_items
        deadline = time.monotonic() + 60
        while exported + dropped + waiting != SPANS and time.monotonic() < deadline:  # a batch is being encoded
            time.sleep(0.05)
            now, exported, dropped = account()
            waiting = now.queued + now.waiting_items
        assert (exported, dropped + waiting) == (0, SPANS)
        assert dropped > 0
        if end is not None:
            end.over.set()
        door.close(0)
        provider.shutdown()


def test_a_fault_of_a_far_end_is_one_line(caplog):
    """However often it is tried."""
    with far_end("503") as end, caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        door = open_door("traces", Target(f"{end.url}/v1/traces"))
        deadline = time.monotonic() + 60
        while end.attempts < 2 and time.monotonic() < deadline:
            door.deliver(b"x")
            door.flush(0.2)
        assert end.attempts >= 2
        door.close(0)
    assert (
        len([record for record in caplog.records if end.url in record.getMessage()]) <= 2
    )  # and one that x was not sent
