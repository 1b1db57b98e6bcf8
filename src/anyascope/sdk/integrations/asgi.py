"""One middleware for every ASGI framework: a server span, the HTTP metrics and the correlation id of each request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import REGISTRY, CollectorRegistry

from anyascope.sdk.correlation import HEADER, correlation
from anyascope.sdk.guard import guarded
from anyascope.sdk.metrics import http_metrics, trace_exemplar

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTE_UNKNOWN = "unmatched"  # requests for paths that no route has share one label value, whoever scans us
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"))


class TelemetryMiddleware:
    """Traces, measures and correlates HTTP requests; everything else passes untouched.

    The `endpoint` label is the route's template (`/wallets/{wallet_id}`), never the path itself.

    Args:
        app: the application inside.
        registry: where the metrics are.
        skip: paths that are neither traced nor measured.
    """

    def __init__(
        self,
        app: Application,
        *,
        registry: CollectorRegistry = REGISTRY,
        skip: tuple[str, ...] = ("/metrics", "/healthz", "/-/healthy"),
    ) -> None:
        self._app = app
        self._metrics = http_metrics(registry)
        self._skip = skip
        self._tracer = trace.get_tracer("anyascope.sdk.asgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or str(scope.get("path", "")).startswith(self._skip):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
        started_s = time.perf_counter()
        status = 500
        with ExitStack() as stack:
            correlation_id = stack.enter_context(correlation(headers.get(HEADER)))
            span = stack.enter_context(self._server_span(scope, headers))
            self._metrics.active.inc()
            stack.callback(self._metrics.active.dec)

            async def answer(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                    message["headers"] = [*message.get("headers", ()), (HEADER.encode(), correlation_id.encode())]
                await send(message)

            try:
                await self._app(scope, receive, answer)
            finally:
                self._finish(scope, span, status=status, duration_s=time.perf_counter() - started_s)

    def _server_span(self, scope: Scope, headers: dict[str, str]) -> Any:
        return self._tracer.start_as_current_span(
            str(scope["method"]),
            context=_caller_context(headers),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": str(scope["method"]),
                "url.path": str(scope.get("path", "")),
                "url.scheme": str(scope.get("scheme", "http")),
            },
        )

    @guarded(None)
    def _finish(self, scope: Scope, span: Span, *, status: int, duration_s: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = route_of(scope)
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:  # OpenTelemetry: a client's mistake is no error of the server's span
            span.set_status(Status(StatusCode.ERROR))
        exemplar = trace_exemplar()
        self._metrics.requests.labels(method, route, str(status)).inc(exemplar=exemplar)
        self._metrics.duration.labels(method, route).observe(duration_s, exemplar=exemplar)


@guarded(None)
def _caller_context(headers: dict[str, str]) -> Context | None:
    """The caller's trace; None, which is the current one, where a span outside of us has continued it already."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    return extract(headers)


def route_of(scope: Scope) -> str:
    """The template of the route that served this request, as Starlette, FastAPI and Litestar leave it in the scope."""
    route = scope.get("route")
    path = getattr(route, "path", None) or scope.get("path_template")
    return str(path) if path else ROUTE_UNKNOWN
