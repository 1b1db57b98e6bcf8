"""`silences` and `silence/{id}`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from anyascope.api.alertmanager.answers import answer, json_body, resource
from anyascope.api.alertmanager.filters import flag, matchers
from anyascope.errors import NotFoundError
from anyascope.model.labels import Matcher
from anyascope.model.silences import Recurrence, Silence, SilenceState, SilenceStatus
from anyascope.wire.alertmanager import CODE_TYPE, PostableError
from anyascope.wire.go_json import go_json
from anyascope.wire.silences import decode_silence, encode_silence, encode_silences

BODY_BYTES_MAX = 1024 * 1024  # a silence of the largest size that is kept, with every sign escaped


class SilenceBook(Protocol):
    """Who keeps the silences."""

    def list(self) -> Sequence[SilenceStatus]:
        """All of them, in Alertmanager's order."""

    def get(self, silence_id: str) -> SilenceStatus:
        """One; raises `NotFoundError`."""

    async def put(self, silence: Silence) -> Silence:
        """Store a new one, or a change; raises `InvalidInputError`, `NotFoundError`."""

    async def expire(self, silence_id: str, *, by: str = "") -> Silence:
        """End one now; raises `NotFoundError`."""


class TextCleaner(Protocol):
    """Who takes secrets out of what arrives."""

    def text(self, text: str) -> str:
        """The text without secrets."""


def silences_routes(book: SilenceBook, cleaner: TextCleaner) -> list[BaseRoute]:
    """`silences` and `silence/{id}`."""
    silences = _Silences(book, cleaner)
    return [
        resource("silences", {"GET": silences.list, "POST": silences.post}),
        resource("silence/{id}", {"DELETE": silences.delete, "GET": silences.get}),
    ]


class _Silences:
    def __init__(self, book: SilenceBook, cleaner: TextCleaner) -> None:
        self._book = book
        self._cleaner = cleaner

    async def post(self, request: Request) -> Response:
        """A new silence, or the change of one: the answer says under which id."""
        body = await json_body(request, bytes_max=BODY_BYTES_MAX, advice="name fewer things in a silence")
        silence = decode_silence(body)
        silence = replace(silence, comment=self._cleaner.text(silence.comment))
        if silence.id:
            # This API knows nothing of windows; who changes a silence through it leaves them alone.
            silence = replace(silence, recurrence=self._recurrence_of(silence.id))
        stored = await self._book.put(silence)
        return answer(go_json({"silenceID": stored.id}))

    async def list(self, request: Request) -> Response:
        """Silences of the states and with the matchers that are asked for."""
        params = request.query_params
        wanted = frozenset(matchers(params, "filter"))
        states = frozenset(state for state in SilenceState if flag(params, state.value))
        found = [one for one in self._book.list() if one.state in states and _has(one.silence.matchers, wanted)]
        return answer(encode_silences(found))

    async def get(self, request: Request) -> Response:
        """One silence."""
        try:
            return answer(encode_silence(self._book.get(_id_of(request))))
        except NotFoundError:
            return answer(b"", 404)

    async def delete(self, request: Request) -> Response:
        """End it now."""
        try:
            await self._book.expire(_id_of(request))
        except NotFoundError:
            return answer(b"", 404)
        return answer(b"")

    def _recurrence_of(self, silence_id: str) -> Recurrence | None:
        try:
            return self._book.get(silence_id).silence.recurrence
        except NotFoundError:
            return None  # told by `put`, after what is wrong with the silence itself


def _has(held: Sequence[Matcher], wanted: frozenset[Matcher]) -> bool:
    """Whether each of the wanted matchers is one of the silence's own, word for word."""
    return wanted <= frozenset(held)


def _id_of(request: Request) -> str:
    text = str(request.path_params["id"])
    try:
        uuid.UUID(text)
    except ValueError:
        message = f'silenceID in path must be of type uuid: "{text}"'
        raise PostableError(message, status=422, number=CODE_TYPE) from None
    return text
