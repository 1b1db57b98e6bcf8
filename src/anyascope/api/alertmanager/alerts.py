"""Alerts in and out: where Prometheus, amtool and the SDK leave theirs, and how they are grouped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cmp_to_key
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from anyascope.alerting.intake import fault_of
from anyascope.api.alertmanager.answers import answer, json_body, refusal, resource
from anyascope.api.alertmanager.filters import Receivers, alert_filter, flag, receiver_test
from anyascope.model.alerts import Alert
from anyascope.model.labels import Labels
from anyascope.model.notifications import AlertGroupStatus, AlertStatus
from anyascope.ports import AlertDesk, AlertSink
from anyascope.wire.alertmanager import decode_postable, encode_gettable, encode_groups

BODY_BYTES_MAX = 8 * 1024 * 1024  # Prometheus sends 256 alerts at once, of a few kB each at the most


class AlertBoard(AlertSink, AlertDesk, Protocol):
    """Who takes alerts, and knows them and their groups."""

    def groups(self) -> Sequence[AlertGroupStatus]:
        """Which alerts are told together, to whom."""


class Cleaner(Protocol):
    """Who takes secrets out of what arrives."""

    def text(self, text: str) -> str:
        """The text without secrets."""

    def labels(self, sets: Sequence[Labels]) -> dict[int, Labels]:
        """Position -> clean label set, only of those that held a secret."""


def alerts_routes(
    board: AlertBoard, cleaner: Cleaner, registry: CollectorRegistry, receivers: Callable[[], Receivers]
) -> list[BaseRoute]:
    """`alerts` and `alerts/groups`."""
    alerts = _Alerts(board, cleaner, registry, receivers)
    return [
        resource("alerts", {"GET": alerts.get, "POST": alerts.post}),
        resource("alerts/groups", {"GET": alerts.groups}),
    ]


class _Alerts:
    def __init__(
        self, board: AlertBoard, cleaner: Cleaner, registry: CollectorRegistry, receivers: Callable[[], Receivers]
    ) -> None:
        self._receivers = receivers
        self._board = board
        self._cleaner = cleaner
        self._invalid = Counter("anyascope_alerts_invalid", "Posted alerts that are none.", registry=registry)

    async def post(self, request: Request) -> Response:
        """Take the alerts over. 200 means that they are stored; of a 400 the sound ones are stored all the same."""
        body = await json_body(request, bytes_max=BODY_BYTES_MAX, advice="send fewer alerts at a time")
        alerts = decode_postable(body)
        faults = [fault_of(alert) for alert in alerts]
        sound = [alert for alert, fault in zip(alerts, faults, strict=True) if not fault]
        await self._board.receive(self._clean(sound))
        told = [fault for fault in faults if fault]
        self._invalid.inc(len(told))
        return refusal("\n".join(told)) if told else answer(b"")

    async def get(self, request: Request) -> Response:
        """Alerts that fire, by fingerprint. What mutes a route alone is told by its groups."""
        params = request.query_params
        wanted, is_receiver = alert_filter(params), receiver_test(params, self._receivers())
        found = [
            replace(alert, muted_by=())
            for alert in self._board.alerts()
            if wanted.takes(alert) and any(map(is_receiver, alert.receivers))
        ]
        return answer(encode_gettable(sorted(found, key=lambda alert: alert.id)))

    async def groups(self, request: Request) -> Response:
        """Groups with the alerts that are asked for, by labels; those without any are left out."""
        params = request.query_params
        wanted, is_receiver, shows_muted = (
            alert_filter(params),
            receiver_test(params, self._receivers()),
            flag(params, "muted"),
        )
        found: list[AlertGroupStatus] = []
        receivers: dict[str, list[str]] = defaultdict(list)
        for group in self._board.groups():
            if not is_receiver(group.receiver):
                continue
            alerts = tuple(alert for alert in group.alerts if wanted.takes(alert))
            for alert in alerts:
                receivers[alert.id].append(group.receiver)
            if alerts and (shows_muted or not alerts[0].muted_by):
                found.append(replace(group, alerts=alerts))
        shown = [
            replace(
                group,
                alerts=tuple(
                    replace(alert, receivers=tuple(sorted(receivers[alert.id])))
                    for alert in sorted(group.alerts, key=_alert_place)
                ),
            )
            for group in sorted(found, key=lambda group: (_label_place(group.labels), group.receiver))
        ]
        return answer(encode_groups(shown))

    def _clean(self, alerts: Sequence[Alert]) -> list[Alert]:
        clean = self._cleaner.labels([alert.labels for alert in alerts])
        said = self._cleaner.labels([tuple(alert.annotations.items()) for alert in alerts])
        urls = {url: self._cleaner.text(url) for url in {alert.generator_url for alert in alerts}}
        return [
            replace(
                alert,
                labels=clean.get(row, alert.labels),
                annotations=dict(said[row]) if row in said else alert.annotations,
                generator_url=urls[alert.generator_url],
            )
            if row in clean or row in said or urls[alert.generator_url] != alert.generator_url
            else alert
            for row, alert in enumerate(alerts)
        ]


def _alert_place(alert: AlertStatus) -> tuple[object, ...]:
    """By job and instance, those without one last, then by labels."""
    labels = dict(alert.labels)
    job, instance = (labels.get(name, "") for name in ("job", "instance"))
    return not job, job, not instance, instance, _label_place(alert.labels)


def _before(one: Labels, other: Labels) -> int:
    """Below 0 where the first of two label sets stands first.

    The shorter one does, then the one that lacks the first name, then the one with the smaller value.
    Source: Prometheus `model.LabelSet.Before`.
    """
    if len(one) != len(other):
        return len(one) - len(other)
    mine, theirs = next(((a, b) for a, b in zip(one, other, strict=True) if a != b), (None, None))
    if mine is None or theirs is None:
        return 0
    if mine[0] != theirs[0]:
        return 1 if mine[0] < theirs[0] else -1
    return -1 if mine[1] < theirs[1] else 1


_label_place = cmp_to_key(_before)
