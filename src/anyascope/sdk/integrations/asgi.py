"""One middleware for every ASGI framework: a server span, the HTTP metrics and the correlation id of each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from anyascope.sdk.correlation import HEADER
from anyascope.sdk.guard import guarded
from anyascope.sdk.integrations.http import Exchange, HttpWatch, Incoming, http_options
from anyascope.sdk.integrations.templates import litestar_template, starlette_template
from anyascope.sdk.metrics import metrics_app

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

STACK_MAX = 200  # middlewares of one application; more is a circle
EXCHANGE = "anyascope.exchange"  # key of the scope: who finds it there is inside of us already
_MARK = "_anyascope_instrumented"  # attribute of an application that was instrumented
_HEADER_BYTES = HEADER.encode()
_LEAVING = frozenset(("http.disconnect", "websocket.disconnect"))
_LAST_MESSAGES = frozenset(("http.response.body", "http.response.pathsend", "http.response.zerocopysend"))


class TelemetryMiddleware:
    """Traces, measures and correlates requests and websockets; everything else passes untouched.

    The `endpoint` label is the route's template (`/wallets/{wallet_id}`), never the path itself.

    Args:
        app: the application inside.
        watch: one that is shared with another middleware of the same application; made of `options` by default.
        options: as of `anyascope.sdk.instrument`.
    """

    def __init__(self, app: Application, *, watch: HttpWatch | None = None, **options: Any) -> None:
        self.app = app
        # `isinstance` and truth would ask the object itself, which may raise.
        given: Any = watch
        self._watch: HttpWatch = given if issubclass(type(given), HttpWatch) else HttpWatch(http_options(**options))
        self._page: Application | None = None
        self._is_placed = False

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # asked for before it is there, by `copy` and the like
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self._is_placed:
            self._is_placed = True
            self._stand_outside(scope.get("app"))
        exchange = None if EXCHANGE in scope else self._begin(scope)
        if exchange is not None:
            await self._serve(exchange, scope, receive, send)
        elif scope["type"] == "http" and self._watch.is_metrics_page(scope.get("path", "")):
            await self._metrics_page()(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _Connection(exchange, receive, send)
        exchange.activate()
        try:
            await self.app(scope, connection.receive, connection.send)
        except BaseException as error:
            if type(error).__name__ == "WebSocketDisconnect":  # Starlette's way to say that the other side hung up
                exchange.is_disconnected = True
            else:
                exchange.fail(error)
            raise
        finally:
            exchange.close()
            exchange.deactivate()

    @guarded(None)
    def _begin(self, scope: Scope) -> Exchange | None:
        kind, path = scope["type"], str(scope.get("path", ""))
        if kind not in ("http", "websocket") or self._watch.is_skipped(path) or self._watch.is_metrics_page(path):
            return None
        exchange = self._watch.begin(incoming_of(scope))
        if exchange is not None:
            scope[EXCHANGE] = exchange
            exchange.route_later = self._route_finder(scope)
        return exchange

    @guarded(None)
    def _stand_outside(self, app: Any) -> None:
        """Move out of a Starlette's stack, where `add_middleware` puts us, to around it.

        Its error pages are made outside of all added middlewares: from there they would lack the correlation id.
        """
        stack: Any = getattr(app, "middleware_stack", None)
        outer: Any = stack
        seen = 0
        while outer is not None and outer is not self and seen < STACK_MAX:
            outer, seen = getattr(outer, "app", None), seen + 1
        if outer is self and stack is not self:
            app.middleware_stack = TelemetryMiddleware(stack, watch=self._watch)

    def _route_finder(self, scope: Scope) -> Callable[[], object]:
        template = self._watch.options.template
        if template is not None:
            return lambda: template(scope)
        # As it is now: mounted applications put themselves in its place.
        routes, root_path = _routes_in(scope.get("app") or self.app), str(scope.get("root_path", ""))
        before = {key: scope[key] for key in ("type", "path", "method", "headers") if key in scope}
        before["root_path"] = root_path
        if "litestar_app" in scope:
            return lambda: litestar_template(scope, before)
        return lambda: starlette_template(scope, before, routes)

    def _metrics_page(self) -> Application:
        if self._page is None:
            self._page = metrics_app(self._watch.metrics().registry)
        return self._page


class _Connection:
    """The two callables that the application gets: they see what is answered and whether the client left."""

    __slots__ = ("_exchange", "_is_started", "_receive", "_send", "_trailers")

    def __init__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._trailers = False
        self._is_started = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] in _LEAVING and not self._exchange.is_complete:
            self._exchange.is_disconnected = True
        return message

    async def send(self, message: Message) -> None:
        is_last = self._before(message)
        await self._send(message)
        if is_last:
            self._exchange.complete()

    @guarded(False)  # the default: not the last message
    def _before(self, message: Message) -> bool:
        kind, exchange = message["type"], self._exchange
        if kind in _LAST_MESSAGES:
            return not message.get("more_body", False) and not self._trailers
        if kind == "http.response.start":
            self._trailers = bool(message.get("trailers", False))
            exchange.answer(message["status"])
            message["headers"] = with_correlation(message.get("headers", ()), exchange.correlation_id)
        elif kind == "websocket.accept":
            self._is_started = True
            exchange.answer(101)
            message["headers"] = with_correlation(message.get("headers", ()), exchange.correlation_id)
            exchange.measure()
        elif kind == "websocket.close" and not self._is_started:
            exchange.answer(403)  # ASGI: a server refuses the handshake so, when it is closed before it was accepted
        elif kind == "websocket.http.response.start":
            exchange.answer(message["status"])
            message["headers"] = with_correlation(message.get("headers", ()), exchange.correlation_id)
        return kind == "http.response.trailers" and not message.get("more_trailers", False)


def _routes_in(app: Any) -> Any:
    """The routes of the outermost application that has some, below the middlewares around it."""
    for _ in range(STACK_MAX):
        routes = getattr(app, "routes", None)
        if routes is not None or app is None:
            return routes or ()
        app = getattr(app, "app", None)
    return ()


def with_correlation(headers: Any, correlation_id: str) -> list[Any]:
    """The headers with the correlation id, where the application has not set one itself."""
    listed = list(headers)
    if any(bytes(name).lower() == _HEADER_BYTES for name, _ in listed):
        return listed
    return [*listed, (_HEADER_BYTES, correlation_id.encode())]


def incoming_of(scope: Scope) -> Incoming:
    """What the ASGI scope says of a request."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", ()):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("", None)
    return Incoming(
        method=str(scope.get("method", "GET")),  # a websocket's handshake is a GET
        path=str(scope.get("path", "")),
        scheme=str(scope.get("scheme", "http")),
        headers=headers,
        client=str(client[0]),
        server=str(server[0]),
        server_port=server[1],
        protocol_version=str(scope.get("http_version", "")),
    )


def instrument_asgi(app: Application, **options: Any) -> Application:
    """The application behind the middleware; one that is behind it already is given back as it is."""
    return app if isinstance(app, TelemetryMiddleware) else TelemetryMiddleware(app, **options)


def instrument_starlette(app: Any, **options: Any) -> Any:
    """Put the middleware outside of all of a Starlette's or FastAPI's own, so that its error pages carry the id too."""
    if getattr(app, _MARK, False):
        return app
    build, watch = app.build_middleware_stack, HttpWatch(http_options(**options))

    def build_watched() -> Application:
        return TelemetryMiddleware(build(), watch=watch)

    if app.middleware_stack is not None:  # it has served already
        app.middleware_stack = TelemetryMiddleware(app.middleware_stack, watch=watch)
    app.build_middleware_stack = build_watched
    setattr(app, _MARK, True)
    return app


def instrument_litestar(app: Any, **options: Any) -> Any:
    """Put the middleware outside of a Litestar's own handler."""
    if not isinstance(app.asgi_handler, TelemetryMiddleware):
        app.asgi_handler = TelemetryMiddleware(app.asgi_handler, **options)
        app.after_exception.append(_litestar_failed)
    return app


async def _litestar_failed(error: Exception, scope: Scope) -> None:
    """Litestar makes answers of exceptions before we see them: what it would answer with 500 is a failure."""
    exchange = scope.get(EXCHANGE)
    if isinstance(exchange, Exchange) and getattr(error, "status_code", 500) >= 500:
        exchange.fail(error)
