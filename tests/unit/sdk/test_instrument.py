"""What `instrument` is given is recognised, or given back with one line."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.integrations import instrument, instrument_clients
from anyascope.sdk.integrations.asgi import TelemetryMiddleware
from anyascope.sdk.integrations.bitcoin_rpc import instrument_bitcoin_rpc
from anyascope.sdk.integrations.http import http_options
from anyascope.sdk.integrations.pkcs11 import instrument_pkcs11
from anyascope.sdk.integrations.proxies import is_proxy
from anyascope.sdk.integrations.wsgi import WsgiMiddleware


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


ODD = {
    "none": None,
    "bool": True,
    "zero": 0,
    "huge": 2**70,
    "nan": math.nan,
    "complex": 1j,
    "empty": "",
    "surrogate": "\ud800",
    "long": "x" * 100_000,
    "bytes": b"\xff",
    "list": [1],
    "tuple": (),
    "dict": {"a": {}},
    "set": set(),
    "object": object(),
    "type": object,
    "hostile type": Hostile,
    "function": lambda: 1,
    "builtin": len,
    "iterator": iter([]),
    "error": ValueError("x"),
    "module": asyncio,
    "odd module": type("Odd", (), {"__module__": 7})(),
    "hostile": None,  # made in the test: pytest itself does not survive it
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("function", [instrument, instrument_bitcoin_rpc, instrument_pkcs11], ids=lambda f: f.__name__)
def test_what_is_not_known_comes_back(function, name):
    """Whatever is given, nothing is raised, and what cannot be instrumented is given back as it is."""
    odd: Any = Hostile() if name == "hostile" else ODD[name]
    result = function(odd)
    assert type(result) in (type(odd), TelemetryMiddleware, WsgiMiddleware) or is_proxy(result)
    instrument(FastAPI(), registry=odd, skip=odd, sample=odd, metrics_path=odd, auth_failures=odd, template=odd)
    instrument_clients(odd)
    assert instrument_bitcoin_rpc(lambda method: method, wallet_id=odd, skip=odd)("getblockcount") == "getblockcount"
    instrument_pkcs11(odd, provider=odd)


@pytest.mark.parametrize("odd", [None, 5, "app", object(), lambda: 1], ids=lambda odd: type(odd).__name__)
def test_wrong_use_raises_in_tests(odd):
    """Under `strict()` what is not known is a `MisuseError`, and so is an option that does not exist."""
    with strict():
        with pytest.raises(MisuseError, match=r"instrument\(\) does not know"):
            instrument(odd)
        with pytest.raises(MisuseError, match="no option 'colour'"):
            instrument(FastAPI(), colour="red")
        with pytest.raises(MisuseError, match="wants a client"):
            instrument_bitcoin_rpc(5)
        with pytest.raises(MisuseError, match="wants a library"):
            instrument_pkcs11(5)
        with pytest.raises(MisuseError, match="knows aiohttp"):
            instrument_clients("gopher")
        with httpx.Client() as client, pytest.raises(MisuseError, match="unexpected keyword"):
            instrument(client, colour="red")


@pytest.mark.parametrize(
    ("given", "field", "wanted"),
    [
        ({"skip": ["/a", "/b"]}, "skip", ("/a", "/b")),
        ({"skip": "/a"}, "skip", ("/a",)),
        ({"skip": ["no slash"]}, "skip", ("/metrics", "/healthz", "/-/healthy")),
        ({"sample": {"/a": 0.5}}, "sample", {"/a": 0.5}),
        ({"sample": {"/a": 1.5}}, "sample", {}),
        ({"auth_failures": [401, 403]}, "auth_failures", frozenset((401, 403))),
        ({"metrics_path": "/m"}, "metrics_path", "/m"),
    ],
)
def test_an_unsound_option_keeps_its_default(given, field, wanted):
    """An option that cannot be used changes nothing else."""
    assert getattr(http_options(**given), field) == wanted


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("ok")(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


class CallableAsgi:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "kind"), [(asgi, TelemetryMiddleware), (CallableAsgi(), TelemetryMiddleware), (wsgi, WsgiMiddleware)]
)
def test_unknown_applications_are_told_by_their_call(app, kind):
    """What looks like ASGI or WSGI is wrapped, once."""
    wrapped = instrument(app)
    assert type(wrapped) is kind
    assert instrument(wrapped) is wrapped


def test_djangos_middlewares_get_ours_first():
    """A list of settings comes back with the middleware before the others, once."""
    ours = "anyascope.sdk.integrations.django.TelemetryMiddleware"
    assert instrument(["a.B"]) == [ours, "a.B"]
    assert instrument((ours, "a.B")) == (ours, "a.B")


class House:
    def __init__(self) -> None:
        self.exporter, self.provider, self.registry = InMemorySpanExporter(), TracerProvider(), CollectorRegistry()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.options: dict[str, Any] = {"registry": self.registry, "tracer_provider": self.provider}

    async def get(self, app: Any, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.get(path, headers=headers)

    def servers(self) -> list[Any]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]

    def count(self, endpoint: str, status: int = 200) -> float | None:
        labels = {"method": "GET", "endpoint": endpoint, "status_code": str(status)}
        return self.registry.get_sample_value("anya_http_requests_total", labels)


@pytest.fixture
def house() -> House:
    return House()


def fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/wallets/{wallet_id}")
    async def wallet(wallet_id: str) -> str:
        return wallet_id

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("no")

    return app


@pytest.mark.parametrize("order", ["before", "after"])
async def test_opentelemetrys_own_instrumentation_keeps_its_span(house, order):
    """Where OpenTelemetry's FastAPI instrumentation is there too, a request has one server span."""
    app = fastapi()
    if order == "before":
        FastAPIInstrumentor.instrument_app(app, tracer_provider=house.provider)
    instrument(app, **house.options)
    if order == "after":
        FastAPIInstrumentor.instrument_app(app, tracer_provider=house.provider)
    answer = await house.get(app, "/wallets/1", **{"x-correlation-id": "c-1"})
    (span,) = house.servers()
    assert span.name == "GET /wallets/{wallet_id}"
    assert span.attributes["anya.correlation_id"] == "c-1"
    assert span.attributes["http.route"] == "/wallets/{wallet_id}"
    assert answer.headers["x-correlation-id"] == "c-1"
    assert house.count("/wallets/{wallet_id}") == 1


async def test_fastapis_native_telemetry_keeps_its_span(house):
    """Where FastAPI traces by itself, its server span is taken over, with route, id and status."""
    app = FastAPI(telemetry={"tracer_provider": house.provider, "operation_spans": False})
    app.get("/wallets/{wallet_id}")(lambda wallet_id: wallet_id)
    instrument(app, **house.options)
    await house.get(app, "/wallets/1", **{"x-correlation-id": "c-1"})
    (span,) = house.servers()
    assert span.name == "GET /wallets/{wallet_id}"
    assert span.attributes["anya.correlation_id"] == "c-1"
    assert house.count("/wallets/{wallet_id}") == 1


async def test_add_middleware_echoes_the_id_on_error_pages_too(house):
    """`app.add_middleware` puts it inside of the error pages; it moves out, and instruments only once."""
    app = fastapi()
    app.add_middleware(TelemetryMiddleware, **house.options)
    await house.get(app, "/wallets/1")
    answer = await house.get(app, "/broken", **{"x-correlation-id": "c-500"})
    assert answer.status_code == 500
    assert answer.headers["x-correlation-id"] == "c-500"
    assert len(house.servers()) == 2


async def test_a_middleware_of_one_mount_stays_there(house):
    """Given to one mount, it sees that mount's requests alone."""
    inner = [Route("/in", lambda request: PlainTextResponse("in"))]
    app = Starlette(
        routes=[
            Mount("/part", routes=inner, middleware=[Middleware(TelemetryMiddleware, **house.options)]),
            Route("/out", lambda request: PlainTextResponse("out")),
        ]
    )
    await house.get(app, "/part/in")
    await house.get(app, "/out")
    assert len(house.servers()) == 1


async def test_an_application_that_serves_already_is_instrumented(house):
    """Instrumenting may come after the first request."""
    app = fastapi()
    await house.get(app, "/wallets/1")
    instrument(app, **house.options)
    await house.get(app, "/wallets/2")
    assert len(house.servers()) == 1


async def test_an_instrumented_application_that_is_mounted_counts_once(house):
    """A request through two instrumented applications is one request, with the whole template."""
    inner, outer = instrument(fastapi(), **house.options), FastAPI()
    outer.mount("/v1", inner)
    instrument(outer, **house.options)
    await house.get(outer, "/v1/wallets/1")
    assert len(house.servers()) == 1
    assert house.count("/v1/wallets/{wallet_id}") == 1


async def test_a_share_of_a_path_has_spans_and_all_of_it_counts(house):
    """`sample` leaves spans out, with all that is below them, and counts every request."""
    app = instrument(fastapi(), sample={"/wallets": 0.0}, **house.options)
    await house.get(app, "/wallets/1")
    assert house.exporter.get_finished_spans() == ()
    assert house.count("/wallets/{wallet_id}") == 1


async def test_a_caller_that_traces_is_followed_whatever_the_share(house):
    """Where the caller has decided to keep the trace, `sample` does not cut it."""
    app = instrument(fastapi(), sample={"/wallets": 0.0}, **house.options)
    await house.get(app, "/wallets/1", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert len(house.servers()) == 1


async def test_a_service_that_calls_itself_has_two_requests(house):
    """A handler that calls its own application within the process makes a request of its own."""
    app = FastAPI()

    @app.get("/outer")
    async def outer() -> str:
        return (await house.get(app, "/inner")).text

    app.get("/inner")(lambda: "in")
    instrument(app, **house.options)
    await house.get(app, "/outer")
    inner, outermost = house.servers()
    assert [inner.name, outermost.name] == ["GET /inner", "GET /outer"]
    assert inner.context.trace_id == outermost.context.trace_id


async def test_the_hosts_own_header_is_kept(house):
    """An application that answers with a correlation id of its own is not contradicted."""
    app = FastAPI()
    app.get("/own")(lambda: PlainTextResponse("ok", headers={"x-correlation-id": "its-own"}))
    answer = await house.get(instrument(app, **house.options), "/own", **{"x-correlation-id": "c-1"})
    assert answer.headers.get_list("x-correlation-id") == ["its-own"]


async def test_a_template_of_the_hosts_choice_is_taken(house):
    """`template` names the routes of an application that nothing is known of."""
    app = instrument(asgi, template=lambda scope: "/everything", **house.options)
    await house.get(app, "/a/b")
    assert house.count("/everything") == 1


async def test_a_template_that_raises_does_no_harm(house):
    """A fault of the host's function is one line; the request is served and counted as unmatched."""
    app = instrument(asgi, template=lambda scope: 1 / 0, **house.options)
    assert (await house.get(app, "/a/b")).text == "ok"
    assert house.count("unmatched") == 1


async def test_a_cancelled_request_is_counted_as_left(house):
    """Where the server cancels the handler because the client left, the status is 499 and nothing stays active."""
    entered = asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await asyncio.Event().wait()

    app = instrument(waits, template=lambda scope: "/waits", **house.options)
    scope = {"type": "http", "method": "GET", "path": "/waits", "headers": []}
    serving = asyncio.create_task(app(scope, lambda: None, lambda message: None))  # type: ignore[arg-type]
    await entered.wait()
    assert house.registry.get_sample_value("anya_http_active_connections") == 1
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert house.registry.get_sample_value("anya_http_active_connections") == 0
    assert house.count("/waits", 499) == 1


async def test_a_broken_scope_is_served(house):
    """A server that breaks the protocol gets what the application makes of it, and no exception of ours."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    watched = instrument(app, **house.options)
    for scope in (
        {"type": "http"},
        {"type": "http", "headers": 5, "path": None},
        {"type": "other"},
        {"type": "websocket"},
    ):
        await watched(scope, None, None)  # type: ignore[arg-type]
    assert len(seen) == 4
