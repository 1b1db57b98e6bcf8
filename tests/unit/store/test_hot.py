"""The hot window."""

from __future__ import annotations

import numpy as np

from anyascope.store.hot import CHUNK, HotWindow


def append(window, *rows):
    refs, times, values = zip(*rows, strict=True)
    window.append(np.array(refs, np.uint32), np.array(times, np.int64), np.array(values, np.float64))


def held(window, *refs, start_ms=0, end_ms=2**60):
    found = window.gather(np.array(refs, np.uint32), start_ms=start_ms, end_ms=end_ms)
    return list(zip(found.rows.tolist(), found.times_ms.tolist(), found.values.tolist(), strict=True))


def test_samples_come_in_the_order_of_writing():
    """Each series' samples come together, in the order in which they were written."""
    window = HotWindow(start_ms=0, samples_max=1000)
    append(window, (3, 5, 1.0), (1, 9, 2.0))
    append(window, (3, 4, 3.0), (3, 5, 4.0))

    assert held(window, 1, 3) == [(0, 9, 2.0), (1, 5, 1.0), (1, 4, 3.0), (1, 5, 4.0)]
    assert held(window, 3, 7, 5000) == [(0, 5, 1.0), (0, 4, 3.0), (0, 5, 4.0)]
    assert held(window, 3, start_ms=5, end_ms=5) == [(0, 5, 1.0), (0, 5, 4.0)]


def test_series_outgrow_their_chunks():
    """Long series and long batches run over many chunks without loss."""
    window = HotWindow(start_ms=0, samples_max=100_000)
    expected = {ref: [] for ref in range(3)}
    time_ms = 0
    for size in (1, CHUNK - 1, 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, 2):
        rows = []
        for _ in range(size):
            time_ms += 1
            rows += [(ref, time_ms, float(time_ms)) for ref in range(3)]
        for ref, at, value in rows:
            expected[ref].append((ref, at, value))
        append(window, *rows)

    assert held(window, 0, 1, 2) == expected[0] + expected[1] + expected[2]


def test_what_is_before_the_start_is_not_taken():
    """Samples older than the window are left to the disk."""
    window = HotWindow(start_ms=100, samples_max=1000)
    append(window, (0, 99, 1.0), (0, 100, 2.0))
    append(window, (0, 50, 3.0))

    assert held(window, 0) == [(0, 100, 2.0)]


def test_evicting_frees_old_chunks_and_keeps_the_promise():
    """After eviction everything from the new start on is still there, and old chunks are used again."""
    window = HotWindow(start_ms=0, samples_max=10 * CHUNK)
    for at in range(8 * CHUNK):
        append(window, (at % 2, at, float(at)))
    used = window.chunks_used

    window.evict(5 * CHUNK)

    assert window.chunks_used < used
    assert sorted(at for _, at, _ in held(window, 0, 1)) == list(range(5 * CHUNK, 8 * CHUNK))
    for at in range(8 * CHUNK, 12 * CHUNK):
        append(window, (at % 2, at, float(at)))
    assert sorted(at for _, at, _ in held(window, 0, 1)) == list(range(5 * CHUNK, 12 * CHUNK))


def test_a_late_sample_in_an_old_chunk_survives_eviction():
    """Chunks between two live ones may go; the chain holds."""
    window = HotWindow(start_ms=0, samples_max=100 * CHUNK)
    append(window, *((0, at, 0.0) for at in range(CHUNK - 1)), (0, 10_000, 1.0))
    append(window, *((0, at, 0.0) for at in range(2 * CHUNK)))
    append(window, (0, 20_000, 2.0))

    window.evict(5000)

    assert held(window, 0) == [(0, 10_000, 1.0), (0, 20_000, 2.0)]
    append(window, (0, 20_001, 3.0))
    assert held(window, 0)[-1] == (0, 20_001, 3.0)


def test_a_full_pool_shortens_the_window():
    """Where the pool runs full the start moves up, and what is promised is there."""
    window = HotWindow(start_ms=0, samples_max=8 * CHUNK)
    for at in range(20 * CHUNK):
        append(window, (0, at, float(at)))

    assert window.start_ms > 10 * CHUNK
    assert [at for _, at, _ in held(window, 0)] == list(range(window.start_ms, 20 * CHUNK))
    assert window.samples <= 8 * CHUNK


def test_more_series_than_chunks_leave_an_empty_window():
    """Memory that cannot hold a sample of each series promises nothing, and does not fail."""
    window = HotWindow(start_ms=0, samples_max=4 * CHUNK)
    append(window, *((ref, 10, 1.0) for ref in range(50)))

    assert window.start_ms == 11
    assert held(window, *range(50)) == []
    append(window, (1, 12, 5.0))
    assert held(window, 1) == [(0, 12, 5.0)]


def test_a_batch_larger_than_the_pool_is_survived():
    """A batch that no pool could hold moves the start beyond it or keeps its newest part."""
    window = HotWindow(start_ms=0, samples_max=4 * CHUNK)
    append(window, *((0, at, float(at)) for at in range(100 * CHUNK)))

    assert [at for _, at, _ in held(window, 0)] == list(range(window.start_ms, 100 * CHUNK))


def test_dropped_series_are_gone():
    """Dropping a series frees its chunks; it may be written again."""
    window = HotWindow(start_ms=0, samples_max=100 * CHUNK)
    append(window, *((ref, at, 1.0) for ref in (0, 1) for at in range(2 * CHUNK)))

    window.drop(np.array([0, 900_000], np.uint32))

    assert held(window, 0) == []
    assert len(held(window, 1)) == 2 * CHUNK
    assert window.chunks_used == 2
    append(window, (0, 5, 2.0))
    assert held(window, 0) == [(0, 5, 2.0)]
