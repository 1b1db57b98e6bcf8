"""One middleware for every WSGI framework; what `asgi` is for the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from anyascope.sdk.correlation import HEADER
from anyascope.sdk.guard import guarded
from anyascope.sdk.integrations.http import Exchange, HttpWatch, Incoming, http_options
from anyascope.sdk.metrics import metrics_wsgi_app

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WsgiApplication = Callable[[Environ, StartResponse], Iterable[bytes]]

EXCHANGE = "anyascope.exchange"  # key of the environ: who finds it there is inside of us already


class WsgiMiddleware:
    """Traces, measures and correlates requests of a WSGI application.

    Args:
        app: the application inside.
        options: as of `anyascope.sdk.instrument`.
    """

    def __init__(self, app: WsgiApplication, **options: Any) -> None:
        self.app = app
        self._watch = HttpWatch(http_options(**options))
        self._page: WsgiApplication | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # asked for before it is there, by `copy` and the like
            raise AttributeError(name)
        return getattr(self.app, name)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        end_abandoned()
        exchange = None if EXCHANGE in environ else self._begin(environ)
        if exchange is not None:
            return self._serve(exchange, environ, start_response)
        if self._watch.is_metrics_page(path_of(environ)):
            return self._metrics_page()(environ, start_response)
        return self.app(environ, start_response)

    def _serve(self, exchange: Exchange, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def answer(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
            return start_response(status, _answered(exchange, status, headers), *exc_info)

        exchange.activate()
        try:
            body = self.app(environ, answer)
        except BaseException as error:
            exchange.fail(error)
            exchange.close()
            raise
        finally:
            exchange.deactivate()
        return watched_body(body, exchange, environ.get("wsgi.file_wrapper"))

    @guarded(None)
    def _begin(self, environ: Environ) -> Exchange | None:
        path = path_of(environ)
        if self._watch.is_skipped(path) or self._watch.is_metrics_page(path):
            return None
        exchange = self._watch.begin(incoming_of(environ))
        if exchange is not None:
            environ[EXCHANGE] = exchange
            template = self._watch.options.template
            if template is not None:
                exchange.route_later = lambda: template(environ)
        return exchange

    def _metrics_page(self) -> WsgiApplication:
        if self._page is None:
            self._page = metrics_wsgi_app(self._watch.metrics().registry)
        return self._page


def _answered(exchange: Exchange, status: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    exchange.answer(str(status)[:3])
    return with_correlation(headers, exchange.correlation_id) or headers


@guarded(None)
def with_correlation(headers: list[tuple[str, str]], correlation_id: str) -> list[tuple[str, str]]:
    """The headers with the correlation id, where the application has not set one itself."""
    if any(name.lower() == HEADER for name, _ in headers):
        return headers
    return [*headers, (HEADER, correlation_id)]


def watched_body(body: Iterable[bytes], exchange: Exchange, file_wrapper: object = None) -> Iterable[bytes]:
    """The answer's body, which ends the exchange when it is read to its end, closed or broken off.

    A file that the server would send by itself (`sendfile`) stays the object that the server knows.
    """
    if isinstance(file_wrapper, type) and isinstance(body, file_wrapper) and _ends_with_close(body, exchange):
        return body
    return _SizedBody(body, exchange) if isinstance(body, list | tuple) else _Body(body, exchange)


@guarded(False)  # the default: it was not possible
def _ends_with_close(body: Any, exchange: Exchange) -> bool:
    close = getattr(body, "close", None)

    def closed() -> None:
        try:
            if close is not None:
                close()
        finally:
            exchange.close()

    body.close = closed
    return True


class _Body:
    """An answer's body: the code that makes it runs within the exchange."""

    def __init__(self, body: Iterable[bytes], exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __del__(self) -> None:
        # A server that breaks off where the client has left may never call `close`: Werkzeug's does so.
        exchange = getattr(self, "_exchange", None)
        if exchange is None or exchange.is_closed:
            return
        if exchange.is_complete:
            exchange.close()
        else:
            _abandoned.append(exchange)

    def __next__(self) -> bytes:
        self._exchange.activate()
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)
        except StopIteration:
            self._exchange.complete()
            raise
        except BaseException as error:
            self._exchange.fail(error)
            raise
        finally:
            self._exchange.deactivate()

    def close(self) -> None:
        """Called by the server when the answer was sent, and when the client left."""
        exchange = self._exchange
        exchange.is_disconnected = exchange.is_disconnected or not (exchange.is_complete or exchange.error)
        exchange.activate()
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            exchange.fail(error)
            raise
        finally:
            exchange.close()
            exchange.deactivate()


# Requests whose answer nobody read to its end or closed. They are measured with the next request: a finaliser may run while its
# thread holds the lock of a metric.
_abandoned: deque[Exchange] = deque()


def end_abandoned() -> None:
    """End the requests that a server has forgotten."""
    while _abandoned:
        try:
            exchange = _abandoned.popleft()
        except IndexError:
            return  # another thread took it
        exchange.is_disconnected = True
        exchange.close()


class _SizedBody(_Body):
    """A body of known parts: servers ask for their number, to set Content-Length themselves."""

    def __init__(self, body: list[bytes] | tuple[bytes, ...], exchange: Exchange) -> None:
        super().__init__(body, exchange)
        self._length = len(body)

    def __len__(self) -> int:
        return self._length


def path_of(environ: Environ) -> str:
    """The path, with that of the mount point, as the client asked for it."""
    raw = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    try:
        return raw.encode("latin-1").decode("utf-8", "replace")  # PEP 3333: bytes in the guise of latin-1
    except UnicodeEncodeError:
        return raw


def incoming_of(environ: Environ) -> Incoming:
    """What the WSGI environ says of a request."""
    headers = {
        name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    port = str(environ.get("SERVER_PORT", ""))
    return Incoming(
        method=str(environ.get("REQUEST_METHOD", "GET")),
        path=path_of(environ),
        scheme=str(environ.get("wsgi.url_scheme", "http")),
        headers=headers,
        client=str(environ.get("REMOTE_ADDR", "")),
        server=str(environ.get("SERVER_NAME", "")),
        server_port=int(port) if port.isdecimal() else None,
        protocol_version=str(environ.get("SERVER_PROTOCOL", "")).removeprefix("HTTP/"),
    )


def instrument_wsgi(app: WsgiApplication, **options: Any) -> WsgiApplication:
    """The application behind the middleware; one that is behind it already is given back as it is."""
    return app if isinstance(app, WsgiMiddleware) else WsgiMiddleware(app, **options)
