"""Remote write's hostile bodies: each is refused with the status and the fault, and costs nobody else anything."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import cramjam
import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.clock import NS_PER_MS, ManualClock
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.metrics import STALE_NAN, is_stale
from anyascope.store.api.metrics import Selection
from anyascope.store.memory.store import MemoryStore
from anyascope.wire.prompb import schema
from support.receiving import start_receiving
from support.remote_write import remote_write

NOW_MS = 1_795_437_983_706
GOOD = (("__name__", "good"), ("job", "a"))
V1 = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
V2 = {**V1, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
SYMBOLS = ["", "__name__", "good", "job", "a", "b"]


class House:
    def __init__(self, client: httpx.AsyncClient, store: MemoryStore, registry: CollectorRegistry) -> None:
        self.client, self.store, self.registry = client, store, registry

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post("/api/v1/write", content=body, headers=headers)

    async def values(self, metric: str) -> list[float]:
        named = (Matcher("__name__", MatchOp.EQUAL, metric),)
        return (await self.store.metrics.select(Selection(named, 0, 2**62))).values.tolist()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, registry = ManualClock(NOW_MS * NS_PER_MS), CollectorRegistry()
    store = MemoryStore(clock=clock)
    ingest, receive = await start_receiving(store, clock=clock, registry=registry)
    transport = httpx.ASGITransport(Starlette(routes=receive.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield House(client, store, registry)
    await ingest.drain()


def snappy(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def with_good(*parts: bytes) -> bytes:
    """A 1.0 request of these entries and a good series."""
    good = schema.Series(samples=[{"timestamp": NOW_MS, "value": 1.0}])
    for name, value in GOOD:
        good.labels.add(name=name, value=value)
    return snappy(schema.WriteRequest(timeseries=[*parts, good.SerializeToString()]).SerializeToString())


def series(*pairs: tuple[str, str], time_ms: int = NOW_MS, **more: Any) -> bytes:
    message = schema.Series(samples=[{"timestamp": time_ms, "value": 2.0}], **more)
    for name, value in pairs:
        message.labels.add(name=name, value=value)
    return bytes(message.SerializeToString())


def two(*parts: bytes, symbols: Sequence[str] = SYMBOLS) -> bytes:
    """A 2.0 request of these entries and a good series."""
    good = schema.SeriesV2(labels_refs=[1, 2, 3, 4], samples=[{"timestamp": NOW_MS, "value": 1.0}])
    request = schema.WriteRequestV2(symbols=list(symbols), timeseries=[*parts, good.SerializeToString()])
    return snappy(request.SerializeToString())


def second(refs: list[int], **more: Any) -> bytes:
    return bytes(schema.SeriesV2(labels_refs=refs, samples=[{"timestamp": NOW_MS}], **more).SerializeToString())


BAD = (("__name__", "bad"),)
WHOLE = [  # name, body, headers, status, what the answer says
    ("snappy of no length", b"\xff\xff\xff\xff\xff\xff", V1, 400, "snappy"),
    ("snappy cut short", remote_write([(GOOD, [(NOW_MS, 1.0)])])[:-5], V1, 400, "snappy"),
    ("snappy with a copy from before its beginning", b"\x10\x01\x00", V1, 400, "snappy"),
    ("snappy in frames", bytes(cramjam.snappy.compress(b"x" * 100)), V1, 400, "snappy"),
    ("nothing", b"", V1, 400, "empty"),
    ("a bomb that says so", varint(2**31) + b"\x00" * 50, V1, 413, "at most"),
    ("a bomb of zeros", snappy(bytes(34_000_000)), V1, 413, "at most"),
    ("a bomb of entries", snappy(b"\x0a\x00" * 8_000_000), V1, 413, "entries"),
    ("a bomb of entries, 2.0", snappy(b"\x2a\x00" * 8_000_000), V2, 413, "entries"),
    ("a bomb of symbols", snappy(b"\x22\x00" * 8_000_000), V2, 413, "entries"),
    ("a body that is not compressed", b"\x0a\x05hello" * 20, V1, 400, "snappy"),
    ("an entry longer than the body", snappy(b"\x0a\xff\x7f"), V1, 400, "protobuf is damaged"),
    ("a length cut short", snappy(b"\x0a\xff\xff\xff"), V1, 400, "protobuf is damaged"),
    ("a length of eleven bytes", snappy(b"\x0a" + b"\xff" * 11), V1, 400, "protobuf is damaged"),
    ("a group that never ends", snappy(b"\x0b" * 5_000), V1, 400, "protobuf is damaged"),
    ("a field of number 0", snappy(b"\x02\x00"), V1, 400, "protobuf is damaged"),
    ("entries of the other version", snappy(b"\x2a\xff\x7f"), V2, 400, "protobuf is damaged"),
    ("JSON", b"{}", {**V1, "content-type": "application/json"}, 415, "application/x-protobuf"),
    ("gzip", b"", {**V1, "content-encoding": "gzip"}, 415, "snappy"),
]
PARTIAL = [  # the same, with a good series behind that is stored
    ("a damaged series", with_good(b"\x0a\xff"), V1, "protobuf is damaged"),
    ("a name that is not UTF-8", with_good(b"\x0a\x08\x0a\x02\xff\xfe\x12\x02ab"), V1, "not UTF-8"),
    ("a sample's length beyond its series", with_good(series(*BAD)[:-1]), V1, "protobuf is damaged"),
    ("a label twice", with_good(series(*BAD, ("job", "a"), ("job", "b"))), V1, "'job' stands twice"),
    ("no labels", with_good(series()), V1, "no metric name"),
    ("an empty name", with_good(series(*BAD, ("", "x"))), V1, "name is empty"),
    ("an empty metric", with_good(series(("__name__", ""), ("job", "a"))), V1, "no metric name"),
    ("too many labels", with_good(series(*BAD, *((f"l{n:05}", "x") for n in range(5_000)))), V1, "too many labels"),
    ("a label of a megabyte", with_good(series(*BAD, ("l", "\u4e2d\u6587" * 150_000))), V1, "too long"),
    ("a name of a megabyte", with_good(series(*BAD, ("l" * 300_000, "x"))), V1, "too long"),
    ("a time before 1970", with_good(series(*BAD, time_ms=-5)), V1, "before 1970"),
    ("the least of all times", with_good(series(*BAD, time_ms=-(2**63))), V1, "before 1970"),
    ("the greatest of all times", with_good(series(*BAD, time_ms=2**63 - 1)), V1, "future"),
    ("an hour ahead", with_good(series(*BAD, time_ms=NOW_MS + 3_600_000)), V1, "future"),
    (
        "a histogram of unknown schema",
        with_good(series(*BAD, time_ms=0, histograms=[{"schema": 99, "timestamp": NOW_MS}])),
        V1,
        "schema 99",
    ),
    (
        "a histogram of a billion buckets",
        with_good(
            series(
                *BAD, time_ms=0, histograms=[{"positive_spans": [{"offset": 0, "length": 2**30}], "timestamp": NOW_MS}]
            )
        ),
        V1,
        "bucket",
    ),
    ("a reference that leads nowhere", two(second([1, 77])), V2, "symbol 77"),
    ("the greatest reference", two(second([2**32 - 1, 1])), V2, "symbol"),
    ("a name without a value", two(second([1, 2, 3])), V2, "without a value"),
    ("a label twice, 2.0", two(second([1, 2, 3, 4, 3, 5])), V2, "stands twice"),
    ("an empty name, 2.0", two(second([1, 2, 0, 4])), V2, "name is empty"),
]


def test_there_are_thirty_of_them() -> None:
    """The list stays as long as it was promised."""
    assert len(WHOLE) + len(PARTIAL) >= 30


@pytest.mark.parametrize("case", WHOLE, ids=[each[0] for each in WHOLE])
async def test_a_body_that_is_no_request(house: House, case: tuple[str, bytes, dict[str, str], int, str]) -> None:
    """The answer names the fault; nothing is stored, nothing stays held, and the next request is taken."""
    _, body, headers, status, said = case
    answer = await house.post(body, headers)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text[:300]
    assert house.registry.get_sample_value("anyascope_receive_inflight_bytes") == 0
    assert (await house.post(with_good(), V1)).status_code == 204
    assert await house.values("good") == [1.0]


@pytest.mark.parametrize("case", PARTIAL, ids=[each[0] for each in PARTIAL])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_faulty_series_costs_itself(
    house: House, case: tuple[str, bytes, dict[str, str], str], times: int
) -> None:
    """The answer is 400 and names the fault, the first time and when all has been seen before; the other series is stored."""
    _, body, headers, said = case
    for _ in range(times):
        answer = await house.post(body, headers)
        assert (answer.status_code, said in answer.text) == (400, True), answer.text[:300]
        assert len(answer.text) < 2_000
    assert await house.values("good") == [1.0]
    assert await house.values("bad") == []
    if headers is V2:
        assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"


async def test_labels_in_any_order_and_odd_numbers_are_taken(house: House) -> None:
    """Unsorted labels are the same series; staleness, NaN and infinities are values; of equal times the last one stays."""
    odd = [STALE_NAN, float("nan"), float("inf"), -0.0]
    rows = [(tuple(reversed(GOOD)), [(NOW_MS + n, value) for n, value in enumerate(odd)]), (GOOD, [(NOW_MS + 2, 7.0)])]
    assert (await house.post(remote_write(rows), V1)).status_code == 204
    found = await house.store.metrics.select(Selection((Matcher("job", MatchOp.EQUAL, "a"),), 0, 2**62))
    assert len(found) == 1
    assert is_stale(found.values).tolist() == [True, False, False, False]
    assert found.values[2] == 7.0
    assert struct.pack("<d", found.values[3]) == struct.pack("<d", -0.0)
