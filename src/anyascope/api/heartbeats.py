"""Heartbeats in: whoever calls here in time is well."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.encode import json_response
from anyascope.api.middleware import TokenCheck
from anyascope.api.problems import problem_of, problem_response, request_id_of
from anyascope.api.render import time_or_none
from anyascope.errors import AnyascopeError


class HeartbeatSink(Protocol):
    """Who waits for heartbeats."""

    async def beat(self, name: str, *, key: str, is_trusted: bool) -> int:
        """When the next call must have come; raises NotFoundError, DeniedError or UnavailableError."""


def heartbeat_routes(sink: HeartbeatSink, tokens: TokenCheck | None) -> list[BaseRoute]:
    """The route `/heartbeats/{name}`.

    Args:
        sink: takes the calls.
        tokens: who knows the server's tokens, which open a heartbeat that has no key; None where there are none.
    """

    async def beat(request: Request) -> Response:
        given = request.headers.get("authorization", "").partition(" ")[2].strip()
        is_trusted = tokens is None or (bool(given) and tokens.accepts(given))
        name = request.path_params["name"]
        try:
            next_ns = await sink.beat(name, key=request.query_params.get("key", given), is_trusted=is_trusted)
        except AnyascopeError as error:
            return problem_response(problem_of(error, request_id=request_id_of(request)))
        return json_response({"name": name, "next_by": time_or_none(next_ns)})

    return [Route("/heartbeats/{name}", beat, methods=["GET", "POST"])]
