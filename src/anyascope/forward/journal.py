"""The store's journal as the log that is sent on."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from itertools import accumulate

import msgspec
import numpy as np
import structlog

from anyascope.forward.log import NO_VALUES, Entry, Standing, others_entry
from anyascope.forward.places import Place
from anyascope.store.journal.files import Journal, Reading
from anyascope.store.journal.payloads import unpack_extras, unpack_samples
from anyascope.store.journal.positions import Position
from anyascope.store.journal.records import HEAD, Kind, Record

NO_IDS, NO_TIMES = np.empty(0, np.uint64), np.empty(0, np.int64)

log = structlog.get_logger("anyascope.forward")


class JournalLog:
    """Implements `Log`. The journal's calls may wait for the disk: they go to threads."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def position(self, consumer: str) -> Place:
        return _place(await asyncio.to_thread(self._journal.position, consumer))

    async def read(self, place: Place) -> Sequence[Entry]:
        return await asyncio.to_thread(self._read, place)

    async def commit(self, consumer: str, place: Place) -> None:
        await asyncio.to_thread(self._journal.commit, consumer, Position(*place))

    async def forget(self, consumer: str) -> None:
        await asyncio.to_thread(self._journal.forget, consumer)

    async def consumers(self) -> Sequence[str]:
        return await asyncio.to_thread(self._journal.consumers)

    async def standing(self, consumer: str) -> Standing:
        return await asyncio.to_thread(
            lambda: Standing(self._journal.backlog_bytes(consumer), self._journal.lost_bytes(consumer))
        )

    def _read(self, place: Place) -> Sequence[Entry]:
        reading = self._journal.read(Position(*place))
        if reading.damaged_bytes and len(reading.records) > 1:
            # Where each of them begins is only known of one record alone.
            reading = self._journal.read(Position(*place), bytes_max=1)
        if not reading.records:
            end = _place(reading.position)
            return [_nothing(place, end)] if end > place and reading.damaged_bytes else []
        return _entries(reading)


def _entries(reading: Reading) -> list[Entry]:
    segment, end = reading.position.segment, reading.position.offset
    sizes = [HEAD.size + len(record.payload) for record in reading.records]
    offsets = [end - sum(sizes), *(end - sum(sizes) + size for size in accumulate(sizes))]
    return [
        _entry(record, Place(segment, start), Place(segment, stop))
        for record, start, stop in zip(reading.records, offsets, offsets[1:], strict=False)
    ]


def _entry(record: Record, start: Place, end: Place) -> Entry:
    try:
        match record.kind:
            case Kind.SAMPLES:
                samples = unpack_samples(record.payload)
                return Entry(start, end, samples.ids, samples.times_ms, samples.values)
            case Kind.EXTRAS:
                extras = unpack_extras(record.payload)
                ids = [*extras.histogram_ids, *extras.exemplar_ids]
                return others_entry(start, end, ids, [*extras.histograms, *extras.exemplars])
            case _:
                return _nothing(start, end)
    except (ValueError, struct.error, msgspec.MsgspecError) as error:
        # Its check sum is right, so that another release wrote it in another way.
        log.error("forward_entry_unreadable", kind=record.kind, error=str(error))  # noqa: TRY400  # the message says all
        return _nothing(start, end)


def _nothing(start: Place, end: Place) -> Entry:
    return Entry(start, end, NO_IDS, NO_TIMES, NO_VALUES)


def _place(position: Position) -> Place:
    return Place(position.segment, position.offset)
