"""aiohttp.web: a middleware of the outermost application, and its signal before an answer is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from anyascope.sdk.correlation import HEADER
from anyascope.sdk.guard import guarded, report_misuse, tell_once
from anyascope.sdk.integrations.http import Exchange, HttpWatch, Incoming, http_options
from anyascope.sdk.integrations.pages import rendered_metrics

EXCHANGE = "anyascope.exchange"  # key of the request: who finds it there is inside of us already
_MARK = "anyascope.instrumented"  # key of an application that was instrumented

Handler = Callable[[Any], Awaitable[Any]]


def instrument_aiohttp(app: Any, **options: Any) -> Any:
    """Instrument an `aiohttp.web.Application` with its sub-applications, before it is started."""
    if app.frozen:
        report_misuse("instrument() comes too late: this aiohttp application is running already")
        return app
    if any(getattr(middleware, _MARK, False) for middleware in app.middlewares):
        return app
    app.middlewares.insert(0, _middleware(HttpWatch(http_options(**options))))
    app.on_response_prepare.append(_before_answer)
    return app


def _middleware(watch: HttpWatch) -> Callable[[Any, Handler], Awaitable[Any]]:
    from aiohttp import web  # noqa: PLC0415  # only where the host has it

    @web.middleware
    async def telemetry(request: Any, handler: Handler) -> Any:
        exchange = _begin(watch, request)
        if exchange is not None:
            return await _serve(exchange, request, handler)
        if watch.is_metrics_page(request.path):
            page = rendered_metrics(watch.metrics().registry, accept=request.headers.get("Accept", ""))
            return web.Response(body=page.body, status=page.status, headers=dict(page.headers))
        return await handler(request)

    setattr(telemetry, _MARK, True)
    return telemetry


async def _serve(exchange: Exchange, request: Any, handler: Handler) -> Any:
    exchange.activate()
    try:
        response = await handler(request)
        _answered(exchange, response)
        return response
    except BaseException as error:
        status = getattr(error, "status", None)
        if status is not None and hasattr(error, "prepare"):  # aiohttp's HTTPException is an answer
            _answered(exchange, error)
        else:
            exchange.fail(error)
        raise
    finally:
        if exchange.route is None:
            exchange.route = await _refused_route(request, exchange.status)
        exchange.close()
        exchange.deactivate()


@guarded(None)
def _begin(watch: HttpWatch, request: Any) -> Exchange | None:
    if EXCHANGE in request or watch.is_skipped(request.path) or watch.is_metrics_page(request.path):
        return None
    exchange = watch.begin(_incoming(request))
    if exchange is not None:
        request[EXCHANGE] = exchange
        template = watch.options.template
        exchange.route = _route(request.match_info) if template is None else str(template(request) or "") or None
    return exchange


async def _before_answer(request: Any, response: Any) -> None:
    _put_header(request, response)


@guarded(None)
def _put_header(request: Any, response: Any) -> None:
    exchange = request.get(EXCHANGE)
    if isinstance(exchange, Exchange):
        if HEADER not in response.headers:
            response.headers[HEADER] = exchange.correlation_id
        if not exchange.is_complete:
            exchange.answer(response.status)
        if response.status == 101:
            exchange.measure()  # a websocket: its handshake is measured while the connection stays


def _answered(exchange: Exchange, response: Any) -> None:
    if exchange.status is None:
        exchange.answer(getattr(response, "status", 500))


def _incoming(request: Any) -> Incoming:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    host, _, port = request.host.rpartition(":") if ":" in request.host else (request.host, "", "")
    return Incoming(
        method=request.method,
        path=request.path,
        scheme=request.scheme,
        headers=headers,
        client=request.remote or "",
        server=host,
        server_port=int(port) if port.isdecimal() else None,
        protocol_version=f"{request.version.major}.{request.version.minor}",
    )


def _route(match_info: Any) -> str | None:
    resource = getattr(match_info.route, "resource", None)
    return None if resource is None else str(resource.canonical)


async def _refused_route(request: Any, status: int | None) -> str | None:
    """The route that has the path but not the method, where the answer was 405."""
    try:
        allowed = getattr(getattr(request.match_info, "http_exception", None), "allowed_methods", None)
        if status != 405 or not allowed:
            return None
        return _route(await request.app.router.resolve(request.clone(method=next(iter(allowed)))))
    except Exception as error:  # noqa: BLE001  # ours, never the host's
        tell_once("finding the route of a refused method", error)
        return None
