"""The tree of routes out, and where an alert would go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anyascope.alerting.routing_shown import routes_for, routing_view
from anyascope.alerting.settings import AlertingOptions
from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.model.escalation import EscalationOptions
from anyascope.wire.own_api import RoutingTest, RoutingTestView, RoutingView


@dataclass(frozen=True, slots=True)
class RoutingParts:
    """Who is told, and who is called."""

    alerting: AlertingOptions = field(default_factory=AlertingOptions)
    escalation: EscalationOptions = field(default_factory=EscalationOptions)


def routing_router(in_force: Callable[[], RoutingParts]) -> APIRouter:
    """The routes `/routing` and `/routing/test`."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/routing",
        operation_id="getRouting",
        summary="The tree of routes, and the receivers",
        response_model=RoutingView,
        responses=answers(),
    )
    async def get_routing() -> Response:
        """Everything inherited is written out."""
        return json_response(routing_view(in_force().alerting))

    @router.post(
        "/routing/test",
        operation_id="testRouting",
        summary="Where an alert with these labels would go",
        response_model=RoutingTestView,
        responses=answers(),
        openapi_extra=described_body(RoutingTest),
    )
    async def test_routing(request: Request) -> Response:
        """The routes in the order in which they are tried; nothing is sent."""
        asked = await document_of(request, RoutingTest)
        parts = in_force()
        return json_response(routes_for(parts.alerting, asked.labels, parts.escalation))

    return router
