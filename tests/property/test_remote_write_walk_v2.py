"""The compiled walk over a remote-write 2.0 request reads what protobuf's own classes read, whatever the bytes are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from anyascope.errors import InvalidInputError, TooLargeError
from anyascope.wire.prompb import decoded, kernels, schema
from anyascope.wire.prompb.decoded import Decoded, SeriesBook
from anyascope.wire.prompb.write_v2 import WriteV2Decoder
from support.compiling import compiled_loop

LOOPS = (kernels.look_up_slot, kernels.insert_slot, kernels.walk_v2)
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


class Request:
    """Builds a request; texts stand once in its symbols, in the order in which they are met."""

    def __init__(self, *, before: int = 0) -> None:
        self.symbols = {f"unused{number}": number for number in range(before)} or {"": 0}
        self.series: list[bytes] = []

    def ref(self, text: str) -> int:
        return self.symbols.setdefault(text, len(self.symbols))

    def add(self, number: int, samples: list[tuple[int, float]], **more: Any) -> None:
        message = schema.SeriesV2()
        labels = (("__name__", f"m{number}"), ("job", "j" * (number * 37 % 300)), ("site", "x"))
        message.labels_refs.extend(self.ref(text) for pair in labels for text in pair)
        for time_ms, value in samples:
            message.samples.add(timestamp=time_ms, value=value)
        for _ in range(more.get("exemplars", 0)):
            message.exemplars.add(value=1.5, timestamp=AT_MS)
        if more.get("histogram"):
            message.histograms.add(timestamp=AT_MS, sum=1.0)
        if (about := more.get("about")) is not None:
            message.metadata.type = about % 10
            message.metadata.help_ref = self.ref(f"help {about // 2}")
            message.metadata.unit_ref = self.ref("s") if about < 15 else 10_000
        message.created_timestamp = more.get("created", 0)
        body = bytes(message.SerializeToString())
        if more.get("late_refs"):
            body += bytes(schema.SeriesV2(labels_refs=[self.ref("late"), self.ref("label")]).SerializeToString())
        self.series.append(body)

    def body(self) -> bytes:
        return bytes(schema.WriteRequestV2(symbols=list(self.symbols), timeseries=self.series).SerializeToString())


def request_of(entries: list[tuple[int, list[tuple[int, float]], dict[str, Any]]], *, before: int = 0) -> bytes:
    request = Request(before=before)
    for number, samples, more in entries:
        request.add(number, samples, **more)
    return request.body()


def rows_of(found: Decoded) -> list[tuple[Any, int, bytes]]:
    """Labels, time and the value's bits of each sample, each series' own in order."""
    batch = found.batch.samples
    rows = [
        (batch.series[row], time_ms, struct.pack("<d", value))
        for row, time_ms, value in zip(batch.rows.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: row[0])


def told(decoder: WriteV2Decoder, body: bytes, *, by_walk: bool) -> Any:
    try:
        found = decoder.decode(body) if by_walk else decoder._decode(body)
    except InvalidInputError as error:
        return str(error)
    extras = (len(found.batch.histograms), found.batch.exemplars, found.batch.metadata)
    return rows_of(found), extras, found.refused, found.first


TIMES = st.one_of(
    st.just(AT_MS),
    st.integers(0, 2**56),
    st.sampled_from([0, 1, 127, 128, 2**35, 2**42, 2**62, 2**63 - 1, -1, -(2**63)]),
)
VALUES = st.one_of(st.floats(width=64), st.sampled_from([0.0, -0.0, 1.5]))
MORE = st.fixed_dictionaries(
    {},
    optional={
        "exemplars": st.just(1),
        "histogram": st.booleans(),
        "about": st.integers(0, 16),
        "created": st.sampled_from([1, AT_MS, -1]),
        "late_refs": st.booleans(),
    },
)
ENTRIES = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.tuples(TIMES, VALUES), max_size=4), MORE), min_size=0, max_size=8
)
KNOWN = [(number, [(AT_MS, 1.0)], {}) for number in range(5)]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(requests=st.lists(st.tuples(ENTRIES, st.integers(0, 3)), min_size=1, max_size=4))
def test_a_walk_reads_what_protobuf_reads(walking: None, requests: list[Any]) -> None:
    """Known or new, with metadata or exemplars, whatever numbers the symbols have: the same of the same series."""
    decoder = WriteV2Decoder(SeriesBook())
    decoder.decode(request_of(KNOWN))
    for entries, before in requests:
        body = request_of(entries, before=before)
        assert told(decoder, body, by_walk=True) == told(WriteV2Decoder(SeriesBook()), body, by_walk=False)


CHANGED = request_of(
    [(number, [(AT_MS + number, 0.5), (AT_MS + 9, 1.0)], {"about": number, "created": AT_MS}) for number in range(4)]
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(CHANGED) - 1), st.integers(0, 255)), max_size=3),
    end=st.one_of(st.none(), st.integers(0, len(CHANGED))),
)
@example([(CHANGED.index(b"help 1"), 0xFF)], None)
def test_no_bytes_make_a_walk_read_something_else(
    walking: None, changes: list[tuple[int, int]], end: int | None
) -> None:
    """Cut short or with bytes exchanged, a request is read, or refused, as protobuf's own classes do."""
    decoder = WriteV2Decoder(SeriesBook())
    decoder.decode(CHANGED)
    body = bytearray(CHANGED)
    for place, byte in changes:
        body[place] = byte
    changed = bytes(body[:end])
    assert told(decoder, changed, by_walk=True) == told(WriteV2Decoder(SeriesBook()), changed, by_walk=False)


def test_known_series_are_found_by_a_walk_alone(walking: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of series that were met before nothing is left to protobuf, whatever their symbols' numbers, through every growth."""
    decoder = WriteV2Decoder(SeriesBook())
    chunks = [
        [(n, [(AT_MS, 0.25)], {"about": n % 3}) for n in range(first, first + 300)] for first in range(0, 3000, 300)
    ]
    for chunk in chunks:
        decoder.decode(request_of(chunk))
    monkeypatch.setattr(decoder, "_take", None)
    monkeypatch.setattr(decoder, "_decode", None)
    for chunk in chunks:
        found = decoder.decode(request_of(chunk[::-1], before=7))
        assert (len(found.batch.samples), len(found.batch.metadata)) == (300, 300)


def test_metadata_are_told_once(walking: None) -> None:
    """Series of one metric tell its metadata once, in the order of the request, whoever reads them."""
    entries = [(n % 3, [(AT_MS + n, 1.0)], {"about": 1, "exemplars": n % 2}) for n in range(20)]
    decoder = WriteV2Decoder(SeriesBook())
    decoder.decode(request_of(KNOWN))

    found = decoder.decode(request_of(entries))

    assert [each.metric for each in found.batch.metadata] == ["m0", "m1", "m2"]


def test_too_many_symbols_are_refused(walking: None) -> None:
    """A request of a hundred thousand texts is refused as it is without the walk."""
    body = bytes(schema.WriteRequestV2(symbols=["x"] * (decoded.ENTRIES_MAX + 1)).SerializeToString())
    with pytest.raises(TooLargeError, match="more than 100000 entries"):
        WriteV2Decoder(SeriesBook()).decode(body)
