"""What operators and orchestrators ask at the root: healthy, ready, reload, metrics.

Source: Prometheus' management API; its exposition formats.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from anyascope.api.encode import NO_STORE
from anyascope.api.problems import problem_of, problem_response, request_id_of
from anyascope.errors import AnyascopeError, InvalidInputError

GZIP_LEVEL = 1  # metrics shrink tenfold at any level; the lowest costs 2 ms for a page of 1 MB
NOT_READY_RETRY_AFTER_S = "2"
NAMES_MAX = 100  # of `name[]`; a page that wants more asks for all

Ready = Callable[[], str]
Reload = Callable[[], Awaitable[None]]


def operations_routes(*, registry: CollectorRegistry, ready: Ready, reload: Reload) -> list[BaseRoute]:
    """The routes of the root.

    Args:
        registry: what `/metrics` tells.
        ready: why the server cannot serve yet; empty where it can.
        reload: read the configuration again; raises one of our errors where the old one stays in force.
    """
    operations = _Operations(registry, ready=ready, reload=reload)
    return [
        Route("/-/healthy", operations.healthy, methods=["GET"]),
        Route("/-/ready", operations.ready, methods=["GET"]),
        Route("/-/reload", operations.reload, methods=["POST", "PUT"]),
        Route("/metrics", operations.metrics, methods=["GET"]),
    ]


class _Operations:
    """The operations, on what they need."""

    def __init__(self, registry: CollectorRegistry, *, ready: Ready, reload: Reload) -> None:
        self._registry = registry
        self._ready = ready
        self._reload = reload

    async def healthy(self, _request: Request) -> Response:
        return PlainTextResponse("anyascope is healthy.\n", headers=NO_STORE)

    async def ready(self, _request: Request) -> Response:
        reason = self._ready()
        if not reason:
            return PlainTextResponse("anyascope is ready.\n", headers=NO_STORE)
        headers = {**NO_STORE, "retry-after": NOT_READY_RETRY_AFTER_S}
        return PlainTextResponse(f"anyascope is not ready: {reason}\n", status_code=503, headers=headers)

    async def reload(self, request: Request) -> Response:
        try:
            await self._reload()
        except AnyascopeError as error:
            return problem_response(problem_of(error, request_id=request_id_of(request)))
        return PlainTextResponse("", headers=NO_STORE)

    async def metrics(self, request: Request) -> Response:
        # Made on the event loop: collectors look at objects that live there.
        encode, content_type = _format(request.headers.get("accept", ""))
        try:
            names = parse_qs(request.url.query, max_num_fields=NAMES_MAX).get("name[]") if request.url.query else None
        except ValueError:
            error = InvalidInputError(
                f"at most {NAMES_MAX} names may be asked for; without any, all are told", path="name[]"
            )
            return problem_response(problem_of(error, request_id=request_id_of(request)))
        body = encode(self._registry.restricted_registry(names) if names else self._registry)
        headers = {**NO_STORE, "vary": "accept, accept-encoding", "content-type": content_type}
        if gzip_accepted(request.headers.get("accept-encoding", "")):
            body = gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)


def _format(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """The encoder for what is accepted; Prometheus' text where the library cannot read that (`version=x`)."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        return choose_encoder("")
