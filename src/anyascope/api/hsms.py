"""Watched HSMs out, and what they are accepted as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import json_response
from anyascope.api.params import BY_CHARS_MAX, NAME_CHARS_MAX, answers
from anyascope.api.render import time_or_none
from anyascope.errors import InvalidInputError
from anyascope.model.hsm import WatchedHsm
from anyascope.wire.own_hsms import HsmsView, HsmView
from anyascope.wire.own_responses import ByBody


class HsmDesk(Protocol):
    """Who watches HSMs."""

    def hsms(self) -> Sequence[WatchedHsm]:
        """All of them, in the order of the settings; quick, never raises."""

    async def accept_hsm(self, name: str, *, by: str) -> WatchedHsm:
        """Take what its token is now for what it should be.

        Raises:
            NotFoundError: there is no such HSM.
            ConflictError: its token is not there, or was not looked at yet.
            UnavailableError: it cannot be kept now.
        """


def hsms_router(desk: HsmDesk) -> APIRouter:
    """The routes below `/hsms`."""
    router = APIRouter(tags=["hsm"])

    @router.get(
        "/hsms",
        operation_id="listHsms",
        summary="Each watched HSM: its health, its token, and what is another than it was accepted",
        response_model=HsmsView,
        responses=answers(problems=()),
    )
    async def list_hsms() -> Response:
        """As the last look found them."""
        return json_response(HsmsView(hsms=[_view(one) for one in desk.hsms()]))

    @router.post(
        "/hsms/{name}/accept",
        operation_id="acceptHsm",
        summary="Take what an HSM's token is now for what it should be: mechanisms, firmware, keys",
        response_model=HsmView,
        responses=answers(problems=(400, 404, 409)),
        openapi_extra=described_body(ByBody),
    )
    async def accept_hsm(
        name: Annotated[str, Path(min_length=1, max_length=NAME_CHARS_MAX)], request: Request
    ) -> Response:
        """Who did it stands in the event `hsm.state_accepted`. What is said to have changed is so until the next look."""
        asked = await document_of(request, ByBody)
        if not asked.by.strip() or len(asked.by) > BY_CHARS_MAX:
            raise InvalidInputError(f"says who wants it, 1 to {BY_CHARS_MAX} characters", path="by")
        return json_response(_view(await desk.accept_hsm(name, by=asked.by.strip())))

    return router


def _view(hsm: WatchedHsm) -> HsmView:
    return HsmView(
        name=hsm.name,
        provider=hsm.provider,
        status=hsm.status,
        message=hsm.message,
        advice=hsm.advice,
        since=time_or_none(hsm.since_ns),
        token=hsm.token,
        serial=hsm.serial,
        firmware=hsm.firmware,
        accepted_at=time_or_none(hsm.accepted_ns),
        changes=list(hsm.changes),
    )
