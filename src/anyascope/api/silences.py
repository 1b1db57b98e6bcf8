"""Silences through the own API: with what they hit, their history, and an author and a reason for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from anyascope.alerting.matchers import compile_matchers
from anyascope.alerting.recurrence import WEEKDAYS, clock_text, read_recurrence
from anyascope.alerting.silence_index import SilenceIndex
from anyascope.alerting.silence_reach import RuleHit, rules_hit, warnings_of
from anyascope.alerting.silence_rules import check_length, check_matchers, next_change_ns
from anyascope.api.alerts import RulesSource, all_alerts
from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import json_response
from anyascope.api.params import BY_CHARS_MAX, CursorParam, answers
from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.explore.times import format_time
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.silences import Recurrence, Silence, SilenceState, SilenceStatus
from anyascope.ports import AlertDesk, AlertResponder
from anyascope.promql.parse import parse
from anyascope.store.api.metrics import MetricReader
from anyascope.wire.alertmanager import time_ns
from anyascope.wire.own_api import AlertView
from anyascope.wire.own_silences import (
    MatcherView,
    RecurrenceView,
    RuleHitView,
    SilenceChangeView,
    SilenceEndRequest,
    SilenceLengthRequest,
    SilencePreviewRequest,
    SilencePreviewView,
    SilenceRequest,
    SilencesView,
    SilenceView,
)

LIMIT_MAX = 1_000  # of a page: each counts what it matches
COMMENT_CHARS_MAX = 4_000  # a reason with a link, not a report
SEEN_MS = 3_600_000  # series of the last hour count: what was gone for longer fires no alert now
LOOKED_UP_MAX = 1_000  # rules whose series are looked up, 0.3 ms each; of more, all that may match are shown
ID_CHARS_MAX = 64  # ours have 36

SilenceId = Annotated[str, Path(max_length=ID_CHARS_MAX)]


class SilenceBook(Protocol):
    """Who keeps the silences; each method raises `NotFoundError` of an id that is not known."""

    def list(self) -> Sequence[SilenceStatus]:
        """All of them: active ones, pending ones, expired ones."""

    def get(self, silence_id: str) -> SilenceStatus:
        """One."""

    async def put(self, silence: Silence) -> Silence:
        """Store a new one."""

    async def expire(self, silence_id: str, *, by: str = "") -> Silence:
        """End one now."""

    async def extend(self, silence_id: str, *, by: str, for_s: float) -> Silence:
        """Let one last longer."""

    async def clone(self, silence_id: str, *, by: str, for_s: float) -> Silence:
        """A new one like that one."""


class TextCleaner(Protocol):
    """Who takes secrets out of what arrives."""

    def text(self, text: str) -> str:
        """The text without secrets."""


@dataclass(frozen=True, slots=True)
class SilencesParts:
    """What the resource asks."""

    book: SilenceBook
    desk: AlertDesk
    rules: RulesSource
    responder: AlertResponder
    metrics: MetricReader
    cleaner: TextCleaner
    clock: Clock


def silences_router(parts: SilencesParts) -> APIRouter:
    """The routes below `/silences`."""
    router = APIRouter(tags=["alerts"])
    silences = _Silences(parts)

    @router.get(
        "/silences",
        operation_id="listSilences",
        summary="Silences, with what they match now",
        response_model=SilencesView,
        responses=answers(),
    )
    async def list_silences(
        state: Annotated[Literal["", "active", "pending", "expired"], Query()] = "",
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
        cursor: CursorParam = "",
    ) -> Response:
        """Active ones by their end, pending ones by their start, then expired ones, the latest first."""
        return json_response(silences.page(SilenceState(state) if state else None, limit=limit, cursor=cursor))

    @router.post(
        "/silences",
        operation_id="createSilence",
        summary="Make a silence",
        status_code=201,
        response_model=SilenceView,
        responses=answers(),
        openapi_extra=described_body(SilenceRequest),
    )
    async def create_silence(request: Request) -> Response:
        """With an author, a reason, and an end or a length. Its warnings say what it mutes that somebody may miss."""
        stored = await parts.book.put(silences.made(await document_of(request, SilenceRequest)))
        return json_response(await silences.view(parts.book.get(stored.id)), status=201)

    @router.post(
        "/silences/preview",
        operation_id="previewSilence",
        summary="What matchers hit now, and what they would hit",
        response_model=SilencePreviewView,
        responses=answers(),
        openapi_extra=described_body(SilencePreviewRequest),
    )
    async def preview_silence(request: Request) -> Response:
        """Nothing is muted by asking."""
        return json_response(await silences.preview(await document_of(request, SilencePreviewRequest)))

    @router.get(
        "/silences/{silence_id}",
        operation_id="getSilence",
        summary="One silence with its history",
        response_model=SilenceView,
        responses=answers(problems=(400, 404)),
    )
    async def get_silence(silence_id: SilenceId) -> Response:
        """Expired ones are kept for 120 hours."""
        return json_response(await silences.view(parts.book.get(silence_id)))

    _add_changes(router, parts, silences)
    return router


def _add_changes(router: APIRouter, parts: SilencesParts, silences: _Silences) -> None:
    """The routes that change a silence."""

    @router.post(
        "/silences/{silence_id}/extend",
        operation_id="extendSilence",
        summary="Let a silence last longer",
        response_model=SilenceView,
        responses=answers(problems=(400, 404, 409)),
        openapi_extra=described_body(SilenceLengthRequest),
    )
    async def extend_silence(silence_id: SilenceId, request: Request) -> Response:
        """By `for_s` seconds beyond its end. One that is over is a conflict."""
        asked = await document_of(request, SilenceLengthRequest)
        changed = await parts.book.extend(silence_id, by=_person(asked.by, "by"), for_s=asked.for_s)
        return json_response(await silences.view(parts.book.get(changed.id)))

    @router.post(
        "/silences/{silence_id}/clone",
        operation_id="cloneSilence",
        summary="Make a silence like this one",
        response_model=SilenceView,
        responses=answers(problems=(400, 404)),
        openapi_extra=described_body(SilenceLengthRequest),
    )
    async def clone_silence(silence_id: SilenceId, request: Request) -> Response:
        """From now on for `for_s` seconds, with the same matchers, reason and windows."""
        asked = await document_of(request, SilenceLengthRequest)
        made = await parts.book.clone(silence_id, by=_person(asked.by, "by"), for_s=asked.for_s)
        return json_response(await silences.view(parts.book.get(made.id)))

    @router.post(
        "/silences/{silence_id}/expire",
        operation_id="expireSilence",
        summary="End a silence now",
        response_model=SilenceView,
        responses=answers(problems=(400, 404)),
        openapi_extra=described_body(SilenceEndRequest),
    )
    async def expire_silence(silence_id: SilenceId, request: Request) -> Response:
        """One that is over stays as it is."""
        asked = await document_of(request, SilenceEndRequest)
        changed = await parts.book.expire(silence_id, by=_person(asked.by, "by"))
        return json_response(await silences.view(parts.book.get(changed.id)))


class _Silences:
    """Silences as they are shown and read."""

    def __init__(self, parts: SilencesParts) -> None:
        self._parts = parts

    def page(self, state: SilenceState | None, *, limit: int, cursor: str) -> SilencesView:
        """Those beyond the cursor, which is the id of the last one before."""
        found = [status for status in self._parts.book.list() if state in (None, status.state)]
        start = 0
        if cursor:
            start = next((at + 1 for at, status in enumerate(found) if status.silence.id == cursor), -1)
            if start < 0:
                raise InvalidInputError("cursor is not one that an answer gave, or too old", path="cursor")
        shown, groups = found[start : start + limit], self._parts.rules.groups()
        matches = _matches([status.silence for status in shown], self._standing())
        is_last = start + limit >= len(found)
        return SilencesView(
            silences=[
                # Whether series could bring a match about is looked up for one silence, not for a page of them.
                self._view(status, matches[status.silence.id], rules_hit(status.silence.matchers, groups))
                for status in shown
            ],
            cursor=None if is_last else shown[-1].silence.id,
        )

    async def view(self, status: SilenceStatus) -> SilenceView:
        """One, with what it matches now."""
        hits = await self._seen(rules_hit(status.silence.matchers, self._parts.rules.groups()))
        matches = _matches([status.silence], self._standing())
        return self._view(status, matches[status.silence.id], hits)

    async def preview(self, asked: SilencePreviewRequest) -> SilencePreviewView:
        """What these matchers hit."""
        matchers = _matchers(asked.matchers)
        hits = await self._seen(rules_hit(matchers, self._parts.rules.groups()))
        is_match = compile_matchers(matchers)
        matching = [alert for alert in self._standing() if is_match(alert.labels)]
        would_match = [
            RuleHitView(name=hit.name, group=hit.group, severity=hit.severity.value, is_certain=hit.is_certain)
            for hit in hits
        ]
        return SilencePreviewView(matching_now=matching, would_match=would_match, warnings=_warnings(matching, hits))

    def made(self, asked: SilenceRequest) -> Silence:
        """The silence that is asked for."""
        now_ns = self._parts.clock.now_ns()
        starts_ns = max(_time(asked.starts_at, "starts_at") or now_ns, now_ns)
        ends_ns = _time(asked.ends_at, "ends_at")
        if bool(ends_ns) is (asked.for_s is not None):
            raise InvalidInputError("give either ends_at or for_s: a silence has an end", path="ends_at")
        if asked.for_s is not None:
            check_length(asked.for_s)
            ends_ns = starts_ns + int(asked.for_s * NS_PER_S)
        comment = asked.comment.strip()
        if not 0 < len(comment) <= COMMENT_CHARS_MAX:
            raise InvalidInputError(f"says why, in 1 to {COMMENT_CHARS_MAX} characters", path="comment")
        return Silence(
            id="",
            matchers=_matchers(asked.matchers),
            starts_ns=starts_ns,
            ends_ns=ends_ns,
            created_by=_person(asked.created_by, "created_by"),
            comment=self._parts.cleaner.text(comment),
            recurrence=_recurrence(asked.recurrence),
        )

    def _standing(self) -> list[AlertView]:
        """Alerts that are pending or fire."""
        return [
            alert
            for alert in all_alerts(self._parts.desk, self._parts.rules, self._parts.responder)
            if alert.state != "resolved"
        ]

    async def _seen(self, hits: Sequence[RuleHit]) -> list[RuleHit]:
        """Of these rules those that match for certain, and those that read series which would match."""
        return [hit for number, hit in enumerate(hits) if number >= LOOKED_UP_MAX or await self._is_seen(hit)]

    async def _is_seen(self, hit: RuleHit) -> bool:
        if not hit.rest:
            return True
        selectors = parse(hit.query).selectors
        if not selectors:
            return compile_matchers(hit.rest)({})
        now_ms = self._parts.clock.now_ns() // NS_PER_MS
        sets = [(*selector.matchers, *hit.rest) for selector in selectors]
        return bool(await self._parts.metrics.series(sets, start_ms=now_ms - SEEN_MS, end_ms=now_ms, limit=1))

    def _view(self, status: SilenceStatus, matching: Sequence[AlertView], hits: Sequence[RuleHit]) -> SilenceView:
        silence = status.silence
        changes_ns = next_change_ns(silence, self._parts.clock.now_ns())
        return SilenceView(
            id=silence.id,
            matchers=[MatcherView(name=one.name, op=one.op.value, value=one.value) for one in silence.matchers],
            starts_at=format_time(silence.starts_ns),
            ends_at=format_time(silence.ends_ns),
            created_by=silence.created_by,
            comment=silence.comment,
            state=status.state.value,
            updated_at=format_time(silence.updated_ns),
            next_change_at=None if changes_ns is None else format_time(changes_ns),
            matches_now=len(matching),
            recurrence=_recurrence_view(silence.recurrence),
            history=[
                SilenceChangeView(at=format_time(one.at_ns), by=one.by, change=one.change) for one in silence.history
            ],
            warnings=[] if status.state is SilenceState.EXPIRED else _warnings(matching, hits),
        )


def _matches(silences: Sequence[Silence], alerts: Sequence[AlertView]) -> dict[str, list[AlertView]]:
    """By id of each silence, those of the alerts that it matches."""
    index, found = SilenceIndex(), {silence.id: list[AlertView]() for silence in silences}
    for silence in silences:
        index.add(silence)
    for alert in alerts:
        for identity in index.matching(alert.labels):
            found[identity].append(alert)
    return found


def _warnings(matching: Sequence[AlertView], hits: Sequence[RuleHit]) -> list[str]:
    criticals = [alert.name for alert in matching if alert.severity == "critical"]
    return warnings_of(criticals, hits, matches_now=len(matching))


def _matchers(views: Sequence[MatcherView]) -> tuple[Matcher, ...]:
    matchers = tuple(Matcher(view.name, MatchOp(view.op), view.value) for view in views)
    check_matchers(matchers)
    return matchers


def _person(text: str, path: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= BY_CHARS_MAX:
        raise InvalidInputError(f"says who wants it, in 1 to {BY_CHARS_MAX} characters", path=path)
    return name


def _time(text: str | None, path: str) -> int:
    try:
        return time_ns(text or "")
    except ValueError as error:
        raise InvalidInputError(str(error), path=path) from None


def _recurrence(view: RecurrenceView | None) -> Recurrence | None:
    if view is None:
        return None
    return read_recurrence(start=view.start_time, end=view.end_time, weekdays=view.weekdays, location=view.location)


def _recurrence_view(recurrence: Recurrence | None) -> RecurrenceView | None:
    if recurrence is None:
        return None
    return RecurrenceView(
        start_time=clock_text(recurrence.start_minute),
        end_time=clock_text(recurrence.end_minute),
        weekdays=[WEEKDAYS[day] for day in recurrence.weekdays],
        location=recurrence.location,
    )
