"""What services call back with: keys of phones, buttons of messages. Each is signed by the service, and asks no token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.bodies import body_of
from anyascope.api.problems import problem_of, problem_response, request_id_of
from anyascope.errors import AnyascopeError, InvalidInputError

FORM_BYTES_MAX: Final = 256 * 1024  # Slack sends the whole message back with its button
FIELDS_MAX: Final = 100  # Twilio sends two dozen
TWIML: Final = "text/xml"

Answer = Callable[[Request], Awaitable[Response]]


class Phones(Protocol):
    """Who understands Twilio."""

    async def voice(self, name: str, form: Mapping[str, str], *, signature: str) -> str:
        """TwiML for a key that was pressed; raises NotFoundError or DeniedError."""

    async def status(self, name: str, form: Mapping[str, str], *, signature: str) -> None:
        """Take the end of a call or a message; raises NotFoundError or DeniedError."""

    async def sms(self, form: Mapping[str, str], *, signature: str) -> str:
        """TwiML for a text message that came; raises DeniedError."""


class Buttons(Protocol):
    """Who understands Slack."""

    async def pressed(self, body: bytes, *, timestamp: str, signature: str) -> None:
        """Act on a button; raises DeniedError or InvalidInputError."""


def callback_routes(phones: Phones, buttons: Buttons) -> list[BaseRoute]:
    """Everything below `/callbacks`."""

    async def voice(request: Request) -> Response:
        form = await form_of(request)
        said = await phones.voice(request.path_params["name"], form, signature=_signature(request))
        return Response(said, media_type=TWIML)

    async def status(request: Request) -> Response:
        await phones.status(request.path_params["name"], await form_of(request), signature=_signature(request))
        return Response(status_code=204)

    async def sms(request: Request) -> Response:
        return Response(await phones.sms(await form_of(request), signature=_signature(request)), media_type=TWIML)

    async def slack(request: Request) -> Response:
        await buttons.pressed(
            await body_of(request, bytes_max=FORM_BYTES_MAX),
            timestamp=request.headers.get("x-slack-request-timestamp", ""),
            signature=request.headers.get("x-slack-signature", ""),
        )
        return Response(status_code=200)

    return [
        Route("/callbacks/twilio/voice/{name}", _told(voice), methods=["POST"]),
        Route("/callbacks/twilio/status/{name}", _told(status), methods=["POST"]),
        Route("/callbacks/twilio/sms", _told(sms), methods=["POST"]),
        Route("/callbacks/slack", _told(slack), methods=["POST"]),
    ]


async def form_of(request: Request) -> dict[str, str]:
    """The form in a body, each field once.

    Raises:
        TooLargeError: it has more than `FORM_BYTES_MAX` bytes.
        InvalidInputError: it is no form, or a field is there twice.
    """
    body = await body_of(request, bytes_max=FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as error:
        raise InvalidInputError(f"the body is no form: {error}") from error
    form = dict(pairs)
    if len(form) < len(pairs):
        raise InvalidInputError("the form has a field twice")
    return form


def _signature(request: Request) -> str:
    return request.headers.get("x-twilio-signature", "")


def _told(answer: Answer) -> Answer:
    """With our errors as problems."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except AnyascopeError as error:
            return problem_response(problem_of(error, request_id=request_id_of(request)))

    return answered
