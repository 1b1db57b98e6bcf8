"""The compiled walk over a remote-write request reads what protobuf's own classes read, whatever the bytes are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyascope.errors import InvalidInputError
from anyascope.wire.prompb import kernels, schema
from anyascope.wire.prompb.decoded import Decoded, SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from support.compiling import compiled_loop

LOOPS = (kernels.measure_labels, kernels.look_up_slot, kernels.insert_slot, kernels.walk)
AT_MS = 1_795_437_983_706


@pytest.fixture(scope="module", params=["plain", pytest.param("compiled", marks=pytest.mark.slow)])
def walking(request: pytest.FixtureRequest) -> Iterator[None]:
    """Decoders walk: with the loops as they are written, and as numba compiles them."""
    before = [loop._compiled for loop in LOOPS]
    for loop in LOOPS:
        loop._compiled = loop.plain if request.param == "plain" else compiled_loop(loop)
    yield
    for loop, compiled in zip(LOOPS, before, strict=True):
        loop._compiled = compiled


def series(number: int, samples: list[tuple[int, float]], **more: Any) -> bytes:
    message = schema.Series()
    message.labels.add(name="__name__", value=f"m{number}")
    message.labels.add(name="job", value="j" * (number * 37 % 300))
    for time_ms, value in samples:
        message.samples.add(timestamp=time_ms, value=value)
    for _ in range(more.get("exemplars", 0)):
        message.exemplars.add(value=1.5, timestamp=AT_MS)
    if more.get("late_label"):
        return bytes(message.SerializeToString()) + bytes(schema.Series(labels=[message.labels[1]]).SerializeToString())
    return bytes(message.SerializeToString())


def request_of(*parts: bytes) -> bytes:
    return bytes(schema.WriteRequest(timeseries=list(parts)).SerializeToString())


def rows_of(decoded: Decoded) -> list[tuple[Any, int, bytes]]:
    """Labels, time and the value's bits of each sample, each series' own in order."""
    batch = decoded.batch.samples
    rows = [
        (batch.series[row], time_ms, struct.pack("<d", value))
        for row, time_ms, value in zip(batch.rows.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: row[0])


def told(decoder: WriteV1Decoder, body: bytes, *, by_walk: bool) -> Any:
    try:
        decoded = decoder.decode(body) if by_walk else decoder._decode(body)
    except InvalidInputError as error:
        return str(error)
    extras = (decoded.batch.histograms, decoded.batch.exemplars, decoded.batch.metadata)
    return rows_of(decoded), extras, decoded.refused, decoded.first


TIMES = st.one_of(
    st.just(AT_MS),
    st.integers(0, 2**56),
    st.sampled_from([0, 1, 127, 128, 2**35, 2**42, 2**62, 2**63 - 1, -1, -(2**63)]),
)
VALUES = st.one_of(st.floats(width=64), st.sampled_from([0.0, -0.0, 1.5]))
ENTRIES = st.builds(
    series,
    st.integers(0, 6),
    st.lists(st.tuples(TIMES, VALUES), max_size=4),
    exemplars=st.integers(0, 1),
    late_label=st.booleans(),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(requests=st.lists(st.lists(ENTRIES, max_size=8), min_size=1, max_size=4))
def test_a_walk_reads_what_protobuf_reads(walking: None, requests: list[list[bytes]]) -> None:
    """Known or new, with one sample or many, in whatever order: the same samples of the same series."""
    decoder = WriteV1Decoder(SeriesBook())
    decoder.decode(request_of(*(series(number, [(AT_MS, 1.0)]) for number in range(5))))
    for parts in requests:
        body = request_of(*parts)
        assert told(decoder, body, by_walk=True) == told(WriteV1Decoder(SeriesBook()), body, by_walk=False)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_bytes_make_a_walk_read_something_else(walking: None, data: st.DataObject) -> None:
    """Cut short or with bytes exchanged, a request is read, or refused, as protobuf's own classes do."""
    body = bytearray(request_of(*(series(number, [(AT_MS + number, 0.5), (AT_MS + 9, 1.0)]) for number in range(4))))
    decoder = WriteV1Decoder(SeriesBook())
    decoder.decode(bytes(body))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(body[: data.draw(st.integers(0, len(body)))]) if data.draw(st.booleans()) else bytes(body)
    mine, theirs = told(decoder, changed, by_walk=True), told(WriteV1Decoder(SeriesBook()), changed, by_walk=False)
    assert mine == theirs


def test_known_series_are_found_by_a_walk_alone(walking: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of series that were met before nothing is left to protobuf, through every growth of the table."""
    decoder = WriteV1Decoder(SeriesBook())
    bodies = [
        request_of(*(series(n, [(AT_MS + k, 0.25)]) for n in range(first, first + 300)))
        for k, first in enumerate(range(0, 3000, 300))
    ]
    for body in bodies:
        decoder.decode(body)
    monkeypatch.setattr(decoder, "_read", None)
    monkeypatch.setattr(decoder, "_decode", None)
    for body in bodies:
        assert len(decoder.decode(body).batch.samples) == 300


def test_the_table_forgets_when_its_numbers_do(walking: None) -> None:
    """When the book begins again, numbers that it gave before are never mixed with those that it gives now."""
    book = SeriesBook(known_max=3)
    decoder = WriteV1Decoder(book)
    for number in range(10):
        body = request_of(series(number, [(AT_MS, float(number))]), series(0, [(AT_MS, 7.0)]))
        decoded = decoder.decode(body)
        assert sorted(rows_of(decoded)) == sorted(rows_of(WriteV1Decoder(SeriesBook())._decode(body)))
        numbered = decoded.batch.samples.numbered
        assert numbered is not None
        known = [each for each in numbered.numbers.tolist() if each >= 0]
        assert len(set(known)) == len(known)
