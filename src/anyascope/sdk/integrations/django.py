"""Django: a middleware for WSGI and ASGI alike, and ways to put it first without editing the settings by hand.

In `settings.py`, either of:

    MIDDLEWARE = anyascope.sdk.instrument([...])
    MIDDLEWARE = ["anyascope.sdk.integrations.django.TelemetryMiddleware", ...]

or in `wsgi.py` / `asgi.py`: `application = anyascope.sdk.instrument(get_wsgi_application())`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from anyascope.sdk.correlation import HEADER
from anyascope.sdk.guard import guarded, report_misuse
from anyascope.sdk.integrations.asgi import incoming_of as incoming_of_scope
from anyascope.sdk.integrations.http import Exchange, HttpWatch, Incoming, http_options
from anyascope.sdk.integrations.pages import rendered_metrics
from anyascope.sdk.integrations.wsgi import EXCHANGE, incoming_of

MIDDLEWARE = "anyascope.sdk.integrations.django.TelemetryMiddleware"
OPTIONS = "ANYASCOPE"  # the name of the setting: a dict of the options of `instrument`
DISPATCH_UID = "anyascope"  # one receiver of Django's signals, however often we are built


class TelemetryMiddleware:
    """Django's middleware: put it first, so that what the others answer is seen too.

    Options come from the setting `ANYASCOPE = {"skip": [...], ...}`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any], **options: Any) -> None:
        self._get_response = get_response
        self._watch = HttpWatch(http_options(**(options or _options_of_settings())))
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction  # noqa: PLC0415  # Django's own need

        self.async_mode = bool(iscoroutinefunction(get_response))
        if self.async_mode:
            markcoroutinefunction(self)
        _listen()

    def __call__(self, request: Any) -> Any:
        """The response, or in async mode what gives it when awaited."""
        exchange = self._begin(request)
        if self.async_mode:
            return self._get_later(request, exchange)
        if exchange is None:
            return self._page_for(request) or self._get_response(request)
        exchange.activate()
        try:
            response = self._get_response(request)
        except BaseException as error:
            _broken(exchange, error)
            raise
        finally:
            exchange.deactivate()
        _finish(exchange, response)
        return response

    async def _get_later(self, request: Any, exchange: Exchange | None) -> Any:
        if exchange is None:
            page = self._page_for(request)
            return page if page is not None else await self._get_response(request)
        exchange.activate()
        try:
            response = await self._get_response(request)
        except BaseException as error:
            _broken(exchange, error)
            raise
        finally:
            exchange.deactivate()
        _finish(exchange, response)
        return response

    @guarded(None)
    def _begin(self, request: Any) -> Exchange | None:
        if EXCHANGE in request.META or self._watch.is_skipped(request.path) or self._is_page(request):
            return None
        exchange = self._watch.begin(_incoming(request))
        if exchange is not None:
            request.META[EXCHANGE] = exchange
            template = self._watch.options.template
            exchange.route_later = (lambda: _route(request)) if template is None else (lambda: template(request))
        return exchange

    def _is_page(self, request: Any) -> bool:
        return self._watch.is_metrics_page(request.path)

    def _page_for(self, request: Any) -> Any:
        if not self._is_page(request):
            return None
        page = rendered_metrics(self._watch.metrics().registry, accept=request.headers.get("Accept", ""))
        return _django("http").HttpResponse(page.body, status=page.status, headers=dict(page.headers))


def instrument_django(app: Any, **options: Any) -> Any:
    """Put the middleware first: into a list of middlewares, or into a handler that was built already."""
    if isinstance(app, list | tuple):
        if options:
            report_misuse(f"Django's options stand in the setting {OPTIONS}, not in instrument(MIDDLEWARE)")
        return app if MIDDLEWARE in app else type(app)((MIDDLEWARE, *app))
    if getattr(app, "_anyascope_instrumented", False):
        return app
    app._middleware_chain = TelemetryMiddleware(app._middleware_chain, **options)  # noqa: SLF001  # no public door
    app._anyascope_instrumented = True  # noqa: SLF001  # ours
    return app


def _broken(exchange: Exchange, error: BaseException) -> None:
    exchange.fail(error)
    exchange.close()


@guarded(None)
def _finish(exchange: Exchange, response: Any) -> None:
    exchange.answer(response.status_code)
    if HEADER not in response:
        response[HEADER] = exchange.correlation_id
    if getattr(response, "streaming", False):
        _watch_stream(exchange, response)
    else:
        exchange.close()


def _watch_stream(exchange: Exchange, response: Any) -> None:
    parts, close = response.streaming_content, response.close
    response.streaming_content = _parts_later(parts, exchange) if response.is_async else _parts(parts, exchange)

    def closed() -> None:
        try:
            close()
        finally:
            _ended(exchange)

    response.close = closed


def _parts(parts: Iterable[bytes], exchange: Exchange) -> Iterator[bytes]:
    remaining = iter(parts)
    try:
        while True:
            exchange.activate()
            try:
                part = next(remaining)
            except StopIteration:
                exchange.complete()
                return
            except BaseException as error:
                exchange.fail(error)
                raise
            finally:
                exchange.deactivate()
            yield part
    finally:
        _ended(exchange)


async def _parts_later(parts: AsyncIterator[bytes], exchange: Exchange) -> AsyncIterator[bytes]:
    remaining = aiter(parts)
    try:
        while True:
            exchange.activate()
            try:
                part = await anext(remaining)
            except StopAsyncIteration:
                exchange.complete()
                return
            except BaseException as error:
                exchange.fail(error)
                raise
            finally:
                exchange.deactivate()
            yield part
    finally:
        _ended(exchange)


def _ended(exchange: Exchange) -> None:
    """The stream will not go on: it was read to its end, failed, or the client left."""
    exchange.is_disconnected = exchange.is_disconnected or not (exchange.is_complete or exchange.error)
    exchange.close()


def _incoming(request: Any) -> Incoming:
    scope = getattr(request, "scope", None)  # of ASGI, which knows more than the environ that Django makes of it
    return incoming_of(request.META) if scope is None else incoming_of_scope(scope)


def _route(request: Any) -> str | None:
    match = getattr(request, "resolver_match", None)
    return None if match is None else "/" + str(match.route).removeprefix("^").lstrip("/")


def _options_of_settings() -> dict[str, Any]:
    return dict(getattr(_django("conf").settings, OPTIONS, {}))


def _django(module: str) -> Any:
    """A module of Django's, which only its users have."""
    return importlib.import_module(f"django.{module}")


def _listen() -> None:
    _django("core.signals").got_request_exception.connect(_failed, dispatch_uid=DISPATCH_UID)


@guarded(None)
def _failed(sender: object, *, request: Any = None, **_more: object) -> None:
    _ = sender
    exchange = getattr(request, "META", {}).get(EXCHANGE)
    error = sys.exc_info()[1]
    if isinstance(exchange, Exchange) and error is not None:
        exchange.fail(error)
