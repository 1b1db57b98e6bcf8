"""The store's journal as the log: entries with their places, whatever stands between them."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.clock import ManualClock
from anyascope.forward.journal import JournalLog
from anyascope.forward.places import Place
from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata, MetricType
from anyascope.store.journal.files import Journal, JournalOptions
from anyascope.store.journal.payloads import Extras, Samples, pack_extras, pack_samples
from anyascope.store.journal.records import Kind

START_MS = 1_700_000_000_000


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, options=JournalOptions(segment_bytes=2000), clock=ManualClock())
    yield journal
    journal.close()


def samples(first: int, count: int) -> tuple[bytes, ...]:
    ids = np.arange(first, first + count, dtype=np.uint64)
    return pack_samples(Samples(ids, START_MS + ids.astype(np.int64), ids / 2))


async def all_entries(log: JournalLog, place: Place):
    found = []
    while entries := await log.read(place):
        found += entries
        place = entries[-1].end
    return found


async def test_entries_follow_each_other_over_segments(journal):
    """Each entry begins where the one before ended or in a later file; read from any of these places on, the rest is the same."""
    log = JournalLog(journal)
    start = await log.position("far")
    for number in range(12):
        journal.append(Kind.SAMPLES, samples(100 * number, 20))
    entries = await all_entries(log, start)

    assert [entry.ids[0] for entry in entries] == [100 * number for number in range(12)]
    assert entries[3].times_ms.tolist() == [START_MS + 300 + n for n in range(20)]
    assert entries[3].values.tolist() == [150 + n / 2 for n in range(20)]
    assert len({entry.start.segment for entry in entries}) > 1
    for index, entry in enumerate(entries):
        again = await all_entries(log, entry.start)
        assert [each.start for each in again] == [each.start for each in entries[index:]]


async def test_histograms_and_exemplars_are_an_entry_and_metadata_is_passed_over(journal):
    """What comes beside samples has the ids of its series; metadata alone is an entry of nothing."""
    log = JournalLog(journal)
    start = await log.position("far")
    histogram = HistogramSample((), START_MS, 2.0, 3.0, 0, 0.0, 0.0, ((0, 1),), (2.0,))
    exemplar = Exemplar((), START_MS + 1, 0.5, (("trace_id", "abc"),))
    extras = Extras(histogram_ids=(7,), histograms=(histogram,), exemplar_ids=(9,), exemplars=(exemplar,))
    journal.append(Kind.EXTRAS, (pack_extras(extras),))
    journal.append(Kind.EXTRAS, (pack_extras(Extras(metadata=(MetricMetadata("m", MetricType.GAUGE),))),))
    first, second = await all_entries(log, start)

    assert first.ids.tolist() == [7, 9]
    assert list(first.others) == [histogram, exemplar]
    assert first.times_ms.tolist() == [START_MS, START_MS + 1]
    assert not len(second.ids)
    assert second.end == Place(journal.end.segment, journal.end.offset)


async def test_damage_costs_what_is_damaged(journal, tmp_path):
    """Entries behind damaged bytes are read, at their places."""
    log = JournalLog(journal)
    start = await log.position("far")
    for number in range(4):
        journal.append(Kind.SAMPLES, samples(100 * number, 5))
    whole = await all_entries(log, start)
    file = tmp_path / f"{start.segment:010d}.journal"
    data = bytearray(file.read_bytes())
    data[whole[1].start.offset + 40] ^= 0xFF
    file.write_bytes(data)
    found = await all_entries(log, start)

    assert [int(entry.ids[0]) for entry in found if len(entry.ids)] == [0, 200, 300]
    assert [entry.end for entry in found if len(entry.ids)] == [whole[0].end, whole[2].end, whole[3].end]


async def test_a_consumer_is_waited_for_and_forgotten(journal):
    """The backlog grows until it is committed; a consumer that is forgotten is not counted."""
    log = JournalLog(journal)
    start = await log.position("far")
    journal.append(Kind.SAMPLES, samples(0, 20))
    assert (await log.standing("far")).backlog_bytes > 300
    (entry,) = await all_entries(log, start)
    await log.commit("far", entry.end)
    assert (await log.standing("far")).backlog_bytes == 0
    assert "far" in await log.consumers()
    await log.forget("far")
    assert "far" not in await log.consumers()
