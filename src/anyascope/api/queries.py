"""The queries that are evaluated now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.clock import MS_PER_S, NS_PER_MS, NS_PER_S, Clock
from anyascope.explore.times import format_time
from anyascope.promql.asking import Asked
from anyascope.wire.own_api import QueriesView, QueryView

RunningQueries = Callable[[], Sequence[Asked]]


def queries_router(running: RunningQueries, *, clock: Clock) -> APIRouter:
    """The route `/queries`."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/queries",
        operation_id="listQueries",
        summary="The PromQL queries that wait or run now",
        response_model=QueriesView,
        responses=answers(),
    )
    async def list_queries() -> Response:
        """The oldest first, with who asked. A client that goes away stops its query."""
        now_ns = clock.now_ns()
        return json_response(QueriesView(queries=[_view(asked, now_ns) for asked in running()]))

    return router


def _view(asked: Asked, now_ns: int) -> QueryView:
    group = asked.origin.get("ruleGroup")
    return QueryView(
        query=asked.text,
        asked=_time(asked.asked_ns),
        running_s=(now_ns - asked.asked_ns) / NS_PER_S,
        start=_time(asked.start_ms * NS_PER_MS),
        end=_time(asked.end_ms * NS_PER_MS),
        step_s=asked.step_ms / MS_PER_S,
        client=asked.origin.get("httpRequest", {}).get("clientIP"),
        rule_group=f"{group['file']};{group['name']}" if group is not None else None,
    )


def _time(time_ns: int) -> str:
    try:
        return format_time(time_ns)
    except (ValueError, OverflowError):  # PromQL counts further than any calendar
        return str(time_ns)
