"""How the channels are, and dead letters sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import json_response
from anyascope.api.params import BY_CHARS_MAX, answers
from anyascope.api.render import channel_view, notification_view
from anyascope.errors import InvalidInputError
from anyascope.model.notifications import ChannelReport, JournalEntry
from anyascope.wire.own_api import ChannelsView, NotificationView, ReplayRequest

ID_CHARS_MAX = 64  # ours have 32


class Deliveries(Protocol):
    """Who sends."""

    def channels(self) -> Sequence[ChannelReport]:
        """Every integration, by key."""

    async def replay(self, identity: str, *, by: str) -> JournalEntry:
        """Send a dead letter again.

        Raises:
            NotFoundError: the journal has no such notification.
            ConflictError: it did not fail, was told by another, or is no longer held whole.
            UnavailableError: the store cannot be used now.
        """


def deliveries_router(deliveries: Deliveries) -> APIRouter:
    """The routes `/channels` and `/notifications/{id}/replay`."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/channels",
        operation_id="listChannels",
        summary="Each receiver's channels: how they are, what waits, what failed",
        response_model=ChannelsView,
        responses=answers(),
    )
    async def list_channels() -> Response:
        """By key. `open` is a channel that is down: it gets one probe at a time until one goes well."""
        return json_response(ChannelsView(channels=[channel_view(one) for one in deliveries.channels()]))

    @router.post(
        "/notifications/{id}/replay",
        operation_id="replayNotification",
        summary="Send a notification again that has failed",
        response_model=NotificationView,
        responses=answers(problems=(400, 404, 409)),
        openapi_extra=described_body(ReplayRequest),
    )
    async def replay(identity: Annotated[str, Path(alias="id", max_length=ID_CHARS_MAX)], request: Request) -> Response:
        """Under its old id, with its full time to be tried again. What did not fail is a conflict."""
        asked = await document_of(request, ReplayRequest)
        if not asked.by.strip() or len(asked.by) > BY_CHARS_MAX:
            raise InvalidInputError(f"says who wants it, 1 to {BY_CHARS_MAX} characters", path="by")
        return json_response(notification_view(await deliveries.replay(identity, by=asked.by.strip())))

    return router
