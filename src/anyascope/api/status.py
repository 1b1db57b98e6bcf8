"""Status and health out."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.api.render import health_view
from anyascope.health.components import HealthReport
from anyascope.wire.own_api import HealthView, StatusView


class StatusSource(Protocol):
    """Who knows what is running."""

    async def status(self) -> StatusView:
        """How things stand now."""


class HealthBoard(Protocol):
    """Who sums health up."""

    def report(self) -> HealthReport:
        """How everything is now; quick, never raises."""


def status_router(source: StatusSource, board: HealthBoard) -> APIRouter:
    """The routes `/status` and `/health`."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/status",
        operation_id="getStatus",
        summary="What is running, what it takes, what is wrong",
        response_model=StatusView,
        responses=answers(problems=()),
    )
    async def get_status() -> Response:
        """What `anyascope doctor` shows."""
        return json_response(await source.status())

    @router.get(
        "/health",
        operation_id="getHealth",
        summary="Health of every component",
        response_model=HealthView,
        responses=answers(problems=()),
    )
    async def get_health() -> Response:
        """The worst first. The whole is as its worst part."""
        return json_response(health_view(board.report()))

    return router
