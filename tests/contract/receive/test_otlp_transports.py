"""What every road of OTLP owes its senders: HTTP with protobuf, HTTP with JSON, gRPC; one suite over all."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import cramjam
import grpc
import httpx
import pytest
import uvicorn
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.clock import SystemClock
from anyascope.errors import ConflictError, OverloadedError, UnavailableError
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch
from anyascope.model.traces import SpanBatch
from anyascope.ports import Admission
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.registry import Receive
from support.otlp import logs_request, metrics_request, spans_request

OPTIONS = ReceiveOptions(body_bytes_max=100_000, decoded_bytes_max=300_000, body_seconds_max=60.0)
HASTY = replace(OPTIONS, body_seconds_max=1.0)  # where a body does not come; on a busy machine any other takes its time
SERVICES = {
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


class Intake:
    """Remembers what it was given, and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.sources: list[str] = []
        self.fault: Exception | None = None
        self.rejected = 0

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:
        return self._take(batch, source, batch.rows)

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        return self._take(batches[0], source, sum(map(len, batches)))

    async def spans(self, batches: Sequence[SpanBatch], *, source: str) -> Admission:
        return self._take(batches[0], source, sum(map(len, batches)))

    def _take(self, batch: Any, source: str, rows: int) -> Admission:
        if self.fault is not None:
            raise self.fault
        self.taken.append(batch)
        self.sources.append(source)
        reasons = (f"{self.rejected} log records refused: its time is odd",) if self.rejected else ()
        return Admission(rows - self.rejected, self.rejected, reasons)


@dataclass(frozen=True)
class Reply:
    """An answer in words that all transports share. `code` is a `google.rpc.Code`; 0 is success."""

    code: int
    message: str = ""
    rejected: int = 0
    retry_after_s: float = 0.0
    http_status: int = 0


class Server:
    """Both faces of one `Receive` on loopback."""

    def __init__(self, intake: Intake, *, tokens: Any = None, options: ReceiveOptions = OPTIONS) -> None:
        self.registry = CollectorRegistry()
        self.receive = Receive(intake, options=options, clock=SystemClock(), registry=self.registry, tokens=tokens)

    async def __aenter__(self) -> Self:
        bound = socket.create_server(("127.0.0.1", 0))
        self.http_port = bound.getsockname()[1]
        app = Starlette(routes=self.receive.routes())
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        self._task = asyncio.create_task(self._uvicorn.serve(sockets=[bound]))
        self.grpc_port = await self.receive.listener("otlp_grpc").start("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.receive.listener("otlp_grpc").stop(0)
        self._uvicorn.should_exit = True
        await asyncio.wait_for(self._task, 60)


async def post(server: Server, signal: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"http://127.0.0.1:{server.http_port}/v1/{signal}", content=body, headers=headers)


async def by_protobuf(server: Server, signal: str, message: Any, *, raw: bytes | None = None) -> Reply:
    body = message.SerializeToString() if raw is None else raw
    answer = await post(server, signal, body, {"content-type": "application/x-protobuf"})
    assert answer.headers["content-type"] == "application/x-protobuf"
    if answer.status_code == 200:
        partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
        return Reply(0, partial.error_message, partial.rejected_log_records, http_status=200)
    return _failed(status_pb2.Status.FromString(answer.content), answer)


async def by_json(server: Server, signal: str, message: Any, *, raw: bytes | None = None) -> Reply:
    body = to_json(message) if raw is None else raw
    answer = await post(server, signal, body, {"content-type": "application/json; charset=utf-8"})
    assert answer.headers["content-type"] == "application/json"
    if answer.status_code == 200:
        partial = answer.json().get("partialSuccess", {})
        rejected = sum(int(count) for name, count in partial.items() if name.startswith("rejected"))
        return Reply(0, partial.get("errorMessage", ""), rejected, http_status=200)
    # The details name their types; those of `google.rpc` are imported above, so that they can be read.
    return _failed(json_format.Parse(answer.text, status_pb2.Status()), answer)


def _failed(status: Any, answer: httpx.Response) -> Reply:
    retry = float(answer.headers.get("retry-after", 0))
    return Reply(status.code, status.message, retry_after_s=retry, http_status=answer.status_code)


async def by_grpc(server: Server, signal: str, message: Any, *, raw: bytes | None = None) -> Reply:
    body = message.SerializeToString() if raw is None else raw
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary(f"/{SERVICES[signal]}/Export")
        try:
            partial = ExportLogsServiceResponse.FromString(await call(body)).partial_success
        except grpc.aio.AioRpcError as error:
            return _grpc_failed(error)
    return Reply(0, partial.error_message, partial.rejected_log_records)


def _grpc_failed(error: Any) -> Reply:
    retry_after_s = 0.0
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            assert (status.code, status.message) == (error.code().value[0], error.details())
            for detail in status.details:
                info = error_details_pb2.RetryInfo()
                assert detail.Unpack(info)
                retry_after_s = info.retry_delay.ToNanoseconds() / 1e9
    return Reply(error.code().value[0], error.details(), retry_after_s=retry_after_s)


def to_json(message: Any) -> bytes:
    tree = json_format.MessageToDict(message)

    def hex_ids(node: Any) -> Any:
        if isinstance(node, list):
            return [hex_ids(item) for item in node]
        if isinstance(node, dict):
            return {key: _hex(value) if key in ("traceId", "spanId") else hex_ids(value) for key, value in node.items()}
        return node

    return json.dumps(hex_ids(tree)).encode()


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


Send = Callable[..., Any]
TRANSPORTS = {"protobuf": by_protobuf, "json": by_json, "grpc": by_grpc}


@pytest.fixture(params=TRANSPORTS)
def send(request: pytest.FixtureRequest) -> Send:
    return TRANSPORTS[request.param]


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
async def server(intake: Intake) -> AsyncIterator[Server]:
    async with Server(intake) as server:
        yield server


async def test_each_signal_arrives_whole(server: Server, intake: Intake, send: Send) -> None:
    """What was sent is handed in, under the source `otlp`, and acknowledged with an empty answer."""
    request, metrics = metrics_request()
    metrics.add(name="up").gauge.data_points.add(time_unix_nano=5_000_000, as_double=1)
    assert (await send(server, "logs", logs_request({"body": "signed", "time_unix_nano": 5}))).code == 0
    assert (await send(server, "traces", spans_request({"start_time_unix_nano": 5}))).code == 0
    assert (await send(server, "metrics", request)).code == 0
    logs, spans, samples = intake.taken
    assert (logs.bodies, logs.times_ns) == (["signed"], [5])
    assert (spans.names, spans.trace_ids) == (["sign"], [bytes(range(1, 17))])
    assert samples.samples.values.tolist() == [1.0]
    assert intake.sources == ["otlp"] * 3


async def test_an_empty_request_is_a_success(server: Server, intake: Intake, send: Send) -> None:
    """Nothing to store is no fault."""
    assert await send(server, "logs", logs_request()) in (Reply(0), Reply(0, http_status=200))
    assert intake.taken == []


async def test_partial_success_says_how_many_and_why(server: Server, intake: Intake, send: Send) -> None:
    """The answer is a success that names what was refused."""
    intake.rejected = 1
    reply = await send(server, "logs", logs_request({"body": "a"}, {"body": "b"}))
    assert (reply.code, reply.rejected, reply.message) == (0, 1, "1 log records refused: its time is odd")


async def test_data_points_that_cannot_be_decoded_are_told(server: Server, send: Send) -> None:
    """Refused while decoding counts like refused while admitting."""
    request, metrics = metrics_request()
    metrics.add(name="").gauge.data_points.add(time_unix_nano=5_000_000, as_double=1)
    reply = await send(server, "metrics", request)
    assert (reply.code, reply.rejected) == (0, 1)
    assert "no name" in reply.message


async def test_rubbish_is_an_invalid_argument(server: Server, intake: Intake, send: Send) -> None:
    """400, or INVALID_ARGUMENT; and the server goes on."""
    reply = await send(server, "logs", None, raw=b"\xffrubbish")
    assert reply.code == 3
    assert reply.http_status in (0, 400)
    assert (await send(server, "logs", logs_request({"body": "fine"}))).code == 0
    assert len(intake.taken) == 1


async def test_a_full_queue_tells_when_to_come_back(server: Server, intake: Intake, send: Send) -> None:
    """429 with `Retry-After`, or RESOURCE_EXHAUSTED with RetryInfo."""
    intake.fault = OverloadedError("the queue is full", retry_after_s=1.5)
    reply = await send(server, "logs", logs_request({"body": "a"}))
    assert (reply.code, reply.message) == (8, "the queue is full")
    assert reply.http_status in (0, 429)
    assert reply.retry_after_s == (2 if reply.http_status else 1.5)


async def test_a_store_that_cannot_write_is_unavailable(server: Server, intake: Intake, send: Send) -> None:
    """503 with `Retry-After`, or UNAVAILABLE with RetryInfo."""
    intake.fault = UnavailableError("disk full", retry_after_s=5)
    reply = await send(server, "logs", logs_request({"body": "a"}))
    assert (reply.code, reply.retry_after_s) == (14, 5)
    assert reply.http_status in (0, 503)


async def test_a_fault_of_ours_says_nothing_of_its_insides(server: Server, intake: Intake, send: Send) -> None:
    """500, or INTERNAL, without the exception's text."""
    intake.fault = ZeroDivisionError("secret inside")
    reply = await send(server, "logs", logs_request({"body": "a"}))
    assert reply.code == 13
    assert "inside" not in reply.message


async def test_an_oversized_body_is_refused(server: Server, intake: Intake, send: Send) -> None:
    """413, or RESOURCE_EXHAUSTED as gRPC itself says it; nothing is taken."""
    reply = await send(server, "logs", logs_request({"body": "x" * 200_000}))
    assert reply.code in (3, 8)
    assert reply.http_status in (0, 413)
    assert intake.taken == []


async def test_large_bodies_decode_beside_the_event_loop(server: Server, intake: Intake, send: Send) -> None:
    """Past the threshold a thread decodes, with the same outcome."""
    assert (await send(server, "logs", logs_request({"body": "x" * 50_000}))).code == 0
    assert len(intake.taken[0].bodies[0]) == 50_000


async def test_requests_are_counted_by_outcome(server: Server, send: Send) -> None:
    """A good and a bad one, a series each."""
    await send(server, "logs", logs_request({"body": "a"}))
    await send(server, "logs", None, raw=b"\xffrubbish")
    protocol = "otlp_grpc" if send is by_grpc else "otlp_http"
    for outcome in ("ok", "invalid_input"):
        labels = {"protocol": protocol, "signal": "logs", "outcome": outcome}
        assert server.registry.get_sample_value("anyascope_receive_requests_total", labels) == 1


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "text/plain"}, b"", 415),
        ({}, b"", 415),
        ({"content-type": "application/json", "content-encoding": "br"}, b"{}", 415),
        ({"content-type": "application/json", "content-encoding": "gzip, gzip"}, b"{}", 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"{}", 400),
        ({"content-type": "application/json", "content-encoding": "gzip"}, gzip.compress(b'{"a":1}', mtime=0), 200),
        ({"content-type": "application/json", "content-encoding": "gzip"}, gzip.compress(bytes(10**7), mtime=0), 413),
        ({"content-type": "application/x-protobuf", "content-encoding": "zstd"}, b"\x28\xb5\x2f\xfdjunk", 400),
    ],
)
async def test_http_says_what_is_wrong_with_headers_and_packing(
    server: Server, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Types and encodings that are not known, damaged and bombs; the answer is a Status in the body's encoding."""
    answer = await post(server, "logs", body, headers)
    assert answer.status_code == status
    if status != 200 and headers.get("content-type") != "application/x-protobuf":
        assert answer.json()["message"]


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
async def test_http_takes_packed_bodies(server: Server, intake: Intake, name: str) -> None:
    """gzip, deflate and zstd."""
    body = logs_request({"body": "packed"}).SerializeToString()
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": cramjam.zstd.compress}[name](body)
    headers = {"content-type": "application/x-protobuf", "content-encoding": name}
    assert (await post(server, "logs", bytes(packed), headers)).status_code == 200
    assert intake.taken[0].bodies == ["packed"]


async def test_http_takes_metrics_at_prometheus_address(server: Server, intake: Intake) -> None:
    """A sender that was set up for Prometheus' OTLP receiver needs no other path."""
    request, metrics = metrics_request()
    metrics.add(name="depth").gauge.data_points.add(time_unix_nano=1_700_000_000_000_000_000, as_double=1.5)
    url = f"http://127.0.0.1:{server.http_port}/api/v1/otlp/v1/metrics"
    async with httpx.AsyncClient() as client:
        headers = {"content-type": "application/x-protobuf"}
        answer = await client.post(url, content=request.SerializeToString(), headers=headers)
    assert answer.status_code == 200
    assert intake.taken[0].samples.values.tolist() == [1.5]


async def test_http_takes_chunked_bodies(server: Server, intake: Intake) -> None:
    """A body without Content-Length is read to its end, and bounded on the way."""

    async def chunks(size: int) -> AsyncIterator[bytes]:
        body = logs_request({"body": "x" * size}).SerializeToString()
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    headers = {"content-type": "application/x-protobuf"}
    url = f"http://127.0.0.1:{server.http_port}/v1/logs"
    async with httpx.AsyncClient() as client:
        assert (await client.post(url, content=chunks(5000), headers=headers)).status_code == 200
        try:
            status = (await client.post(url, content=chunks(200_000), headers=headers)).status_code
        except httpx.TransportError:
            status = 413  # the server had heard enough and hung up while we were still talking
    assert status == 413
    assert len(intake.taken) == 1


async def test_http_gives_up_on_a_slow_body(intake: Intake) -> None:
    """A body that does not come is answered with 408 and the line is closed; others are served."""
    async with Server(intake, options=HASTY) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
        writer.write(
            b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
        )
        await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 408")
        writer.close()
        assert server.registry.get_sample_value("anyascope_receive_inflight_bytes") == 0


async def test_http_serves_others_while_a_body_is_slow(server: Server, intake: Intake) -> None:
    """A body that does not come holds nobody else up."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    writer.write(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
    await writer.drain()
    assert (await by_json(server, "logs", logs_request({"body": "quick"}))).code == 0
    writer.close()
    assert len(intake.taken) == 1


async def test_http_forgets_a_sender_that_hangs_up(server: Server) -> None:
    """A connection that ends in the middle of a body leaves nothing counted."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    writer.write(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await by_json(server, "logs", logs_request({"body": "next"}))).code == 0
    async with asyncio.timeout(60):
        while server.registry.get_sample_value("anyascope_receive_inflight_bytes") != 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_only_post_is_allowed(server: Server) -> None:
    """Reading is not what these routes are for."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.http_port}/v1/logs")
    assert answer.status_code == 405


class Tokens:
    def accepts(self, text: str) -> bool:
        return text == "let me in"


@pytest.mark.parametrize(
    ("metadata", "code"),
    [((), 16), ((("authorization", "Bearer wrong"),), 16), ((("authorization", "bearer let me in"),), 0)],
)
async def test_grpc_asks_for_its_token(intake: Intake, metadata: tuple[tuple[str, str], ...], code: int) -> None:
    """Where tokens are set, a call without a right one is unauthenticated and takes nothing."""
    async with (
        Server(intake, tokens=Tokens()) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        call = channel.unary_unary(f"/{SERVICES['logs']}/Export")
        try:
            await call(logs_request({"body": "a"}).SerializeToString(), metadata=metadata)
            found = 0
        except grpc.aio.AioRpcError as error:
            found = error.code().value[0]
    assert found == code
    assert len(intake.taken) == (code == 0)


async def test_grpc_takes_gzip(server: Server, intake: Intake) -> None:
    """Compressed messages are the transport's own business."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}", compression=grpc.Compression.Gzip) as channel:
        await channel.unary_unary(f"/{SERVICES['logs']}/Export")(
            logs_request({"body": "x" * 50_000}).SerializeToString()
        )
    assert len(intake.taken[0].bodies[0]) == 50_000


async def test_grpc_ends_a_bomb(server: Server, intake: Intake) -> None:
    """A message that unpacks to more than is taken ends with RESOURCE_EXHAUSTED, and the server goes on."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}", compression=grpc.Compression.Gzip) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICES['logs']}/Export")(bytes(16 * 1024 * 1024))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await by_grpc(server, "logs", logs_request({"body": "fine"}))).code == 0


async def test_a_taken_address_is_a_conflict(server: Server, intake: Intake) -> None:
    """A second server does not share the port."""
    other = Receive(intake, options=OPTIONS, clock=SystemClock(), registry=CollectorRegistry())
    with pytest.raises(ConflictError, match="taken"):
        await other.listener("otlp_grpc").start("127.0.0.1", server.grpc_port)
