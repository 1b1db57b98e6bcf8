"""Silences as documents."""

from __future__ import annotations

from anyascope.model.documents import Document, Json, Put
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.silences import Recurrence, Silence, SilenceChange

KIND_SILENCE = "silence"


def put_silence(silence: Silence) -> Put:
    """What stores it."""
    matchers: list[Json] = [{"name": one.name, "op": one.op.value, "value": one.value} for one in silence.matchers]
    history: list[Json] = [{"at_ns": one.at_ns, "by": one.by, "change": one.change} for one in silence.history]
    body: dict[str, Json] = {
        "matchers": matchers,
        "starts_ns": silence.starts_ns,
        "ends_ns": silence.ends_ns,
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_ns": silence.updated_ns,
        "annotations": dict(silence.annotations),
        "recurrence": _recurrence_body(silence.recurrence),
        "history": history,
    }
    return Put(KIND_SILENCE, silence.id, body)


def silence_of(document: Document) -> Silence:
    """The silence that was stored; the oldest ones have neither annotations nor a history."""
    body = document.body
    annotations = body.get("annotations", {})
    assert isinstance(annotations, dict)  # we wrote it
    return Silence(
        id=document.key,
        matchers=tuple(_matcher_of(matcher) for matcher in _list(body["matchers"])),
        starts_ns=_integer(body["starts_ns"]),
        ends_ns=_integer(body["ends_ns"]),
        created_by=str(body["created_by"]),
        comment=str(body["comment"]),
        updated_ns=_integer(body["updated_ns"]),
        annotations={name: str(text) for name, text in annotations.items()},
        recurrence=_recurrence_of(body.get("recurrence")),
        history=tuple(_change_of(change) for change in _list(body.get("history", []))),
    )


def _recurrence_body(recurrence: Recurrence | None) -> Json:
    if recurrence is None:
        return None
    return {
        "start_minute": recurrence.start_minute,
        "end_minute": recurrence.end_minute,
        "weekdays": [*recurrence.weekdays],
        "location": recurrence.location,
    }


def _recurrence_of(body: Json) -> Recurrence | None:
    if body is None:
        return None
    assert isinstance(body, dict)  # we wrote it
    return Recurrence(
        start_minute=_integer(body["start_minute"]),
        end_minute=_integer(body["end_minute"]),
        weekdays=tuple(_integer(day) for day in _list(body["weekdays"])),
        location=str(body["location"]),
    )


def _matcher_of(body: Json) -> Matcher:
    assert isinstance(body, dict)  # we wrote it
    return Matcher(str(body["name"]), MatchOp(body["op"]), str(body["value"]))


def _change_of(body: Json) -> SilenceChange:
    assert isinstance(body, dict)  # we wrote it
    return SilenceChange(_integer(body["at_ns"]), str(body["by"]), str(body["change"]))


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)  # we wrote it
    return value


def _integer(value: Json) -> int:
    assert isinstance(value, int)  # we wrote it
    return value
