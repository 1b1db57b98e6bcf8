"""What people do about alerts: answers in, an alert's story out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from anyascope.api.alerts import RulesSource, values_of
from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import NO_STORE, json_response
from anyascope.api.params import NAME_CHARS_MAX, answers
from anyascope.api.render import alert_view, event_view, policy_view
from anyascope.model.alerts import AlertSeverity
from anyascope.model.responses import AlertStory, ResponseAction, ResponseResult
from anyascope.ports import AlertResponder
from anyascope.semconv.alerts import traits_of
from anyascope.wire.own_api import AlertView
from anyascope.wire.own_responses import (
    AcknowledgeBody,
    AlertEventView,
    AlertStoryView,
    AssignBody,
    ByBody,
    CommentBody,
    EscalationPoliciesView,
    NoteBody,
    ResponseView,
    SnoozeBody,
    TimelineView,
)
from anyascope.wire.timelines import timeline_csv, timeline_markdown

AlertId = Annotated[str, Path(max_length=NAME_CHARS_MAX, description="The alert's `id`.")]


def responses_router(responder: AlertResponder, rules: RulesSource) -> APIRouter:
    """The routes below `/alerts/{id}`."""
    router = APIRouter(tags=["alerts"])
    resource = _Resource(responder, rules)
    router.get(
        "/alerts/{alert_id}",
        operation_id="getAlert",
        summary="One alert that fires or was lately resolved, and all that happened to it",
        response_model=AlertStoryView,
        responses=answers(problems=(400, 404)),
    )(resource.story)
    router.get(
        "/alerts/{alert_id}/timeline",
        operation_id="exportAlertTimeline",
        summary="The time line alone: as JSON, as a table for spreadsheets, or as Markdown for a report",
        response_model=TimelineView,
        responses=answers(problems=(400, 404)),
    )(resource.timeline)
    for path, summary, answer, body in (
        ("acknowledge", "Say that somebody acts: its escalation stops", resource.acknowledge, AcknowledgeBody),
        ("unacknowledge", "Take the acknowledgement back: its escalation begins anew", resource.unacknowledge, ByBody),
        ("assign", "Give it to somebody", resource.assign, AssignBody),
        ("comment", "Say something for its time line", resource.comment, CommentBody),
        ("snooze", "Keep it quiet for a while", resource.snooze, SnoozeBody),
        ("resolve", "Say that it is over, whatever its sender says of this episode", resource.resolve, NoteBody),
        ("escalate", "Call the next level of its policy now", resource.escalate, NoteBody),
    ):
        router.post(
            f"/alerts/{{alert_id}}/{path}",
            operation_id=f"{path}Alert",
            summary=summary,
            response_model=ResponseView,
            responses=answers(problems=(400, 404, 409)),
            openapi_extra=described_body(body),
        )(answer)
    router.get(
        "/escalation-policies",
        operation_id="listEscalationPolicies",
        summary="The escalation policies that act, and how soon somebody must answer",
        response_model=EscalationPoliciesView,
        responses=answers(problems=()),
    )(resource.policies)
    return router


class _Resource:
    """The handlers."""

    def __init__(self, responder: AlertResponder, rules: RulesSource) -> None:
        self._responder = responder
        self._rules = rules

    async def story(self, alert_id: AlertId) -> Response:
        """The alert, and its time line, oldest first."""
        alert, timeline = self._views(await self._responder.story(alert_id))
        return json_response(AlertStoryView(alert=alert, timeline=timeline))

    async def timeline(
        self,
        alert_id: AlertId,
        form: Annotated[Literal["json", "csv", "markdown"], Query(alias="format")] = "json",
    ) -> Response:
        """Files to keep: `csv` and `markdown` come with a name to save them under."""
        alert, timeline = self._views(await self._responder.story(alert_id))
        if form == "json":
            return json_response(TimelineView(timeline=timeline))
        text = timeline_csv(timeline) if form == "csv" else timeline_markdown(alert, timeline)
        ending = "csv" if form == "csv" else "md"
        headers = {**NO_STORE, "content-disposition": f'attachment; filename="alert-{alert.id}.{ending}"'}
        return Response(text, media_type=f"text/{form}", headers=headers)

    async def acknowledge(self, alert_id: AlertId, request: Request) -> Response:
        """A second person is told in `notice` who was first."""
        body = await document_of(request, AcknowledgeBody)
        return await self._respond(alert_id, ResponseAction.ACKNOWLEDGE, by=body.by, note=body.note, for_s=body.for_s)

    async def unacknowledge(self, alert_id: AlertId, request: Request) -> Response:
        """409 where nobody has acknowledged."""
        body = await document_of(request, ByBody)
        return await self._respond(alert_id, ResponseAction.UNACKNOWLEDGE, by=body.by)

    async def assign(self, alert_id: AlertId, request: Request) -> Response:
        """A name, for people to see; it stops nothing."""
        body = await document_of(request, AssignBody)
        return await self._respond(alert_id, ResponseAction.ASSIGN, by=body.by, to=body.to)

    async def comment(self, alert_id: AlertId, request: Request) -> Response:
        """Also on an alert that is over."""
        body = await document_of(request, CommentBody)
        return await self._respond(alert_id, ResponseAction.COMMENT, by=body.by, note=body.text)

    async def snooze(self, alert_id: AlertId, request: Request) -> Response:
        """Nobody is told of it until then; if it fires still, its escalation begins anew."""
        body = await document_of(request, SnoozeBody)
        return await self._respond(alert_id, ResponseAction.SNOOZE, by=body.by, note=body.note, for_s=body.for_s)

    async def resolve(self, alert_id: AlertId, request: Request) -> Response:
        """It fires again when its sender tells of a new beginning, or still tells of this one after a day."""
        body = await document_of(request, NoteBody)
        return await self._respond(alert_id, ResponseAction.RESOLVE, by=body.by, note=body.note)

    async def escalate(self, alert_id: AlertId, request: Request) -> Response:
        """The level after the last one that was told, or the last again; 409 where no policy acts on the alert."""
        body = await document_of(request, NoteBody)
        return await self._respond(alert_id, ResponseAction.ESCALATE, by=body.by, note=body.note)

    async def policies(self) -> Response:
        """None where nothing but routes acts."""
        policies = [policy_view(policy) for policy in self._responder.policies()]
        deadlines = {severity.value: traits_of(severity).deadline_s for severity in AlertSeverity}
        return json_response(EscalationPoliciesView(policies=policies, deadlines=deadlines))

    async def _respond(self, alert_id: str, action: ResponseAction, **given: Any) -> Response:
        result: ResponseResult = await self._responder.respond(alert_id, action, **given)
        alert, timeline = self._views(result.story)
        return json_response(ResponseView(alert=alert, timeline=timeline, notice=result.notice or None))

    def _views(self, story: AlertStory) -> tuple[AlertView, list[AlertEventView]]:
        value = values_of(self._rules).get(story.alert.id)
        alert = alert_view(story.alert, care=story.care, value=value)
        return alert, [event_view(event) for event in story.timeline]
