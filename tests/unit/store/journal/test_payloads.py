"""What is written into a record is what comes out of it, to the bit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from anyascope.model.metrics import STALE_NAN, Exemplar, HistogramSample, MetricMetadata, MetricType, is_stale
from anyascope.store.journal.payloads import Extras, Samples, pack_extras, pack_samples, unpack_extras, unpack_samples

HISTOGRAM = HistogramSample(
    labels=(("__name__", "h"),),
    time_ms=1_000,
    count=3.0,
    sum=STALE_NAN,
    schema=3,
    zero_threshold=1e-9,
    zero_count=1.0,
    positive_spans=((-1, 2),),
    positive_counts=(1.0, 1.0),
)


@pytest.mark.parametrize("spread", [0, 1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**62])
def test_samples_come_back(spread: int) -> None:
    """Ids, times and values are equal whatever stretch the times cover; staleness markers keep their bits."""
    ids = np.array([1, 2**64 - 1, 7], np.uint64)
    times_ms = np.array([5, 5 + spread, 5], np.int64)
    values = np.array([1.5, STALE_NAN, -np.inf])
    back = unpack_samples(b"".join(pack_samples(Samples(ids, times_ms, values))))
    assert back.ids.tolist() == ids.tolist()
    assert back.times_ms.tolist() == times_ms.tolist()
    assert back.values.tobytes() == values.tobytes()


def test_samples_of_one_time_take_sixteen_bytes_each() -> None:
    """A scrape's samples share their time, which is written once."""
    many = Samples(np.arange(1_000, dtype=np.uint64), np.full(1_000, 1_700_000_000_000), np.ones(1_000))
    assert len(b"".join(pack_samples(many))) < 16_100


def test_extras_come_back_without_their_labels() -> None:
    """Histograms, exemplars and metadata are equal but for the labels of their series, which stand as ids."""
    exemplar = Exemplar((("__name__", "c"),), 5, 2.0, (("trace_id", "abc"),))
    about = MetricMetadata("h", MetricType.HISTOGRAM, help="Time \N{MICRO SIGN}s.", unit="s")
    back = unpack_extras(pack_extras(Extras((2**63,), (HISTOGRAM,), (9,), (exemplar,), (about,))))
    assert (back.histogram_ids, back.exemplar_ids) == ((2**63,), (9,))
    assert is_stale(np.array([back.histograms[0].sum]))[0]
    assert replace(back.histograms[0], sum=0.0) == replace(HISTOGRAM, sum=0.0, labels=())
    assert back.exemplars == (replace(exemplar, series=()),)
    assert back.metadata == (about,)


def test_text_that_no_table_would_take_is_mended() -> None:
    """Lone surrogates become question marks, as the tables have them."""
    exemplar = Exemplar((), 5, 2.0, (("trace_id", "a\ud800"),))
    back = unpack_extras(pack_extras(Extras(exemplar_ids=(9,), exemplars=(exemplar,))))
    assert back.exemplars[0].labels == (("trace_id", "a?"),)


CROWD = """
import sys, threading
from anyascope.store.journal.payloads import Extras, pack_extras, unpack_extras
sys.setswitchinterval(1e-6)
payload, together = pack_extras(Extras()), threading.Barrier(8)
def read():
    together.wait()
    for _ in range(200):
        unpack_extras(payload)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_extras_may_be_read_by_many_threads_at_once() -> None:
    """As the store and each far end do when a server starts. msgspec crashed the process, half of the times, while it learned the type."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", CROWD], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done
