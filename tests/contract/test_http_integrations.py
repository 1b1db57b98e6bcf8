"""One suite over the integrations of all web frameworks, each behind its real server on loopback."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from anyascope.sdk.integrations import instrument
from anyascope.sdk.metrics import AnyaMetrics
from support.web_apps import FRAMEWORKS, Framework
from support.web_parts import CHUNKS, gate

WITHIN_S = 60.0
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


class Unfinished(SpanProcessor):
    """How many spans have begun and not ended: a server may finish a request after its answer was read and counted."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._ids.add(span.context.span_id)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None:
            self._ids.discard(span.context.span_id)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass
class House:
    """A served application with its telemetry."""

    framework: Framework
    app: Any
    url: str
    registry: CollectorRegistry
    exporter: InMemorySpanExporter
    unfinished: Unfinished
    client: httpx.Client
    before: dict[tuple[str, tuple[tuple[str, str], ...]], float]

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(self.url + path, **more)

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
        }

    def grown(self, name: str, **labels: str) -> float:
        """By how much a metric grew since the test began."""
        key = (name, tuple(sorted(labels.items())))
        return self.samples().get(key, 0.0) - self.before.get(key, 0.0)

    def grows(self, name: str, **labels: str) -> None:
        """Wait until it grew by one: the server may be a little behind its own answer."""
        until(lambda: self.grown(name, **labels) == 1, f"{name}{labels} grew by {self.grown(name, **labels)}")

    def counted(self, endpoint: str, status: int, method: str = "GET") -> None:
        self.grows("anya_http_requests_total", method=method, endpoint=endpoint, status_code=str(status))

    def spans(self, path: str) -> list[ReadableSpan]:
        return [
            span
            for span in self.exporter.get_finished_spans()
            if span.kind is SpanKind.SERVER and (span.attributes or {}).get("url.path") == path
        ]

    def is_quiet(self) -> bool:
        """Whether nothing of an earlier request can come any more, neither a sample nor a span."""
        return self.samples()["anya_http_active_connections", ()] == 0 and not self.unfinished

    def span(self, path: str) -> ReadableSpan:
        """The one server span of this request."""
        until(lambda: len(self.spans(path)) == 1, f"the span of {path}: {[s.name for s in self.spans(path)]}")
        return self.spans(path)[0]


def until(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda framework: framework.name)
def served(request, tmp_path_factory) -> Iterator[House]:
    static = tmp_path_factory.mktemp("static")
    (static / "hello.txt").write_text("hello")
    registry, exporter, provider = CollectorRegistry(), InMemorySpanExporter(), TracerProvider()
    unfinished = Unfinished()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(unfinished)  # behind the exporter: what has ended for this one is exported
    former = AnyaMetrics.swap_global(None)
    AnyaMetrics.init(registry)
    app = request.param.make(static)
    options = {"registry": registry, "tracer_provider": provider, "metrics_path": "/telemetry"}
    watched = instrument(instrument(app, **options), **options)
    try:
        # A server closes the connection behind a handler that broke: the next request would meet that on its way.
        each_anew = httpx.Limits(max_keepalive_connections=0)
        client = httpx.Client(trust_env=False, timeout=WITHIN_S, limits=each_anew)
        with request.param.serve(watched) as url, client:
            yield House(request.param, watched, url, registry, exporter, unfinished, client, {})
    finally:
        AnyaMetrics.swap_global(former)


@pytest.fixture
def house(served) -> Iterator[House]:
    until(served.is_quiet, "what a test before began has ended")
    served.exporter.clear()
    served.before = served.samples()
    gate.seen.clear()
    gate.opened.clear()
    yield served
    gate.opened.set()
    until(served.is_quiet, "active connections return to 0, spans end")


def test_a_request_is_one_server_span_with_its_template(house):
    """The span follows HTTP's conventions, is named by method and template, and continues the caller's trace."""
    house.get("/wallets/w1", headers={"traceparent": CALLER, "user-agent": "contract"})
    span = house.span("/wallets/w1")
    assert span.name == f"GET {house.framework.wallet}"
    assert span.kind is SpanKind.SERVER
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == CALLER[3:35]
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == CALLER[36:52]
    told = dict(span.attributes or {})
    assert UUID.match(str(told.pop("anya.correlation_id")))
    assert told.pop("server.port") == int(house.url.rpartition(":")[2])
    assert told.pop("server.address") in ("127.0.0.1", "localhost")
    assert told == {
        "http.request.method": "GET",
        "http.route": house.framework.wallet,
        "http.response.status_code": 200,
        "url.path": "/wallets/w1",
        "url.scheme": "http",
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "contract",
    }


def test_requests_are_counted_by_template(house):
    """Two paths of one route are one label value, counted and timed."""
    house.get("/wallets/a")
    house.get("/wallets/b")
    labels = {"method": "GET", "endpoint": house.framework.wallet}
    until(lambda: house.grown("anya_http_request_duration_seconds_count", **labels) == 2)
    assert house.grown("anya_http_requests_total", **labels, status_code="200") == 2


def test_sub_applications_have_their_whole_template(house):
    """A route of a mounted application, a sub-router, a blueprint or an include has the prefix before it."""
    house.get("/sub/items/7")
    house.counted(house.framework.item, 200)


def test_a_mount_with_parameters_shows_their_names(house):
    """Where the prefix of a mount has parameters, their names stand in the template, not their values."""
    if not house.framework.tenant:
        return
    house.get("/tenants/acme/items/7")
    house.counted(house.framework.tenant, 200)


@pytest.mark.parametrize("path", ["/nowhere", "/sub/nowhere/1", "/wallets/a/b/c"])
def test_a_path_without_a_route_is_unmatched(house, path):
    """Whoever scans us fills no label: all paths without a route share one value."""
    assert house.get(path).status_code == 404
    house.counted("unmatched", 404)
    assert "http.route" not in (house.span(path).attributes or {})


def test_a_refused_method_keeps_the_template(house):
    """405 is counted at the route that has the path."""
    assert house.get("/wallets").status_code == 405
    until(lambda: bool(house.spans("/wallets")))
    route = (house.span("/wallets").attributes or {})["http.route"]
    assert str(route).rstrip("/") == "/wallets"
    house.counted(str(route), 405)


def test_a_redirect_is_counted_with_its_status(house):
    """A redirect is an answer like others."""
    assert house.get("/moved").status_code == 302
    house.counted("/moved", 302)


def test_static_files_share_a_template(house):
    """A file's name stands in no label."""
    assert house.get("/static/hello.txt").text == "hello"
    house.counted(house.framework.static, 200)


def test_an_exception_is_an_error_span_and_a_500(house):
    """The client gets the framework's own 500 with the id; the span has the exception."""
    answer = house.get("/broken", headers={"x-correlation-id": "c-500"})
    assert answer.status_code == 500
    assert answer.headers["x-correlation-id"] == "c-500"
    house.counted("/broken", 500)
    span = house.span("/broken")
    assert span.status.status_code.name == "ERROR"
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert (span.attributes or {})["http.response.status_code"] == 500
    assert any(event.name == "exception" for event in span.events)


@pytest.mark.parametrize(
    "path", ["/wallets/1", "/nowhere", "/wallets", "/login", "/moved", "/stream", "/static/hello.txt"]
)
def test_the_correlation_id_is_echoed_on_every_answer(house, path):
    """The caller's id comes back, whatever the status."""
    assert house.get(path, headers={"x-correlation-id": "c-42"}).headers["x-correlation-id"] == "c-42"
    assert (house.span(path).attributes or {})["anya.correlation_id"] == "c-42"


def test_the_correlation_id_holds_in_the_handler(house):
    """What the handler does is under the caller's id, or under the new one that is echoed."""
    assert house.get("/wallets/1", headers={"x-correlation-id": "c-7"}).json()["correlation"] == "c-7"
    answer = house.get("/wallets/1")
    assert UUID.match(answer.headers["x-correlation-id"])
    assert answer.json()["correlation"] == answer.headers["x-correlation-id"]


def test_a_hostile_header_does_no_harm(house):
    """A broken traceparent starts a new trace, a hostile correlation id is replaced."""
    answer = house.get("/wallets/1", headers={"traceparent": "00-zz", "x-correlation-id": "x" * 4_000})
    assert UUID.match(answer.headers["x-correlation-id"])
    assert house.span("/wallets/1").parent is None


def test_a_method_that_http_does_not_know_is_other(house):
    """A method beyond HTTP's own is one label value."""
    house.client.request("PROPFIND", house.url + "/nowhere")
    until(
        lambda: any(key[0] == "anya_http_requests_total" and ("method", "_OTHER") in key[1] for key in house.samples())
    )


def test_a_streamed_answer_is_made_within_the_exchange(house):
    """Each part of a stream is made under the id; the request is counted when the last was sent."""
    answer = house.get("/stream", headers={"x-correlation-id": "c-s"})
    assert answer.text == "".join(f"{number}:c-s;" for number in range(CHUNKS))
    house.counted("/stream", 200)


def test_a_stream_that_breaks_is_an_error_span(house):
    """An exception in the middle of an answer is on the span, and the connection is no longer active."""
    with contextlib.suppress(httpx.HTTPError):  # wsgiref ends such an answer as if it were whole
        house.get("/stream-broken")
    span = house.span("/stream-broken")
    assert span.status.status_code.name == "ERROR"
    assert any(event.name == "exception" for event in span.events)


def test_a_client_that_leaves_frees_its_connection(house):
    """Where the client breaks off, the request is counted and no longer active."""
    with house.client.stream("GET", house.url + "/endless") as answer:
        parts = answer.iter_raw()  # kept: where it is forgotten, the client leaves
        next(parts)
        assert house.samples()["anya_http_active_connections", ()] == 1
    until(lambda: house.samples()["anya_http_active_connections", ()] == 0, "still active")
    house.counted("/endless", 200)
    assert (house.span("/endless").attributes or {}).get("http.response.status_code") == 200


def test_a_client_that_sends_half_a_request_leaves_nothing(house):
    """A connection that never was a request is not counted."""
    host, _, port = house.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /wallets/1 HTT")
    house.get("/wallets/2")
    house.counted(house.framework.wallet, 200)


def test_a_failed_authentication_is_a_security_event(house, caplog):
    """401 is one failed authentication, with the route and the client on record."""
    with caplog.at_level(logging.INFO, logger="anyascope.security"):
        house.get("/login")
        house.grows("anya_failed_auth_attempts_total")
        house.grows("anya_security_events_total", event_type="authentication_failed", severity="medium", source="api")
    house.counted("/login", 401)


def test_a_failed_login_that_the_host_reports_counts_once(house):
    """Where the endpoint reports the failure itself, its 401 is not another one."""
    house.get("/noted-login")
    house.counted("/noted-login", 401)
    assert house.grown("anya_failed_auth_attempts_total") == 1
    assert house.grown("anya_security_events_total", event_type="failed_login", severity="medium", source="login") == 1


def test_forbidden_is_no_failed_authentication(house):
    """403 says that the caller is known; it counts only where the host wants it."""
    house.get("/forbidden")
    house.counted("/forbidden", 403)
    assert house.grown("anya_failed_auth_attempts_total") == 0


def test_skipped_paths_leave_no_trace(house):
    """A path of `skip` is neither traced nor counted."""
    assert "x-correlation-id" not in house.get("/healthz").headers
    house.get("/wallets/1")
    house.span("/wallets/1")
    assert house.spans("/healthz") == []
    assert not any(("endpoint", "/healthz") in key[1] for key in house.samples())


def test_the_page_for_a_scraper_is_served_on_request(house):
    """`metrics_path` gives the registry's page and is itself not counted."""
    page = house.get("/telemetry")
    assert page.status_code == 200
    assert "anya_http_active_connections" in page.text
    assert not any(("endpoint", "/telemetry") in key[1] for key in house.samples())


def test_work_after_the_answer_is_within_the_trace(house):
    """A background task runs under the request's id, and the request is counted when its answer was sent."""
    if not house.framework.has_background:
        return
    house.get("/background", headers={"x-correlation-id": "c-b"})
    until(lambda: gate.seen == ["c-b"])
    house.counted("/background", 200)


async def test_a_websocket_is_a_span_and_an_active_connection(house):
    """The handshake is counted with 101; the connection is active until it is closed."""
    if house.framework.websocket is None:
        return
    async with house.framework.websocket(house.app, house.url + "/ws/lobby", {"x-correlation-id": "c-w"}) as connection:
        assert await connection.receive() == "c-w"
        assert house.samples()["anya_http_active_connections", ()] == 1
        assert connection.headers["x-correlation-id"] == "c-w"
        await connection.send("bye")
    span = house.span("/ws/lobby")
    assert span.name == "GET /ws/{room}"
    assert span.status.status_code.name == "UNSET"
    house.counted("/ws/{room}", 101)
