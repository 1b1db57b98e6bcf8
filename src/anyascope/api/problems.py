"""The single table from errors to HTTP answers, as `application/problem+json`.

Source: RFC 9457.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from anyascope.errors import (
    AnyascopeError,
    ConflictError,
    DeniedError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S_MIN = 1  # the header counts whole seconds, and 0 would ask for a storm

# The first that fits counts: subclasses stand before their bases.
_STATUSES: Final[Sequence[tuple[type[AnyascopeError], int]]] = (
    (TooLargeError, 413),
    (InvalidInputError, 400),
    (NotFoundError, 404),
    (ConflictError, 409),
    (DeniedError, 403),
    (LimitExceededError, 422),
    (UnsupportedError, 501),
    (UnavailableError, 503),
)
_CODES: Final[Mapping[int, str]] = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}

log = structlog.get_logger("anyascope.api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, for programs and for people.

    Attributes:
        title: the status in words.
        status: HTTP's.
        detail: what was found and what was wanted.
        code: stable; what a program looks at.
        path: which parameter or field; left out where there is none.
        column: where in a query, in characters from 1; left out where that is not the matter.
        retry_after_s: send it again after so many seconds; left out where that would not help.
        request_id: what the server's own log calls this request.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    path: str | None = None
    column: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None


def status_of(error: AnyascopeError) -> int:
    """The HTTP status of an error; 500 for one that is none of the six kinds."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def problem_of(error: AnyascopeError, *, request_id: str = "") -> Problem:
    """The problem that an error is."""
    status = status_of(error)
    invalid = error if isinstance(error, InvalidInputError) else None
    column = getattr(error, "column", None)
    return Problem(
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=invalid.message if invalid else str(error) or error.code,
        code=error.code,
        path=(invalid.path or None) if invalid else None,
        column=column if isinstance(column, int) else None,
        retry_after_s=error.retry_after_s if isinstance(error, UnavailableError) else None,
        request_id=request_id or None,
    )


def plain_problem(status: int, detail: str, *, code: str = "", request_id: str = "") -> Problem:
    """A problem that is no error of a room's, such as a path that leads nowhere."""
    phrase = http.HTTPStatus(status).phrase
    return Problem(
        title=phrase,
        status=status,
        detail=detail,
        code=code or _CODES.get(status, phrase.lower().replace(" ", "_")),
        request_id=request_id or None,
    )


def fault(*, request_id: str) -> Problem:
    """The problem that a fault of ours is; what it was stands in the log only."""
    return plain_problem(
        500, "the server failed at this request; its log says why", code="internal", request_id=request_id
    )


def problem_response(problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells it. Fields that say nothing are left out."""
    told = {name: value for name in Problem.__slots__ if (value := getattr(problem, name)) is not None}
    more = dict(headers or {})
    if problem.retry_after_s is not None:
        more["retry-after"] = str(max(RETRY_AFTER_S_MIN, round(problem.retry_after_s)))
    return Response(msgspec.json.encode(told), status_code=problem.status, media_type=MEDIA_TYPE, headers=more)


def install_problems(app: FastAPI) -> None:
    """Let this application answer every error with a problem."""
    app.add_exception_handler(AnyascopeError, _tell_error)
    app.add_exception_handler(RequestValidationError, _tell_validation)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(Exception, _tell_fault)


def request_id_of(request: Request) -> str:
    """The id that the outermost middleware gave this request; empty without that middleware."""
    found = request.scope.get("anyascope.request_id", "")
    return found if isinstance(found, str) else ""


async def _tell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyascopeError)
    problem = problem_of(error, request_id=request_id_of(request))
    if problem.status == 500:
        log.error("request_failed", path=request.url.path, request_id=problem.request_id, exc_info=error)
    return problem_response(problem)


async def _tell_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in ("query", "path", "body", "header")]
    detail = f"{first['msg'][:1].lower()}{first['msg'][1:]}, got {str(first.get('input'))[:80]!r}"
    invalid = InvalidInputError(detail, path=".".join(where))
    return problem_response(problem_of(invalid, request_id=request_id_of(request)))


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "there is nothing at this path" if error.status_code == 404 else str(error.detail)
    problem = plain_problem(error.status_code, detail, request_id=request_id_of(request))
    return problem_response(problem, headers=error.headers)


async def _tell_fault(request: Request, _error: Exception) -> Response:
    # The framework raises it again after the answer, and the outermost middleware logs it.
    return problem_response(fault(request_id=request_id_of(request)))
