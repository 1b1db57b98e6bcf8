"""Alerts in and out: where Prometheus, amtool and the SDK leave theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.alerting.intake import fault_of
from anyascope.alerting.matchers import LabelTest, compile_matchers, compile_whole, parse_matcher
from anyascope.api.alertmanager.answers import answer, endpoint, refusal, schema_refusal
from anyascope.api.bodies import body_of
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import Alert
from anyascope.model.labels import Labels
from anyascope.model.notifications import AlertStatus
from anyascope.ports import AlertDesk, AlertSink
from anyascope.wire.alertmanager import ALERTS_PATH, decode_postable, encode_gettable

BODY_BYTES_MAX = 8 * 1024 * 1024  # Prometheus sends 256 alerts at once, of a few kB each at the most
FILTERS_MAX = 100  # a person writes a handful
_TRUE: Final = frozenset(("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"))  # go-openapi's


class AlertBoard(AlertSink, AlertDesk, Protocol):
    """Who takes alerts and knows them."""


class Cleaner(Protocol):
    """Who takes secrets out of what arrives."""

    def text(self, text: str) -> str:
        """The text without secrets."""

    def labels(self, sets: Sequence[Labels]) -> dict[int, Labels]:
        """Position -> clean label set, only of those that held a secret."""


def alerts_routes(board: AlertBoard, cleaner: Cleaner) -> list[BaseRoute]:
    """GET and POST of `/api/v2/alerts`."""
    resource = _Alerts(board, cleaner)
    return [
        Route(ALERTS_PATH, endpoint(resource.get), methods=["GET"]),
        Route(ALERTS_PATH, endpoint(resource.post), methods=["POST"]),
    ]


class _Alerts:
    def __init__(self, board: AlertBoard, cleaner: Cleaner) -> None:
        self._board = board
        self._cleaner = cleaner

    async def post(self, request: Request) -> Response:
        """Take the alerts over. 200 means that they are stored; of a 400 the sound ones are stored all the same."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            message = f'unsupported media type "{media_type}", only [application/json] are allowed'
            return schema_refusal(message, status=415, number=415)
        alerts = decode_postable(await body_of(request, bytes_max=BODY_BYTES_MAX, advice="send fewer alerts at a time"))
        faults = [fault_of(alert) for alert in alerts]
        sound = [alert for alert, fault in zip(alerts, faults, strict=True) if not fault]
        await self._board.receive(self._clean(sound))
        told = [fault for fault in faults if fault]
        return refusal("\n".join(told)) if told else answer(b"")

    async def get(self, request: Request) -> Response:
        """Alerts that fire, by fingerprint."""
        wanted = _wanted(request.query_params)
        found = sorted((alert for alert in self._board.alerts() if wanted.takes(alert)), key=lambda alert: alert.id)
        return answer(encode_gettable(found))

    def _clean(self, alerts: Sequence[Alert]) -> list[Alert]:
        clean = self._cleaner.labels([alert.labels for alert in alerts])
        said = self._cleaner.labels([tuple(alert.annotations.items()) for alert in alerts])
        return [
            replace(
                alert,
                labels=clean.get(row, alert.labels),
                annotations=dict(said[row]) if row in said else alert.annotations,
                generator_url=self._cleaner.text(alert.generator_url),
            )
            for row, alert in enumerate(alerts)
        ]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which alerts a GET asks for."""

    active: bool
    silenced: bool
    inhibited: bool
    labels: LabelTest
    is_receiver: Callable[[str], bool]

    def takes(self, alert: AlertStatus) -> bool:
        """Whether it is one of them."""
        is_active = not (alert.silenced_by or alert.inhibited_by or alert.muted_by)
        return (
            alert.is_firing
            and (self.active or not is_active)
            and (self.silenced or not alert.silenced_by)
            and (self.inhibited or not alert.inhibited_by)
            and any(map(self.is_receiver, alert.receivers))
            and self.labels(dict(alert.labels))
        )


def _wanted(params: QueryParams) -> _Wanted:
    return _Wanted(
        active=_flag(params, "active"),
        silenced=_flag(params, "silenced"),
        inhibited=_flag(params, "inhibited"),
        labels=_matchers(params, "filter"),
        is_receiver=_receiver_test(params),
    )


def _flag(params: QueryParams, name: str) -> bool:
    text = params.get(name, "")
    return text.lower() in _TRUE if text else True


def _matchers(params: QueryParams, name: str) -> LabelTest:
    texts = params.getlist(name)
    if len(texts) > FILTERS_MAX:
        raise InvalidInputError(f"{name} is given {len(texts)} times, at most {FILTERS_MAX} are read")
    return compile_matchers([parse_matcher(text) for text in texts])


def _receiver_test(params: QueryParams) -> Callable[[str], bool]:
    """Whether a receiver is asked for, by a regular expression of its name and by matchers; its name is its one label."""
    try:
        labels = _matchers(params, "receiver_matchers")
    except InvalidInputError as error:
        raise InvalidInputError(f"failed to parse receiver_matchers param: {error.message}") from error
    text = params.get("receiver", "")
    try:
        is_named = compile_whole(text) if text else lambda _name: True
    except InvalidInputError as error:
        raise InvalidInputError(f"failed to parse receiver param: {error.message}") from error
    return lambda name: labels({"name": name}) and is_named(name)
