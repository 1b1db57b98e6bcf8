"""Test messages to receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Path
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.notify.trial import Trial
from anyascope.wire.own_api import TrialsView, TrialView

NAME_CHARS_MAX = 1_000  # a receiver's name is a line


class ReceiverTrials(Protocol):
    """Who tries receivers."""

    async def try_receiver(self, name: str) -> Sequence[Trial]:
        """Send a test message through each channel of a receiver.

        Raises:
            NotFoundError: there is no such receiver.
        """


def receivers_router(trials: ReceiverTrials) -> APIRouter:
    """The route `/receivers/{name}/test`."""
    router = APIRouter(tags=["alerts"])

    @router.post(
        "/receivers/{name}/test",
        operation_id="testReceiver",
        summary="Send a real test message through each channel of a receiver",
        response_model=TrialsView,
        responses=answers(problems=(400, 404)),
    )
    async def test_receiver(name: Annotated[str, Path(min_length=1, max_length=NAME_CHARS_MAX)]) -> Response:
        """What the far ends answered. An incident that the test opens is closed again where ends are told."""
        return json_response(trials_view(name, await trials.try_receiver(name)))

    return router


def trials_view(receiver: str, trials: Sequence[Trial]) -> TrialsView:
    """What became of each."""
    channels = [
        TrialView(key=one.key, kind=one.kind, outcome=one.outcome.value, answers=list(one.answers)) for one in trials
    ]
    return TrialsView(receiver=receiver, channels=channels)
