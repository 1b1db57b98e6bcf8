"""Against the real server: killed and started again, nothing that the spool holds is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from anyascope.client.client import Client
from anyascope.sdk import delivery
from anyascope.sdk.delivery import Target, Transport, batch_span_processor, courier, door_span_exporter, open_door
from support.ports import free_port
from support.server import eventually, running_server

TRACES = 40
SPANS_A_TRACE = 25
KILLS = 2
PARCEL_BYTES = 8 * 1024  # in one request: what one death of the server can double
SPAN_BYTES_MIN = 50  # encoded: two ids, two times, a name
CONFIG = """
receive:
  otlp_grpc: 127.0.0.1:{grpc}
  otlp_http: 127.0.0.1:{http}
"""


@pytest.fixture
def spooling(tmp_path):
    """Doors of this test spool."""
    delivery.use_spool(tmp_path / "spool")
    yield
    delivery.use_spool(None)


def stored(client: Client, service: str) -> Counter:
    """Span name -> how often it is in the store."""
    found = client.search_traces(service=service, limit=2 * TRACES).traces
    return Counter(span.name for trace in found for span in client.trace(trace.trace_id).spans)


def record(provider: TracerProvider) -> None:
    """Spans at a steady pace, so that the server dies and lives between them."""
    tracer = provider.get_tracer("host")
    for trace in range(TRACES):
        with tracer.start_as_current_span(f"{trace}-root"):
            for number in range(SPANS_A_TRACE - 1):
                tracer.start_span(f"{trace}-{number}").end()
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)
@pytest.mark.usefixtures("spooling")
def test_a_server_that_is_killed_again_and_again_gets_every_span(tmp_path, transport, monkeypatch):
    """N recorded are N in the store, whatever was on its way when the server died."""
    monkeypatch.setattr(courier, "PARCEL_BYTES_MAX", PARCEL_BYTES)
    ports = {"grpc": free_port(), "http": free_port()}
    url = f"http://127.0.0.1:{ports[transport.value]}{'/v1/traces' if transport is Transport.HTTP else ''}"
    service = f"spooled-{transport.value}"
    # An attempt has time: one that is given up while a busy server stores it comes twice, too.
    door = open_door("traces", Target(url, transport=transport, attempt_s=60.0))
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(batch_span_processor(door_span_exporter(door), delay_ms=50))
    (tmp_path / "server").mkdir()
    with running_server(tmp_path / "server", config=CONFIG.format(**ports)) as server:
        host = threading.Thread(target=record, args=(provider,))
        host.start()
        for _ in range(KILLS):
            time.sleep(0.4)
            server.kill()
            time.sleep(0.4)
            server.start()
        host.join()
        eventually(lambda: provider.force_flush(2_000), within_s=120, what="the spool is empty")
        with Client(server.url) as client:
            found = eventually(
                lambda: names if len(names := stored(client, service)) >= TRACES * SPANS_A_TRACE else None,
                what="every span in the store",
            )
    provider.shutdown()
    assert len(found) == TRACES * SPANS_A_TRACE
    # A server that dies between storing and answering is told again: twice is the most that one death can do.
    assert max(found.values()) <= 1 + KILLS
    doubled = sum(found.values()) - len(found)
    assert doubled <= KILLS * PARCEL_BYTES // SPAN_BYTES_MIN


@pytest.mark.usefixtures("spooling")
def test_a_server_that_was_never_there_gets_it_when_it_comes(tmp_path):
    """Telemetry of a service that ran before its server is in the store once the server runs."""
    port = free_port()
    door = open_door("traces", Target(f"http://127.0.0.1:{port}/v1/traces", attempt_s=2.0))
    provider = TracerProvider(resource=Resource({"service.name": "early"}), shutdown_on_exit=False)
    provider.add_span_processor(batch_span_processor(door_span_exporter(door), delay_ms=50))
    for number in range(300):
        provider.get_tracer("host").start_span(f"s{number}").end()
    assert not provider.force_flush(2_000)
    eventually(lambda: door.waiting()[0] == 300, what="all are in the spool")
    (tmp_path / "server").mkdir()
    config = CONFIG.format(grpc=free_port(), http=port)
    with running_server(tmp_path / "server", config=config) as server:
        eventually(lambda: door.flush(2), what="the spool is empty")
        with Client(server.url) as client:
            found = client.search_traces(service="early", limit=500).traces
            assert len(found) == 300
    provider.shutdown()
