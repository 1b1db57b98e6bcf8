"""A service's logs by both roads and both protocols into the real server, and what an operator finds there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from anyascope.client.client import Client
from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import forget_told
from anyascope.sdk.logs import emit, initialize_logs
from support.logs import bare_logging, written
from support.server import ServerProcess, eventually, running_server

CONFIG = """
receive:
  otlp_grpc: 127.0.0.1:0
  otlp_http: 127.0.0.1:0
"""
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    arguments = ("--no-collect", "--store", "memory")
    with running_server(tmp_path_factory.mktemp("server"), config=CONFIG, arguments=arguments) as found:
        yield found


@pytest.mark.parametrize("protocol", ["otlp_http", "otlp_grpc"])
def test_an_operator_finds_what_the_service_said(server, protocol):
    """Events of structlog, messages of `logging` and audit events arrive with severity, fields, ids and without secrets."""
    forget_told()
    service = f"custody-{protocol}"
    tracer = TracerProvider().get_tracer("t")
    with bare_logging(), written():
        provider = initialize_logs(service, server.face(protocol), protocol=protocol, environment="test")
        with correlation(f"order-{protocol}"), tracer.start_as_current_span("withdrawal") as span:
            structlog.get_logger("vault").warning("key_rotated", key_id="k1", uses=7, was=WIF)
            emit(logging.getLogger("anyascope.audit"), logging.INFO, "audit.sign.intent", actor="alice")
            try:
                raise ValueError("broken")
            except ValueError:
                logging.getLogger("vault").exception("failed after %d tries", 3)
        assert provider.force_flush(60_000)
    with Client(server.url) as client:

        def all_three():
            found = client.search_logs(f"service:{service}").rows
            # What was not acknowledged in time is sent again.
            return found if len({row.body for row in found}) == 3 else None

        rows = eventually(all_three, what="three records")
    by_body = {row.body: row for row in rows}
    rotated, failed = by_body["key_rotated"], by_body["failed after 3 tries"]
    assert {row.trace_id for row in rows} == {f"{span.get_span_context().trace_id:032x}"}
    assert rotated.attributes["key_id"] == "k1"
    assert WIF not in str(rotated)
    assert failed.attributes["exception.type"] == "ValueError"
    assert by_body["audit.sign.intent"].attributes["actor"] == "alice"
    assert {row.correlation_id for row in rows} == {f"order-{protocol}"}
