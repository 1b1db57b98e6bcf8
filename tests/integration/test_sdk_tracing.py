"""Spans of the SDK through each protocol into what really listens there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from anyascope.client.client import Client
from anyascope.sdk.correlation import correlation
from anyascope.sdk.operations import (
    BitcoinTransactionData,
    HealthStatus,
    trace_bitcoin_operation,
    trace_health_check,
    trace_hsm_operation,
)
from anyascope.sdk.tracing import initialize_tracing
from anyascope.sdk.tracing.remote import SETTINGS_PATH, RemoteControl, RemoteOptions, RemoteSettings
from anyascope.wire.own_traces import TraceView
from support.components import REPOSITORY
from support.jaeger import decode_batch, values
from support.server import ServerProcess, eventually, running_server
from support.sinks import Sink, http_sink
from support.tracing import untouched_globals

WITHIN_S = 60
TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
CONFIG = """
receive:
  otlp_grpc: 127.0.0.1:0
  otlp_http: 127.0.0.1:0
sdk:
  services:
    custody: {sample_ratio: 0.25, log_level: warning}
"""


@pytest.fixture(autouse=True)
def _globals() -> Iterator[None]:
    with untouched_globals():
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    arguments = ("--no-collect", "--store", "memory")
    with running_server(tmp_path_factory.mktemp("server"), config=CONFIG, arguments=arguments) as found:
        yield found


def work() -> None:
    """One of each of the three operations in one trace, as a service would run them."""

    @trace_bitcoin_operation("send", "cold-1", BitcoinTransactionData(TXID, 250_000, 12.5))
    def send() -> str:
        return TXID

    @trace_hsm_operation("sign", "key-7", "softhsm")
    def sign() -> bytes:
        return b"signature"

    @trace_health_check("database")
    def check() -> HealthStatus:
        return HealthStatus.HEALTHY

    with correlation("order-7"), trace.get_tracer("test").start_as_current_span("withdrawal"):
        send()
        sign()
        check()


# Exactly these attributes, and these with whatever value.
BITCOIN = {
    "operation": "send",
    "wallet_id": "cold-1",
    "transaction_id": TXID,
    "amount_sats": 250_000,
    "fee_rate": 12.5,
    "security_level": "high",
    "security.classification": "restricted",
    "compliance.level": "high",
    "operation.status": "success",
    "anya.correlation_id": "order-7",
}
HSM = {
    "operation": "sign",
    "key_id": "key-7",
    "hsm_provider": "softhsm",
    "security_level": "critical",
    "security.classification": "top_secret",
    "audit.required": "true",
    "compliance.level": "critical",
    "operation.status": "success",
    "anya.correlation_id": "order-7",
}
HEALTH = {
    "check_type": "database",
    "health.status": "healthy",
    "anya.correlation_id": "order-7",
}
EXPECTED = {
    "withdrawal": ({"anya.correlation_id": "order-7"}, set()),
    "bitcoin_operation": (BITCOIN, set()),
    "hsm_operation": (HSM, {"audit.correlation_id"}),
    "health_check": (HEALTH, {"health.duration_ms", "health.result"}),
}


def assert_three_spans(attributes: dict[str, dict[str, Any]]) -> None:
    assert attributes.keys() == EXPECTED.keys()
    for name, (exact, others) in EXPECTED.items():
        found = attributes[name]
        assert {key: value for key, value in found.items() if key not in others} == exact, name
        assert others <= found.keys(), name


# --- OTLP into the server ---------------------------------------------------------------------------------------------


def by_ours(protocol: str) -> Callable[[ServerProcess, str], Any]:
    def initialized(server: ServerProcess, service: str) -> Any:
        endpoint = f"http://{server.face(protocol)}"
        return initialize_tracing(service, endpoint, protocol=protocol, environment="test", version="1.2")

    return initialized


def by_theirs(protocol: str) -> Callable[[ServerProcess, str], Any]:
    """Our provider with OpenTelemetry's own exporter at its end."""

    def initialized(server: ServerProcess, service: str) -> Any:
        provider = initialize_tracing(service, "off", environment="test", version="1.2")
        address = server.face(protocol)
        exporter: Any
        if protocol == "otlp_grpc":
            exporter = GrpcSpans(endpoint=address, insecure=True)
        else:
            exporter = HttpSpans(endpoint=f"http://{address}/v1/traces")
        assert provider is not None
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider

    return initialized


ROADS = {
    "ours-http": by_ours("otlp_http"),
    "ours-grpc": by_ours("otlp_grpc"),
    "theirs-http": by_theirs("otlp_http"),
    "theirs-grpc": by_theirs("otlp_grpc"),
}


@pytest.mark.parametrize("road", ROADS)
def test_the_three_spans_arrive_in_the_server(server, road):
    """With exact names and attributes, in one trace, by our own senders and by OpenTelemetry's exporters."""
    service = f"custody-{road}"
    provider = ROADS[road](server, service)
    work()
    assert provider.force_flush()
    with Client(server.url) as client:
        found: TraceView = eventually(lambda: trace_of(client, service), what=f"a trace of {service}")
    assert_three_spans({span.name: span.attributes for span in found.spans})
    (resource,) = {json.dumps(span.resource, sort_keys=True) for span in found.spans}
    assert json.loads(resource).items() >= {
        ("service.name", service),
        ("service.version", "1.2"),
        ("deployment.environment.name", "test"),
        ("service.environment", "test"),
    }
    root = next(span for span in found.spans if span.name == "withdrawal")
    assert {span.parent_id for span in found.spans if span is not root} == {root.span_id}
    assert {span.correlation_id for span in found.spans} == {"order-7"}


def trace_of(client: Client, service: str) -> TraceView | None:
    known = client.search_traces(service=service).traces
    found = client.trace(known[0].trace_id) if known else None
    return found if found is not None and len(found.spans) == len(EXPECTED) else None


# --- Jaeger -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def collector(tmp_path) -> Iterator[Sink]:
    with http_sink(tmp_path / "jaeger.jsonl") as sink:
        yield sink


def batches(sink: Sink) -> list[dict[str, Any]]:
    return [decode_batch(body_of(record)) for record in sink.records()]


def body_of(record: dict[str, Any]) -> bytes:
    return base64.b64decode(record["body_base64"]) if "body_base64" in record else record["body"].encode()


def test_the_three_spans_arrive_at_jaegers_collector(collector):
    """As Thrift that Apache's library reads, at the path and with the type that a collector wants."""
    endpoint = f"http://127.0.0.1:{collector.port}/api/traces"
    provider = initialize_tracing("custody", endpoint, protocol="jaeger_thrift_http", environment="test", token="t")
    assert provider is not None
    work()
    assert provider.force_flush()
    records = eventually(collector.records)
    told = [span for batch in batches(collector) for span in batch["spans"]]
    assert {(record["method"], record["path"]) for record in records} == {("POST", "/api/traces")}
    headers = {name.lower(): value for name, value in dict(records[0]["headers"]).items()}
    assert headers["content-type"] == "application/vnd.apache.thrift.binary"
    assert headers["authorization"] == "Bearer t"
    assert_three_spans({span["name"]: own_attributes(span) for span in told})
    process = batches(collector)[0]["process"]
    assert process["service"] == "custody"
    assert values(process["tags"])["deployment.environment.name"] == "test"
    assert len({span["trace_id"] for span in told}) == 1


def own_attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values(span["tags"]).items() if not key.startswith(("otel.", "span."))}


def test_a_failed_operation_is_an_error_in_jaeger(collector):
    """Status, description, flag and the exception as a log; secrets are gone from all of them."""
    provider = initialize_tracing("custody", f"http://127.0.0.1:{collector.port}", protocol="jaeger_thrift_http")
    assert provider is not None

    @trace_hsm_operation("sign", "key-7", "softhsm")
    def sign() -> None:
        raise RuntimeError("login failed with pin=123456")

    with pytest.raises(RuntimeError, match="pin=123456"):
        sign()
    assert provider.force_flush()
    eventually(collector.records)
    (span,) = [span for batch in batches(collector) for span in batch["spans"]]
    tags = values(span["tags"])
    assert (tags["operation.status"], tags["error"], tags["otel.status_code"]) == ("error", True, "ERROR")
    assert "exception" in [values(log["fields"]).get("event") for log in span["logs"]]
    assert "123456" not in json.dumps(span)


def test_a_collector_that_is_busy_is_asked_again(tmp_path):
    """503 and then 200: nothing is lost, nothing is sent twice."""
    with http_sink(tmp_path / "busy.jsonl", "--script", "503,200") as sink:
        provider = initialize_tracing("custody", f"http://127.0.0.1:{sink.port}", protocol="jaeger_thrift_http")
        assert provider is not None
        work()
        eventually(lambda: provider.force_flush(1_000) and len(sink.records()) >= 2, within_s=WITHIN_S)
        first, second = (decode_batch(body_of(record)) for record in sink.records()[:2])
    assert first == second


# --- TLS --------------------------------------------------------------------------------------------------------------


def certified(folder: Path) -> tuple[str, str, str]:
    """Files with a certificate for this machine, its key, and the authority that vouches for it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key, ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return str(certificate), str(key), str(ca)


def test_a_certificate_of_ones_own_authority_is_trusted_when_named(tmp_path):
    """`ca_file`; without it nothing arrives, and the host does not notice."""
    certificate, key, authority = certified(tmp_path)
    with http_sink(tmp_path / "tls.jsonl", "--cert", certificate, "--key", key) as sink:
        unnamed, named = (
            # By two names: who sends to one address waits for it as a whole.
            initialize_tracing(
                "custody",
                f"https://{host}:{sink.port}",
                protocol="jaeger_thrift_http",
                set_global=False,
                ca_file=ca_file,
            )
            for host, ca_file in (("localhost", None), ("127.0.0.1", authority))
        )
        assert unnamed is not None
        assert named is not None
        with unnamed.get_tracer("t").start_as_current_span("unnamed"):
            pass
        assert not unnamed.force_flush(500)
        with named.get_tracer("t").start_as_current_span("named"):
            pass
        eventually(lambda: named.force_flush(1_000) and sink.records(), within_s=WITHIN_S)
        assert [span["name"] for batch in batches(sink) for span in batch["spans"]] == ["named"]
        unnamed.shutdown()
        named.shutdown()


# --- processes --------------------------------------------------------------------------------------------------------

FORKING = """
import os, sys
from opentelemetry import trace
from anyascope.sdk.tracing import initialize_tracing
provider = initialize_tracing("forking", sys.argv[1])
tracer = trace.get_tracer("t")
def span(name):
    with tracer.start_as_current_span(name):
        pass
    provider.force_flush()
span("parent-before")
pids = []
for index in range(3):
    pid = os.fork()
    if pid == 0:
        span(f"child-{index}")
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
span("parent-after")
"""


def test_forked_children_send_their_own_spans_as_instances_of_their_own(server):
    """Nobody's span is lost or sent twice."""
    subprocess.run(
        [sys.executable, "-c", FORKING, f"http://{server.face('otlp_http')}"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        timeout=100,
        check=True,
    )
    wanted = {"parent-before", "parent-after", "child-0", "child-1", "child-2"}
    with Client(server.url) as client:

        def spans() -> list[Any]:
            known = client.search_traces(service="forking", limit=50).traces
            found = [span for one in known for span in client.trace(one.trace_id).spans]
            return found if {span.name for span in found} == wanted else []

        found = eventually(spans)
    assert len(found) == len(wanted)
    instances = {span.name: span.resource["service.instance.id"] for span in found}
    assert instances["parent-before"] == instances["parent-after"]
    assert len(set(instances.values())) == 4


# --- settings from the server -----------------------------------------------------------------------------------------


def watch(url: str) -> tuple[RemoteControl, list[RemoteSettings], threading.Event]:
    applied: list[RemoteSettings] = []
    arrived = threading.Event()

    def apply(settings: RemoteSettings) -> None:
        applied.append(settings)
        arrived.set()

    return RemoteControl(RemoteOptions(url, every_s=0.05), apply), applied, arrived


@pytest.mark.parametrize("face", ["main", "otlp_http"])
def test_settings_are_pulled_from_the_server_and_follow_its_reload(tmp_path, face):
    """From the main address and from OTLP's own port; a changed file counts after a reload."""
    arguments = ("--no-collect", "--store", "memory")
    with running_server(tmp_path, config=CONFIG, arguments=arguments) as server:
        base = server.url if face == "main" else f"http://{server.face('otlp_http')}"
        remote, applied, arrived = watch(f"{base}{SETTINGS_PATH}?service=custody")
        remote.start()
        assert arrived.wait(WITHIN_S)
        arrived.clear()
        Path(server.config_file).write_text(CONFIG.replace("0.25", "1").replace(", log_level: warning", ""))
        httpx.post(f"{server.url}/-/reload").raise_for_status()
        assert arrived.wait(WITHIN_S)
        remote.stop()
        assert applied == [RemoteSettings(0.25, "warning"), RemoteSettings(1.0, None)]
        jaegers = httpx.get(f"{base}/sampling", params={"service": "custody"}).json()
        assert jaegers["probabilisticSampling"] == {"samplingRate": 1.0}
        assert httpx.get(f"http://{server.face('otlp_http')}/api/anyascope/v1/status").status_code == 404


def test_gzip_is_understood_by_what_listens(server, monkeypatch):
    """The environment's compression, into the real server."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    provider = by_ours("otlp_http")(server, "custody-gzip")
    work()
    assert provider.force_flush()
    with Client(server.url) as client:
        assert eventually(lambda: trace_of(client, "custody-gzip"))
