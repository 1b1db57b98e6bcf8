"""Parameters that several resources take."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Query

from anyascope.api.problems import MEDIA_TYPE, Problem
from anyascope.explore.syntax import QUERY_CHARS_MAX
from anyascope.explore.times import TEXT_CHARS_MAX

BY_CHARS_MAX = 200  # a person's name or address
NAME_CHARS_MAX = 1_024  # of a service, operation, field or receiver; OpenTelemetry's SDKs cut attribute names far below
CURSOR_CHARS_MAX = 512  # ours have under 100

StartParam: TypeAlias = Annotated[
    str,
    Query(
        max_length=TEXT_CHARS_MAX,
        description="From when: RFC 3339, Unix seconds, milliseconds or nanoseconds, or `-1h`. Inclusive.",
        examples=["-1h", "2026-11-23T22:00:00Z"],
    ),
]
EndParam: TypeAlias = Annotated[
    str, Query(max_length=TEXT_CHARS_MAX, description="Until when, as `start`. Exclusive.", examples=["now"])
]
LogQueryParam: TypeAlias = Annotated[
    str,
    Query(
        max_length=QUERY_CHARS_MAX,
        description="In the log search language; empty is everything.",
        examples=['severity:>=warn service:custody "signing failed"'],
    ),
]
CursorParam: TypeAlias = Annotated[
    str, Query(max_length=CURSOR_CHARS_MAX, description="The `cursor` of the page before this one.")
]


def answers(*, problems: tuple[int, ...] = (400,)) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer, for its description."""
    described: dict[int | str, dict[str, Any]] = {}
    reasons = {
        400: "A parameter is wrong.",
        404: "There is no such thing.",
        409: "It stands otherwise.",
        503: "Not now; try again.",
    }
    for status in (*problems, 503):
        described[status] = {"description": reasons[status], "content": {MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}}
    return described


_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        name: {"type": kind}
        for name, kind in (
            ("type", "string"),
            ("title", "string"),
            ("status", "integer"),
            ("detail", "string"),
            ("code", "string"),
            ("path", "string"),
            ("column", "integer"),
            ("retry_after_s", "number"),
            ("request_id", "string"),
        )
    },
    "description": Problem.__doc__,
}
