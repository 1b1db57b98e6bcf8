"""The queue between the host's threads and the one that encodes."""

from __future__ import annotations

import threading

import pytest

from anyascope.sdk.delivery.bell import Bell
from anyascope.sdk.delivery.queue import BatchQueue
from anyascope.sdk.delivery.tally import Tally


@pytest.fixture
def house():
    """A queue whose exporter can be held up, and what it was given."""

    class House:
        def __init__(self):
            self.tally = Tally()
            self.batches = []
            self.gate = threading.Event()
            self.entered = threading.Event()
            self.gate.set()

        def export(self, batch):
            self.entered.set()
            assert self.gate.wait(60)
            self.batches.append(batch)

        def queue(self, export=None, **options):
            options = {"queue_max": 10, "delay_ms": 60_000, "batch_max": 4, **options}
            self.made = BatchQueue(export or self.export, tally=self.tally, signal="traces", **options)
            return self.made

        @property
        def items(self):
            return [item for batch in self.batches for item in batch]

    house = House()
    yield house
    house.gate.set()
    house.made.close()


def dropped(tally, signal="traces"):
    stats = tally.stats().get(signal)
    return stats.dropped if stats else {}


def test_hands_on_in_batches_and_in_order(house):
    """A flush hands everything on, at most `batch_max` at once, in the order in which it came."""
    queue = house.queue(batch_max=3)
    for number in range(7):
        queue.put(number)
    assert queue.flush(20)
    assert house.items == list(range(7))
    assert max(len(batch) for batch in house.batches) <= 3


def test_a_batch_is_handed_on_in_slices_where_the_exporter_takes_them(house):
    """So that the thread rests in between; nothing is lost or turned round by it."""
    queue = house.queue(queue_max=100, batch_max=40, slice_max=3, delay_ms=60_000)
    for number in range(20):
        queue.put(number)
    assert queue.flush(20)
    assert house.items == list(range(20))
    assert max(len(batch) for batch in house.batches) <= 3


def test_slices_are_longer_while_much_waits(house):
    """While more than half a batch does; the last ones are short again."""
    queue = house.queue(queue_max=100, batch_max=40, slice_max=3, delay_ms=60_000)
    for number in range(39):
        queue.put(number)
    assert queue.flush(20)
    assert house.items == list(range(39))
    assert [len(batch) for batch in house.batches] == [12, 12, *[3] * 5]


def test_an_item_waits_no_longer_than_the_delay(house):
    """One item alone goes by itself."""
    queue = house.queue(delay_ms=10)
    queue.put("alone")
    assert house.entered.wait(60)


def test_a_full_batch_does_not_wait(house):
    """As many items as a batch holds wake the thread, however long the delay is."""
    queue = house.queue(batch_max=2)
    queue.put(1)
    queue.put(2)
    assert house.entered.wait(60)


def test_nothing_starts_before_the_first_item(house):
    """A queue that nobody uses has no thread."""
    before = set(threading.enumerate())  # threads of other tests may end meanwhile
    house.queue()
    assert set(threading.enumerate()) <= before


def test_a_full_queue_loses_its_oldest_and_counts_it(house):
    """While the exporter hangs, at most `queue_max` wait, the newest stay, and each lost one is counted."""
    queue = house.queue(queue_max=10, batch_max=1)
    house.gate.clear()
    queue.put("held")
    assert house.entered.wait(60)
    for number in range(25):
        queue.put(number)
        assert queue.depth <= 10
    assert dropped(house.tally) == {"queue_full": 15}
    house.gate.set()
    assert queue.flush(20)
    assert house.items == ["held", *range(15, 25)]


def test_every_item_is_handed_on_or_counted(house):
    """Many threads against a small queue: nothing is lost without being counted, nothing comes twice."""
    queue = house.queue(queue_max=50, batch_max=7, delay_ms=1)
    threads = [
        threading.Thread(target=lambda first=first: [queue.put(first + number) for number in range(2_000)])
        for first in range(0, 10_000, 2_000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert queue.flush(20)
    assert len(set(house.items)) == len(house.items)
    assert len(house.items) + dropped(house.tally).get("queue_full", 0) == 10_000


def test_a_failing_exporter_is_counted_and_survived(house):
    """What an exporter raises costs its batch and nothing more."""

    def export(batch):
        if "bad" in batch:
            raise RuntimeError("no")
        house.export(batch)

    queue = house.queue(export, batch_max=1)
    for item in ("bad", "good"):
        queue.put(item)
    assert queue.flush(20)
    assert house.items == ["good"]
    assert dropped(house.tally) == {"export_failed": 1}


def test_closing_hands_on_and_then_takes_nothing(house):
    """What waits at the close goes; what comes later is counted."""
    queue = house.queue()
    queue.put("before")
    queue.close(20)
    queue.put("after")
    assert house.items == ["before"]
    assert dropped(house.tally) == {"shutdown": 1}


def test_closing_is_bounded_and_counts_what_is_left(house):
    """An exporter that hangs holds a close for no longer than it may, and what still waits is counted."""
    queue = house.queue(batch_max=1)
    house.gate.clear()
    queue.put("held")
    assert house.entered.wait(60)
    queue.put("left")
    queue.close(0.05)
    assert dropped(house.tally) == {"shutdown": 1}


def test_a_flush_of_nothing_starts_nothing(house):
    """A queue without items is flushed at once."""
    queue = house.queue()
    assert queue.flush(0.0)


def test_a_forked_child_has_an_empty_queue_and_works(house):
    """After a fork nothing of the parent's waits, and a new thread takes what is recorded."""
    queue = house.queue()
    queue.put("parent's")
    queue.after_fork()
    house.tally.after_fork()
    queue.put("child's")
    assert queue.flush(20)
    assert house.items[-1] == "child's"
    assert dropped(house.tally) == {}


def test_without_threads_the_flush_itself_hands_on(house, monkeypatch):
    """At the interpreter's end no thread can start: the caller of the flush does the work."""
    queue = house.queue()

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    queue.put("last")
    assert queue.flush(1)
    assert house.items == ["last"]


def test_a_ring_is_kept_for_who_comes_late():
    """A bell that rang before somebody waits wakes him once."""
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)
