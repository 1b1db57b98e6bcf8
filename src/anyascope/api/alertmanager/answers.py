"""Answers and errors as Alertmanager writes them: a JSON text for what it refuses, an object for what the schema refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anyascope.api.bodies import body_of
from anyascope.errors import AnyascopeError, InvalidInputError, NotFoundError, TooLargeError, UnavailableError
from anyascope.wire.alertmanager import PostableError
from anyascope.wire.go_json import go_json

log = structlog.get_logger("anyascope.api.alertmanager")

API_VERSION = "0.33.1"  # the release of Alertmanager whose API this is: amtool compares it with its own
MEDIA_TYPE = "application/json"
NO_STORE = {"cache-control": "no-store"}
PREFIX: Final = "/api/v2"

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_JSON_RANGES = frozenset(("application/json", "application/*", "*/*", ""))


def answer(body: bytes, status: int = 200) -> Response:
    """An answer of JSON that is already written; without a body, where there is nothing to say."""
    return Response(body, status, media_type=MEDIA_TYPE if body else None, headers=NO_STORE)


def refusal(message: str, status: int = 400) -> Response:
    """An error as the API's own code tells it."""
    return answer(go_json(message), status)


def schema_refusal(message: str, *, status: int, number: int) -> Response:
    """An error as the schema's checks tell it."""
    return answer(go_json({"code": number, "message": message}).rstrip(b"\n"), status)


def failure(error: AnyascopeError) -> Response:
    """What a room refused."""
    match error:
        case PostableError():
            return schema_refusal(error.message, status=error.status, number=error.number)
        case TooLargeError():
            return schema_refusal(error.message, status=413, number=413)
        case InvalidInputError():
            return refusal(error.message)
        case NotFoundError():
            return refusal(str(error), 404)
        case UnavailableError():
            response = refusal(str(error), 503)
            response.headers["Retry-After"] = str(max(round(error.retry_after_s), 1))
            return response
        case _:
            return refusal(str(error), 500)


def resource(path: str, handlers: Mapping[str, Endpoint]) -> Route:
    """The route of a resource below `/api/v2`, with a handler a method; its room's errors become Alertmanager's."""

    async def handled(request: Request) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            allowed = ",".join(handlers)
            message = f"method {request.method} is not allowed, but [{allowed}] are"
            refused = schema_refusal(message, status=405, number=405)
            refused.headers["Allow"] = allowed
            return refused
        if request.method == "GET" and not _accepts_json(request):
            message = "unsupported media type requested, only [application/json] are available"
            return schema_refusal(message, status=406, number=406)
        try:
            return await handler(request)
        except AnyascopeError as error:
            if error.code == "internal":
                log.exception("request_failed", path=request.url.path)
            return failure(error)

    return Route(f"{PREFIX}/{path}", handled, methods=_METHODS)


def nothing_else() -> Route:
    """What every other path below `/api/v2` answers."""

    async def handled(request: Request) -> Response:
        return schema_refusal(f"path {request.url.path} was not found", status=404, number=404)

    return Route(f"{PREFIX}/{{path:path}}", handled, methods=_METHODS)


async def json_body(request: Request, *, bytes_max: int, advice: str) -> bytes:
    """The body of a POST; empty where there is none.

    Raises:
        PostableError: it is of another media type than JSON.
        TooLargeError: it has more than `bytes_max` bytes.
    """
    body = await body_of(request, bytes_max=bytes_max, advice=advice)
    if not body:
        return body
    header = request.headers.get("content-type", "") or "application/octet-stream"
    media_type = header.partition(";")[0].strip().lower()
    if "/" not in media_type:
        message = f'parsing Content-Type header from "{header}" failed, because mediatype: malformed: "{media_type}" has no subtype'
        raise PostableError(message)
    if media_type != MEDIA_TYPE:
        message = f'unsupported media type "{media_type}", only [application/json] are allowed'
        raise PostableError(message, status=415, number=415)
    return body


def _accepts_json(request: Request) -> bool:
    ranges = request.headers.get("accept", "").split(",")
    return any(one.partition(";")[0].strip().lower() in _JSON_RANGES for one in ranges)
