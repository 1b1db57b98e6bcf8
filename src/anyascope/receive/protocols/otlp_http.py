"""OTLP over HTTP: `POST /v1/{logs,traces,metrics}`, protobuf and JSON.

Source: OpenTelemetry protocol specification, "OTLP/HTTP".
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.errors import (
    AnyascopeError,
    InvalidInputError,
    OverloadedError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.receive.base import ReceiveContext
from anyascope.receive.bodies import SlowBodyError, read_body
from anyascope.receive.otlp import SIGNALS, OtlpBody
from anyascope.wire.otlp import answers
from anyascope.wire.otlp.messages import Encoding, Request

NAME = "otlp_http"
PATHS = {
    "/v1/logs": Request.LOGS,
    "/v1/traces": Request.TRACES,
    "/v1/metrics": Request.METRICS,
    "/api/v1/otlp/v1/metrics": Request.METRICS,  # where Prometheus takes them
}

_ENCODINGS = {
    "application/x-protobuf": Encoding.PROTOBUF,
    "application/protobuf": Encoding.PROTOBUF,
    "application/json": Encoding.JSON,
}

log = structlog.get_logger("anyascope.receive")


class OtlpHttp:
    """The routes of OTLP over HTTP."""

    def __init__(self, context: ReceiveContext) -> None:
        self._context = context

    def routes(self) -> list[BaseRoute]:
        """A route a signal."""
        return [
            Route(path, self._endpoint(request), methods=["POST"], name=f"otlp_{SIGNALS[request]}")
            for path, request in PATHS.items()
        ]

    def _endpoint(self, request: Request) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def export(http: HttpRequest) -> Response:
            return await self._export(http, request)

        return export

    async def _export(self, http: HttpRequest, request: Request) -> Response:
        context, signal = self._context, SIGNALS[request]
        encoding, size_bytes = Encoding.JSON, 0
        try:
            encoding = _encoding_of(http)
            data = await read_body(http, context.inflight, context.options)
            size_bytes = len(data)
            body = OtlpBody(data, encoding, NAME, compression=http.headers.get("content-encoding", ""))
            try:
                outcome = await context.otlp.take(body, request)
            finally:
                context.inflight.remove(size_bytes)
        except AnyascopeError as error:
            context.tally.request(NAME, signal, outcome=error.code, size_bytes=size_bytes)
            return _failed(error, encoding)
        except Exception:
            log.exception("request_failed", protocol=NAME, signal=signal)
            context.tally.request(NAME, signal, outcome="internal", size_bytes=size_bytes)
            return _failed(AnyascopeError("the server failed; its log says how"), encoding)
        context.tally.request(NAME, signal, outcome="ok", size_bytes=size_bytes)
        answer = answers.success(request, rejected=outcome.rejected, message=outcome.message, encoding=encoding)
        return Response(answer, media_type=encoding.value)


def _encoding_of(http: HttpRequest) -> Encoding:
    media_type = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = _ENCODINGS.get(media_type)
    if encoding is None:
        raise UnsupportedError(f"content type {media_type!r} is not supported, use one of {', '.join(_ENCODINGS)}")
    return encoding


def _failed(error: AnyascopeError, encoding: Encoding) -> Response:
    status, code = _status_of(error)
    headers = {}
    retry_after_s = 0.0
    if isinstance(error, UnavailableError):
        retry_after_s = error.retry_after_s
        headers["retry-after"] = str(max(1, math.ceil(retry_after_s)))
    if status in (408, 413):
        # The rest of the body may still be on its way: nobody will read it.
        headers["connection"] = "close"
    body = answers.failure(code, str(error), encoding=encoding, retry_after_s=retry_after_s)
    return Response(body, status_code=status, media_type=encoding.value, headers=headers)


def _status_of(error: AnyascopeError) -> tuple[int, int]:
    """The HTTP status and `google.rpc.Code` of an error."""
    return next((answer for kind, answer in _STATUSES if isinstance(error, kind)), (500, answers.INTERNAL))


# The narrower error before the wider one.
_STATUSES: tuple[tuple[type[AnyascopeError], tuple[int, int]], ...] = (
    (TooLargeError, (413, answers.INVALID_ARGUMENT)),
    (SlowBodyError, (408, answers.INVALID_ARGUMENT)),
    (InvalidInputError, (400, answers.INVALID_ARGUMENT)),
    (UnsupportedError, (415, answers.UNIMPLEMENTED)),
    (OverloadedError, (429, answers.RESOURCE_EXHAUSTED)),
    (UnavailableError, (503, answers.UNAVAILABLE)),
)
