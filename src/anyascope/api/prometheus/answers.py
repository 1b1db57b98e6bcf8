"""The envelope of every answer, and which error is which of Prometheus' types."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, TypeAlias

import msgspec
import structlog
from prometheus_client.exposition import gzip_accepted
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anyascope.api.connected import while_connected
from anyascope.api.middleware import STATUS_GONE
from anyascope.api.prometheus.forms import Form, form_of
from anyascope.errors import (
    AnyascopeError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.promql.asking import Origin, asked_by
from anyascope.promql.errors import QueryCancelledError, QueryError, QueryTimeoutError

log = structlog.get_logger("anyascope.api.prometheus")

ERROR_TYPES: Sequence[tuple[type[AnyascopeError], int, str]] = (
    (QueryTimeoutError, 503, "timeout"),
    (QueryCancelledError, STATUS_GONE, "canceled"),
    (QueryError, 422, "execution"),
    (LimitExceededError, 422, "execution"),
    (UnsupportedError, 422, "execution"),
    (InvalidInputError, 400, "bad_data"),
    (NotFoundError, 404, "not_found"),
    (UnavailableError, 503, "unavailable"),
)
GZIP_BYTES_MIN = 1_024  # below, the answer fits one packet either way
GZIP_WBITS = 31  # zlib's word for the largest window in gzip's frame
GZIP_INLINE_BYTES_MAX = 65_536  # under a millisecond; more is compressed beside the event loop
GZIP_LEVEL = 1  # answers shrink tenfold at any level; the lowest costs a third of the default
TRUNCATED = "results truncated due to limit"

Handler: TypeAlias = Callable[[Form], Coroutine[Any, Any, Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def json_response(body: bytes, status: int = 200) -> Response:
    """An answer of JSON that is already written."""
    return Response(body, status, media_type="application/json")


def success(data: Any, *, warnings: Sequence[str] = ()) -> Response:
    """Data in the envelope of success."""
    answer: dict[str, Any] = {"status": "success", "data": data}
    if warnings:
        answer["warnings"] = warnings
    return json_response(msgspec.json.encode(answer))


def status_of(error: AnyascopeError) -> int:
    """The HTTP status of an error."""
    return _kind_of(error)[0]


def _kind_of(error: AnyascopeError) -> tuple[int, str]:
    return next(((status, kind) for type_, status, kind in ERROR_TYPES if isinstance(error, type_)), (500, "internal"))


def failure(error: AnyascopeError) -> Response:
    """An error in the envelope of failure."""
    status, kind = _kind_of(error)
    body = msgspec.json.encode({"status": "error", "errorType": kind, "error": str(error)})
    response = json_response(body, status)
    if isinstance(error, UnavailableError):
        response.headers["Retry-After"] = str(max(round(error.retry_after_s), 1))
    return response


def disabled(message: str) -> Response:
    """What is turned off; upstream answers it with 500."""
    return json_response(msgspec.json.encode({"status": "error", "errorType": "unavailable", "error": message}), 500)


def endpoint(handler: Handler) -> Endpoint:
    """A handler of a form as an endpoint: what a room refuses becomes Prometheus' error."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            form = await form_of(request)
            with asked_by(_origin_of(request)):
                response = await while_connected(request.receive, handler(form))
        except AnyascopeError as error:
            if error.code == "internal":
                log.exception("request_failed", path=request.url.path)
            response = failure(error)
        return await compressed(response, request)

    return answer


def _origin_of(request: Request) -> Origin:
    """Who asks, as the query log has it."""
    client = request.client.host if request.client is not None else ""
    return {"httpRequest": {"clientIP": client, "method": request.method, "path": request.url.path}}


async def compressed(response: Response, request: Request) -> Response:
    """The answer in gzip where the client takes that and it is worth it."""
    if isinstance(response, StreamingResponse):
        if gzip_accepted(request.headers.get("accept-encoding", "")):
            response.body_iterator = _gzipped(response.body_iterator)
            response.headers["content-encoding"] = "gzip"
            response.headers.append("vary", "Accept-Encoding")
        return response
    body = bytes(response.body)
    if len(body) < GZIP_BYTES_MIN or not gzip_accepted(request.headers.get("accept-encoding", "")):
        return response
    if len(body) > GZIP_INLINE_BYTES_MAX:
        body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
    else:
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
    response.body = body
    response.headers["content-length"] = str(len(body))
    response.headers["content-encoding"] = "gzip"
    response.headers.append("vary", "Accept-Encoding")
    return response


async def _gzipped(pieces: AsyncIterable[str | bytes | memoryview]) -> AsyncIterator[bytes]:
    """The pieces in gzip, each pressed beside the event loop."""
    press = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WBITS)
    async for piece in pieces:
        assert isinstance(piece, bytes)
        yield await asyncio.to_thread(press.compress, piece)
    yield press.flush()


def parameter_error(name: str, error: InvalidInputError) -> InvalidInputError:
    """The error of one parameter, as Prometheus words it."""
    return InvalidInputError(f'invalid parameter "{name}": {error.message}')
