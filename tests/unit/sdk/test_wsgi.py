"""WSGI to the letter: what the middleware must leave as it is, and what it sees."""

from __future__ import annotations

import io
import wsgiref.util
from typing import Any
from wsgiref.validate import validator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.integrations import instrument
from anyascope.sdk.integrations.wsgi import WsgiMiddleware


class Client:
    """Calls an application as a server does."""

    def __init__(self) -> None:
        self.exporter, self.registry, provider = InMemorySpanExporter(), CollectorRegistry(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.options: dict[str, Any] = {
            "registry": self.registry,
            "tracer_provider": provider,
            "template": lambda _: "/all",
        }
        self.started: list[tuple[str, dict[str, str]]] = []
        self.written: list[bytes] = []

    def call(self, app: Any, path: str = "/a", **environ: Any) -> Any:
        asked: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "", **environ}
        wsgiref.util.setup_testing_defaults(asked)

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            self.started.append((status, dict(headers)))
            return self.written.append

        return instrument(app, **self.options)(asked, start_response)

    def body(self, app: Any, **environ: Any) -> bytes:
        answer = self.call(app, **environ)
        try:
            return b"".join(answer)
        finally:
            answer.close()

    def active(self) -> float | None:
        return self.registry.get_sample_value("anya_http_active_connections")

    def count(self, status: int) -> float | None:
        labels = {"method": "GET", "endpoint": "/all", "status_code": str(status)}
        return self.registry.get_sample_value("anya_http_requests_total", labels)


@pytest.fixture
def client() -> Client:
    return Client()


def plain(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"o", b"k"]


def test_a_server_that_forgets_to_close_loses_no_span(client):
    """Werkzeug's does where the client has left: the span ends with the answer's object."""
    answer = client.call(plain)
    assert b"".join(answer) == b"ok"
    assert client.exporter.get_finished_spans() == ()
    del answer
    (span,) = client.exporter.get_finished_spans()
    assert span.attributes["http.response.status_code"] == 200
    assert (client.active(), client.count(200)) == (0, 1)


def test_an_answer_that_was_given_up_ends_with_the_next_request(client):
    """Nobody read it to its end or closed it: the client has left, and the connection is active no more."""
    answer = client.call(plain)
    next(answer)
    del answer
    assert client.active() == 1
    client.body(plain)
    first, second = client.exporter.get_finished_spans()
    assert first.attributes["anya.http.client_disconnected"] is True
    assert second.attributes["http.response.status_code"] == 200
    assert (client.active(), client.count(200)) == (0, 2)


def test_the_middleware_keeps_to_the_protocol(client):
    """Between the checks of the standard library on both sides, nothing is amiss."""
    watched = validator(WsgiMiddleware(validator(plain), **client.options))
    asked: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": "/a", "QUERY_STRING": ""}
    wsgiref.util.setup_testing_defaults(asked)
    asked.pop("wsgi.file_wrapper", None)
    answer = watched(asked, lambda status, headers, exc_info=None: client.written.append)
    assert b"".join(answer) == b"ok"
    answer.close()
    assert client.count(200) == 1


def test_a_body_of_known_parts_tells_their_number(client):
    """Servers ask for the length of a list to set Content-Length themselves."""
    answer = client.call(plain)
    assert len(answer) == 2
    answer.close()
    assert not hasattr(
        client.call(lambda environ, start_response: (start_response("200 OK", []), iter([b"x"]))[1]), "__len__"
    )


def test_a_generator_runs_within_the_exchange_to_its_end(client):
    """An application that is a generator works under the id at every step, and ends the request with its last part."""
    seen: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        for _ in range(3):
            seen.append(current_correlation_id())
            yield b"x"

    answer = client.call(app, HTTP_X_CORRELATION_ID="c-1")
    assert client.active() == 1
    assert current_correlation_id() == ""
    assert b"".join(answer) == b"xxx"
    assert seen == ["c-1"] * 3
    assert client.active() == 0
    answer.close()
    assert client.started[0][1]["x-correlation-id"] == "c-1"


def test_a_client_that_leaves_closes_the_application(client):
    """A server that closes early closes what is inside, and the request is no longer active."""
    closed: list[bool] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    answer = client.call(app)
    next(iter(answer))
    answer.close()
    answer.close()
    assert closed == [True]
    assert client.active() == 0
    (span,) = client.exporter.get_finished_spans()
    assert span.attributes["anya.http.client_disconnected"] is True
    assert span.status.status_code.name == "UNSET"


@pytest.mark.parametrize("when", ["at once", "before the first part", "in the middle"])
def test_an_exception_passes_and_ends_the_request(client, when):
    """Wherever the application fails, its exception reaches the server and the span has it."""

    def parts(start_response: Any) -> Any:
        if when == "before the first part":
            raise LookupError
        start_response("200 OK", [])
        yield b"x"
        raise LookupError

    def app(environ: Any, start_response: Any) -> Any:
        if when == "at once":
            raise LookupError
        return parts(start_response)

    with pytest.raises(LookupError):
        client.body(app)
    assert client.active() == 0
    assert client.count(200 if when == "in the middle" else 500) == 1
    (span,) = client.exporter.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert span.attributes["error.type"] == "LookupError"


def test_the_old_way_to_write_works(client):
    """`start_response` gives the function that very old applications write with."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"old")
        return []

    client.body(app)
    assert client.written == [b"old"]


def test_a_file_stays_the_servers_own(client):
    """What the server sends by itself reaches it as it is; it ends the request when the server closes it."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))

    answer = client.call(app, **{"wsgi.file_wrapper": wsgiref.util.FileWrapper})
    assert type(answer) is wsgiref.util.FileWrapper
    assert client.active() == 1
    answer.close()
    assert client.active() == 0


def test_one_within_another_counts_once(client):
    """A mounted application that is instrumented too adds nothing."""
    inner = instrument(plain, **client.options)

    def outer(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    client.body(outer)
    assert len(client.exporter.get_finished_spans()) == 1


def test_the_path_is_read_as_the_client_sent_it(client):
    """PEP 3333 hides UTF-8 in latin-1; the mount point stands before the path."""
    client.body(plain, SCRIPT_NAME="/m", path="/\u00c3\u00a9")
    (span,) = client.exporter.get_finished_spans()
    assert span.attributes["url.path"] == "/m/é"


@pytest.mark.parametrize(
    "environ", [{}, {"REQUEST_METHOD": 5}, {"HTTP_X": object(), "SERVER_PORT": "no"}, {"PATH_INFO": "\u20ac"}]
)
def test_a_broken_environ_is_served(client, environ):
    """A server that breaks the protocol gets the application's answer."""
    seen: list[str] = []
    app = instrument(plain, **client.options)
    assert b"".join(app(dict(environ), lambda status, headers: seen.append(status))) == b"ok"
    assert seen == ["200 OK"]
