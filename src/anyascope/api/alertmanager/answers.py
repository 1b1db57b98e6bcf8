"""Answers and errors as Alertmanager writes them: a JSON text for what it refuses, an object for what the schema refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import Response

from anyascope.errors import AnyascopeError, InvalidInputError, TooLargeError, UnavailableError
from anyascope.wire.alertmanager import PostableError
from anyascope.wire.go_json import go_json

log = structlog.get_logger("anyascope.api.alertmanager")

MEDIA_TYPE = "application/json"
NO_STORE = {"cache-control": "no-store"}

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


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
        case UnavailableError():
            response = refusal(str(error), 503)
            response.headers["Retry-After"] = str(max(round(error.retry_after_s), 1))
            return response
        case _:
            return refusal(str(error), 500)


def endpoint(handler: Endpoint) -> Endpoint:
    """A handler whose room's errors become Alertmanager's."""

    @wraps(handler)
    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except AnyascopeError as error:
            if error.code == "internal":
                log.exception("request_failed", path=request.url.path)
            return failure(error)

    return handled
