"""Alerts and notifications out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Protocol, TypeAlias

from fastapi import APIRouter, Query
from starlette.responses import Response

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.api.encode import json_response
from anyascope.api.params import NAME_CHARS_MAX, CursorParam, answers
from anyascope.api.render import alert_view, notification_view, time_or_none
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels
from anyascope.model.notifications import DeliveryStatus
from anyascope.model.status import AlertView as RuleAlert
from anyascope.model.status import RuleGroupView
from anyascope.ports import AlertDesk, AlertResponder
from anyascope.semconv.alerts import (
    LABEL_ALERTNAME,
    LABEL_CORRELATION_ID,
    category_of,
    component_of,
    severity_of,
    title_of,
    traits_of,
)
from anyascope.wire.own_api import AlertsView, AlertView, NotificationsView

NOTIFICATIONS_MAX = 1_000  # of a page: each names its alerts and attempts, about 1 kB


About: TypeAlias = Callable[[Labels, Mapping[str, str], str], bool]
"""Whether an alert with these labels, annotations and this correlation id is asked for."""


class RulesSource(Protocol):
    """What is pending stands with the rules: `alerting` hears of an alert when it fires."""

    def groups(self) -> Sequence[RuleGroupView]:
        """The rule groups with their alerts as of the last evaluation."""

    def alerts(self) -> Sequence[RuleAlert]:
        """Those alerts alone, pending and firing."""


def alerts_router(desk: AlertDesk, rules: RulesSource, responder: AlertResponder) -> APIRouter:
    """The routes `/alerts` and `/notifications`."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/alerts",
        operation_id="listAlerts",
        summary="Alerts that are pending, firing or lately resolved",
        response_model=AlertsView,
        responses=answers(),
    )
    async def list_alerts(state: Annotated[Literal["", "pending", "firing", "resolved"], Query()] = "") -> Response:
        """The most severe first, then the newest."""
        every = all_alerts(desk, rules, responder)
        return json_response(AlertsView(alerts=[alert for alert in every if state in ("", alert.state)]))

    @router.get(
        "/notifications",
        operation_id="listNotifications",
        summary="What was said to whom about which alerts, with every attempt",
        response_model=NotificationsView,
        responses=answers(),
    )
    async def list_notifications(
        limit: Annotated[int, Query(ge=1, le=NOTIFICATIONS_MAX)] = 100,
        cursor: CursorParam = "",
        receiver: Annotated[str, Query(max_length=NAME_CHARS_MAX)] = "",
        status: Annotated[Literal["", "queued", "sent", "failed"], Query()] = "",
    ) -> Response:
        """Newest first."""
        page = await desk.notifications(
            limit=limit, cursor=cursor, receiver=receiver, status=DeliveryStatus(status) if status else None
        )
        views = [notification_view(entry) for entry in page.entries]
        return json_response(NotificationsView(notifications=views, cursor=page.cursor or None))

    return router


def values_of(rules: RulesSource) -> dict[str, float]:
    """By alert, the value that its rule found last."""
    return {fingerprint_of(alert.labels): alert.value for alert in rules.alerts()}


def all_alerts(
    desk: AlertDesk, rules: RulesSource, responder: AlertResponder, *, about: About | None = None
) -> list[AlertView]:
    """What fires or was lately resolved from `alerting`, what is pending from the rules; those that are `about` something."""
    values: dict[str, float] = {}
    pending: dict[str, AlertView] = {}
    for alert in rules.alerts():
        fingerprint = fingerprint_of(alert.labels)
        values[fingerprint] = alert.value
        is_asked = about is None or about(alert.labels, alert.annotations, "")
        if alert.state is AlertState.PENDING and is_asked:
            pending[fingerprint] = _pending(alert, fingerprint)
    told = [
        alert_view(alert, care=responder.care_of(alert.id), value=values.get(alert.id))
        for alert in desk.alerts()
        if about is None or about(alert.labels, alert.annotations, alert.correlation_id)
    ]
    firing = {alert.id for alert in told if alert.state == "firing"}
    views = [*told, *(alert for alert in pending.values() if alert.id not in firing)]
    # Sorted twice: newest first, and then, that order kept among equals, the most severe first.
    views.sort(key=lambda alert: alert.starts_at or "", reverse=True)
    views.sort(key=_rank)
    return views


def _rank(alert: AlertView) -> int:
    return traits_of(severity_of((("severity", alert.severity),))).rank


def _pending(alert: RuleAlert, fingerprint: str) -> AlertView:
    labels = dict(alert.labels)
    return AlertView(
        id=fingerprint,
        name=labels.get(LABEL_ALERTNAME, ""),
        state="pending",
        severity=severity_of(alert.labels).value,
        category=category_of(alert.labels).value,
        source=component_of(alert.labels),
        title=title_of(alert.labels, alert.annotations),
        labels=labels,
        annotations=dict(alert.annotations),
        value=alert.value,
        starts_at=time_or_none(alert.active_ns),
        ends_at=None,
        correlation_id=labels.get(LABEL_CORRELATION_ID, alert.annotations.get(LABEL_CORRELATION_ID, "")),
        generator_url="",
        receivers=[],
        silenced_by=[],
        inhibited_by=[],
        muted_by=[],
    )
