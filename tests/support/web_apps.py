"""The same small service in every web framework, and each framework's real server on loopback.

Each application has the routes of `ROUTES`; the frameworks write their templates in their own ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import socketserver
import threading
import time
import wsgiref.simple_server
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyascope.sdk.correlation import current_correlation_id
from support.web_fastapi import fastapi_app
from support.web_litestar import litestar_app
from support.web_parts import (
    broken_chunks,
    chunks,
    endless_chunks,
    gate,
    note_failed_login,
    plain_broken_chunks,
    plain_chunks,
    plain_endless_chunks,
)

STARTED_WITHIN_S = 150.0


@dataclass(frozen=True)
class WebSocketClient:
    """The client's end of an open websocket."""

    receive: Callable[[], Awaitable[str]]
    send: Callable[[str], Awaitable[None]]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Framework:
    """How to make the application and serve it, and how it writes its routes."""

    name: str
    make: Callable[[Path], Any]
    serve: Callable[[Any], contextlib.AbstractContextManager[str]]
    wallet: str
    item: str
    static: str
    websocket: Callable[[Any, str, dict[str, str]], contextlib.AbstractAsyncContextManager[WebSocketClient]] | None = (
        None
    )
    has_background: bool = False
    tenant: str = ""


# -- the real servers ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def uvicorn_server(app: Any) -> Iterator[str]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, name="test-uvicorn", daemon=True)
    thread.start()
    _await(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(STARTED_WITHIN_S)


class _ThreadedServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class _SilentHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def get_stderr(self) -> Any:
        import io

        return io.StringIO()


@contextlib.contextmanager
def wsgiref_server(app: Any) -> Iterator[str]:
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, _ThreadedServer, _SilentHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STARTED_WITHIN_S)


@contextlib.contextmanager
def aiohttp_server(app: Any) -> Iterator[str]:
    from aiohttp import web

    loop = asyncio.new_event_loop()
    started: list[int] = []
    stop = asyncio.Event()

    async def run() -> None:
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        started.append(runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="test-aiohttp", daemon=True)
    thread.start()
    _await(lambda: bool(started))
    try:
        yield f"http://127.0.0.1:{started[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STARTED_WITHIN_S)
        loop.close()


@contextlib.asynccontextmanager
async def asgi_websocket(app: Any, url: str, headers: dict[str, str]) -> AsyncIterator[WebSocketClient]:
    """A websocket without a server: uvicorn speaks websockets only with a package that is not among our needs."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/" + url.split("/", 3)[3],
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [],
    }
    to_app.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(app(scope, to_app.get, from_app.put))
    accepted = await from_app.get()
    assert accepted["type"] == "websocket.accept", accepted

    async def receive() -> str:
        return str((await from_app.get())["text"])

    async def send(text: str) -> None:
        await to_app.put({"type": "websocket.receive", "text": text})

    yield WebSocketClient(receive, send, {name.decode(): value.decode() for name, value in accepted["headers"]})
    await serving


@contextlib.asynccontextmanager
async def aiohttp_websocket(app: Any, url: str, headers: dict[str, str]) -> AsyncIterator[WebSocketClient]:
    """A websocket to aiohttp's own server."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as connection:
        yield WebSocketClient(connection.receive_str, connection.send_str, connection._response.headers)
        await connection.receive()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)


# -- the applications ------------------------------------------------------------------------------------------------------


def starlette_app(static: Path) -> Any:
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.endpoints import HTTPEndpoint
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route, Router, WebSocketRoute
    from starlette.staticfiles import StaticFiles
    from starlette.websockets import WebSocket

    async def wallet(request: Request) -> Response:
        return JSONResponse({"id": request.path_params["wallet_id"], "correlation": current_correlation_id()})

    class Wallets(HTTPEndpoint):
        async def post(self, request: Request) -> Response:
            return Response(status_code=201)

    async def broken(request: Request) -> Response:
        raise RuntimeError("no")

    def login(request: Request) -> Response:
        raise HTTPException(401)

    def noted_login(request: Request) -> Response:
        note_failed_login()
        raise HTTPException(401)

    async def forbidden(request: Request) -> Response:
        return Response(status_code=403)

    async def background(request: Request) -> Response:
        task = BackgroundTask(lambda: gate.seen.append(current_correlation_id()))
        return PlainTextResponse("ok", background=task)

    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(current_correlation_id())
        await socket.receive_text()
        await socket.close()

    async def item(request: Request) -> Response:
        return PlainTextResponse(request.path_params["item_id"])

    sub = Router([Route("/items/{item_id}", item)])
    return Starlette(
        routes=[
            Mount("/wallets", routes=[Route("/{wallet_id}", wallet)]),
            Route("/wallets", Wallets),
            Route("/broken", broken),
            Route("/login", login),
            Route("/noted-login", noted_login),
            Route("/forbidden", forbidden),
            Route("/moved", lambda request: RedirectResponse("/wallets/1", 302)),
            Route("/stream", lambda request: StreamingResponse(chunks())),
            Route("/stream-broken", lambda request: StreamingResponse(broken_chunks())),
            Route("/endless", lambda request: StreamingResponse(endless_chunks())),
            Route("/background", background),
            Route("/healthz", lambda request: PlainTextResponse("ok")),
            WebSocketRoute("/ws/{room}", ws),
            Mount("/sub", sub),
            Mount("/tenants/{tenant}", sub),
            Mount("/static", StaticFiles(directory=static)),
        ]
    )


def flask_app(static: Path) -> Any:
    from flask import Blueprint, Flask, Response, abort, redirect
    from flask.views import MethodView

    app = Flask("custody", static_folder=str(static), static_url_path="/static")
    sub = Blueprint("sub", "sub", url_prefix="/sub")

    @app.get("/wallets/<wallet_id>")
    def wallet(wallet_id: str) -> dict[str, str]:
        return {"id": wallet_id, "correlation": current_correlation_id()}

    class Wallets(MethodView):
        def post(self) -> tuple[str, int]:
            return "", 201

    app.add_url_rule("/wallets", view_func=Wallets.as_view("wallets"))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("no")

    @app.get("/login")
    def login() -> None:
        abort(401)

    @app.get("/noted-login")
    def noted_login() -> None:
        note_failed_login()
        abort(401)

    app.get("/forbidden")(lambda: abort(403))
    app.add_url_rule("/moved", "moved", lambda: redirect("/wallets/1", 302))
    app.add_url_rule("/stream", "stream", lambda: Response(plain_chunks()))
    app.add_url_rule("/stream-broken", "stream-broken", lambda: Response(plain_broken_chunks()))
    app.add_url_rule("/endless", "endless", lambda: Response(plain_endless_chunks()))
    app.add_url_rule("/healthz", "healthz", lambda: "ok")

    @sub.get("/items/<item_id>")
    def item(item_id: str) -> str:
        return item_id

    app.register_blueprint(sub)
    return app


def aiohttp_app(static: Path) -> Any:  # noqa: C901  # a service's handlers
    from aiohttp import web

    async def wallet(request: web.Request) -> web.Response:
        return web.json_response({"id": request.match_info["wallet_id"], "correlation": current_correlation_id()})

    class Wallets(web.View):
        async def post(self) -> web.Response:
            return web.Response(status=201)

    async def broken(request: web.Request) -> web.Response:
        raise RuntimeError("no")

    async def login(request: web.Request) -> web.Response:
        raise web.HTTPUnauthorized

    async def noted_login(request: web.Request) -> web.Response:
        note_failed_login()
        return web.Response(status=401)

    async def forbidden(request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/wallets/1")

    def streamed(parts: Callable[[], AsyncIterator[bytes]]) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            async for part in parts():
                await response.write(part)
            return response

        return handler

    async def ws(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(current_correlation_id())
        await socket.receive()
        await socket.close()
        return socket

    async def text(request: web.Request) -> web.Response:
        return web.Response(text=request.match_info.get("item_id", "ok"))

    app, sub = web.Application(), web.Application()
    sub.router.add_get("/items/{item_id}", text)
    app.router.add_get("/wallets/{wallet_id}", wallet)
    app.router.add_post("/wallets", Wallets)
    for path, handler in {
        "/broken": broken,
        "/login": login,
        "/noted-login": noted_login,
        "/forbidden": forbidden,
        "/moved": moved,
        "/stream": streamed(chunks),
        "/stream-broken": streamed(broken_chunks),
        "/endless": streamed(endless_chunks),
        "/healthz": text,
        "/ws/{room}": ws,
    }.items():
        app.router.add_get(path, handler)
    app.add_subapp("/sub", sub)
    app.router.add_static("/static", static)
    return app


def django_settings(middlewares: Sequence[str] = ("django.middleware.common.CommonMiddleware",)) -> None:
    """Django is configured once a process; its handlers take the middlewares that hold when they are made."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF="support.django_urls",
            SECRET_KEY="a test's",
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=list(middlewares),
            DEBUG=False,
            LOGGING_CONFIG=None,
            USE_TZ=True,
        )
        import django

        django.setup()


def django_wsgi(static: Path) -> Any:
    django_settings()
    from django.core.handlers.wsgi import WSGIHandler

    from support import django_urls

    django_urls.static_folder = static
    return WSGIHandler()


def django_asgi(static: Path) -> Any:
    django_settings()
    from django.core.handlers.asgi import ASGIHandler

    from support import django_urls

    django_urls.static_folder = static
    return ASGIHandler()


def plain_wsgi(static: Path) -> Any:
    """The Flask application behind a function that nothing is known of."""
    inner = flask_app(static)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        return inner.wsgi_app(environ, start_response)

    return application


FRAMEWORKS = (
    Framework(
        "fastapi",
        fastapi_app,
        uvicorn_server,
        "/wallets/{wallet_id}",
        "/sub/items/{item_id}",
        "/static/{path}",
        websocket=asgi_websocket,
        has_background=True,
        tenant="/tenants/{tenant}/items/{item_id}",
    ),
    Framework(
        "starlette",
        starlette_app,
        uvicorn_server,
        "/wallets/{wallet_id}",
        "/sub/items/{item_id}",
        "/static/{path}",
        websocket=asgi_websocket,
        has_background=True,
        tenant="/tenants/{tenant}/items/{item_id}",
    ),
    Framework(
        "litestar",
        litestar_app,
        uvicorn_server,
        "/wallets/{wallet_id}",
        "/sub/items/{item_id}",
        "/static/{file_path}",
        websocket=asgi_websocket,
        has_background=True,
    ),
    Framework(
        "flask", flask_app, wsgiref_server, "/wallets/<wallet_id>", "/sub/items/<item_id>", "/static/<path:filename>"
    ),
    Framework(
        "aiohttp",
        aiohttp_app,
        aiohttp_server,
        "/wallets/{wallet_id}",
        "/sub/items/{item_id}",
        "/static",
        websocket=aiohttp_websocket,
    ),
    Framework(
        "django-wsgi",
        django_wsgi,
        wsgiref_server,
        "/wallets/<str:wallet_id>",
        "/sub/items/<str:item_id>",
        "/static/<path:path>",
    ),
    Framework(
        "django-asgi",
        django_asgi,
        uvicorn_server,
        "/wallets/<str:wallet_id>",
        "/sub/items/<str:item_id>",
        "/static/<path:path>",
    ),
)
