"""Remote write over HTTP: what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import cramjam
import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.clock import NS_PER_MS, ManualClock
from anyascope.errors import OverloadedError, UnavailableError
from anyascope.model.metrics import MetricBatch
from anyascope.ports import Admission
from anyascope.store.memory.store import MemoryStore
from anyascope.wire.prompb import schema
from support.receiving import start_receiving
from support.remote_write import remote_write

NOW_MS = 1_795_437_983_706
UP = (("__name__", "up"), ("job", "a"))
V1 = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
V2 = {**V1, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=ManualClock(NOW_MS * NS_PER_MS))


@pytest.fixture
async def client(store: MemoryStore) -> AsyncIterator[httpx.AsyncClient]:
    ingest, receive = await start_receiving(store, clock=ManualClock(NOW_MS * NS_PER_MS), registry=CollectorRegistry())
    transport = httpx.ASGITransport(Starlette(routes=receive.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await ingest.drain()


async def post(client: httpx.AsyncClient, body: bytes, headers: Mapping[str, str] = V1) -> httpx.Response:
    return await client.post("/api/v1/write", content=body, headers=dict(headers))


async def test_stored_is_204(client: httpx.AsyncClient) -> None:
    """A request that is stored whole is answered with 204 and nothing else."""
    answer = await post(client, remote_write([(UP, [(NOW_MS, 1.0)])]))
    assert (answer.status_code, answer.content) == (204, b"")


async def test_2_0_is_told_what_was_written(client: httpx.AsyncClient) -> None:
    """A 2.0 request is answered with the counts of what was stored, those of a partial one too."""
    request = schema.WriteRequestV2(symbols=["", "__name__", "a", "trace_id", "t"])
    good = schema.SeriesV2(
        labels_refs=[1, 2],
        samples=[{"timestamp": NOW_MS}, {"timestamp": NOW_MS + 3_600_000}],
        histograms=[{"count_int": 0, "timestamp": NOW_MS}, {"schema": 99, "timestamp": NOW_MS}],
        exemplars=[{"labels_refs": [3, 4], "timestamp": NOW_MS}],
    )
    request.timeseries.append(good.SerializeToString())
    answer = await post(client, bytes(cramjam.snappy.compress_raw(request.SerializeToString())), V2)
    assert answer.status_code == 400
    assert "schema 99" in answer.text
    assert "future" in answer.text
    prefix = "x-prometheus-remote-write"
    written = [answer.headers[f"{prefix}-{what}-written"] for what in ("samples", "histograms", "exemplars")]
    assert written == ["1", "1", "1"]


async def test_the_rest_of_a_faulty_request_is_kept(client: httpx.AsyncClient, store: MemoryStore) -> None:
    """A series that is refused gives 400 with its fault; what is right in the request is stored."""
    twice = (("__name__", "bad"), ("job", "a"), ("job", "b"))
    answer = await post(client, remote_write([(twice, [(NOW_MS, 1.0)]), (UP, [(NOW_MS, 1.0)])]))
    assert answer.status_code == 400
    assert "'job' stands twice" in answer.text
    assert await store.metrics.label_values("__name__", [], start_ms=0, end_ms=NOW_MS) == ["up"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff\xff\xff\xff\xff", V1, 400),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\xff\x7f")), V1, 400),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\xff\x7f")), V2, 400),
        (b"", V1, 400),
        (bytes(cramjam.snappy.compress_raw(bytes(40_000_000))), V1, 413),
        (b"{}", {**V1, "content-type": "application/json"}, 415),
        (b"", {**V1, "content-type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"}, 415),
        (b"", {**V1, "content-encoding": "gzip"}, 415),
    ],
    ids=["snappy", "protobuf", "protobuf-2", "empty", "bomb", "json", "unknown-proto", "gzip"],
)
async def test_what_cannot_be_read(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    """A body that is no request, too large or of another kind is refused with the status that says so."""
    answer = await post(client, body, headers)
    assert answer.status_code == status
    assert answer.text.strip()


@pytest.mark.parametrize("time_ms", [-1, 0, NOW_MS + 3_600_000])
async def test_time_travel(client: httpx.AsyncClient, time_ms: int) -> None:
    """A sample from before 1970, or from the future, is refused with the reason."""
    answer = await post(client, remote_write([(UP, [(time_ms & (2**64 - 1), 1.0)])]))
    assert answer.status_code == 400
    assert "its time" in answer.text


async def test_label_bombs(client: httpx.AsyncClient) -> None:
    """A series with thousands of labels, or a label of a megabyte, is refused with the reason."""
    many = (("__name__", "a"), *((f"l{n:05}", "x") for n in range(5_000)))
    long = (("__name__", "a"), ("l", "".join(chr(0x4E00 + n % 20_000) for n in range(300_000))))
    answer = await post(client, remote_write([(many, [(NOW_MS, 1.0)]), (long, [(NOW_MS, 1.0)])]))
    assert answer.status_code == 400
    assert "too many labels" in answer.text
    assert "too long" in answer.text


@pytest.mark.parametrize(("error", "status"), [(OverloadedError, 429), (UnavailableError, 503)])
async def test_overload_says_when_to_come_back(
    error: type[UnavailableError], status: int, monkeypatch: pytest.MonkeyPatch, store: MemoryStore
) -> None:
    """A full queue or a store that cannot write is answered with Retry-After."""
    ingest, receive = await start_receiving(store, clock=ManualClock(NOW_MS * NS_PER_MS), registry=CollectorRegistry())

    async def refuse(batch: MetricBatch, *, source: str) -> Admission:
        raise error("full", retry_after_s=2.5)

    monkeypatch.setattr(ingest, "metrics", refuse)
    transport = httpx.ASGITransport(Starlette(routes=receive.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await post(client, remote_write([(UP, [(NOW_MS, 1.0)])]), V2 if status == 503 else V1)
    await ingest.drain()
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
