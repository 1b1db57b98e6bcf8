"""Identifiers are unique, of the right shape, and sort by time."""

from __future__ import annotations

import uuid

from anyascope.clock import ManualClock
from anyascope.ids import CountedIds, RandomIds


async def test_ids_sort_by_time():
    """A later id is greater, and is a UUID of version 7."""
    clock = ManualClock()
    ids = RandomIds(clock)
    first = ids.next()
    await clock.advance(0.002)
    second = ids.next()
    assert first < second
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122


def test_correlation_ids_are_random_uuids():
    """Of version 4, in their usual form, and never twice."""
    ids = RandomIds(ManualClock())
    made = [ids.uuid4() for _ in range(2_000)]
    assert len(set(made)) == len(made)
    for text in made:
        found = uuid.UUID(text)
        assert (str(found), found.version, found.variant) == (text, 4, uuid.RFC_4122)
    assert {text[19] for text in made} == set("89ab")


def test_trace_and_span_ids_are_never_zero():
    """All-zero ids mean "absent" in OpenTelemetry."""
    ids = RandomIds(ManualClock())
    assert len(ids.trace_id()) == 16
    assert any(ids.trace_id())
    assert len(ids.span_id()) == 8


def test_counted_ids_count():
    """Tests see 1, 2, 3."""
    ids = CountedIds()
    assert [int(ids.next(), 16), int.from_bytes(ids.span_id(), "big")] == [1, 2]
