"""How people stand to one alert, and what their answers change about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from anyascope.alerting.intake import HeldAlert
from anyascope.clock import MS_PER_S, NS_PER_S
from anyascope.errors import ConflictError, InvalidInputError
from anyascope.model.documents import Document, Json, Put
from anyascope.model.responses import Acknowledgement, AlertEvent, AlertEventKind, ResponseAction
from anyascope.wire.durations import format_duration_ms

KIND_CARE = "alert-care"
NAME_CHARS_MAX = 200  # of a person; "Maximilian Mustermann (by link in an e-mail to ops@example.org)" has 63
TEXT_CHARS_MAX = 4_000  # of a note; a page of text, and small beside an alert's own 64 kB
AT_ONCE_S = 60.0  # what "at once" leaves a person: the time to read a message and to answer it
FOR_S_MAX = 30 * 86_400.0  # what is quiet for longer is a silence, which is listed and has an author


@dataclass(frozen=True, slots=True)
class Care:
    """One episode of an alert, from the side of those who look after it.

    Attributes:
        began_ns: when the episode was first heard of; tells it from the alert's other episodes.
        ended_ns: when it ended; 0 while it lasts.
        policy: the escalation policy that acts; empty where none does.
        answered_ns: the first acknowledgement or snooze, also where it lapsed since; 0 where there was none.
        snoozed_until_ns: exclusive; 0 where it is not snoozed.
        deadline_ns: until when somebody must have acted; 0 where no policy acts.
        resolved_by_hand_ns: when somebody said that it is over; 0 where nobody did.
    """

    fingerprint: str
    began_ns: int
    ended_ns: int = 0
    policy: str = ""
    acknowledgement: Acknowledgement | None = None
    answered_ns: int = 0
    assigned_to: str = ""
    snoozed_until_ns: int = 0
    deadline_ns: int = 0
    is_deadline_missed: bool = False
    resolved_by_hand_ns: int = 0

    @property
    def is_held(self) -> bool:
        """Whether somebody's answer keeps it quiet."""
        return self.acknowledgement is not None or self.snoozed_until_ns > 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing is known that the alert and the configuration do not say: then it need not be stored."""
        return self == Care(
            self.fingerprint,
            self.began_ns,
            ended_ns=self.ended_ns,
            policy=self.policy,
            deadline_ns=self.deadline_ns,
        )

    @property
    def latest_ns(self) -> int:
        """The latest of its times that had come when it was stored."""
        return max(self.began_ns, self.answered_ns, self.acknowledgement.at_ns if self.acknowledgement else 0)

    def moved(self, *, by_ns: int) -> Care:
        """After the wall clock was set: what lies ahead moves along."""
        held = self.acknowledgement
        if held is not None and held.until_ns:
            held = replace(held, until_ns=held.until_ns + by_ns)
        return replace(
            self,
            began_ns=self.began_ns + by_ns,
            acknowledgement=held,
            snoozed_until_ns=self.snoozed_until_ns + by_ns if self.snoozed_until_ns else 0,
            deadline_ns=self.deadline_ns + by_ns if self.deadline_ns else 0,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants done.

    Attributes:
        for_s: how long an acknowledgement or a snooze is to hold; None where not said.
        via: how it came, for the event's details.
    """

    action: ResponseAction
    by: str
    note: str = ""
    for_s: float | None = None
    to: str = ""
    via: Mapping[str, Json] = field(default_factory=dict)

    def checked(self) -> Request:
        """The request, tidied.

        Raises:
            InvalidInputError: something of it is missing, too long or out of bounds.
        """
        by, note, to = self.by.strip(), self.note.strip(), self.to.strip()
        _check_text(by, "by", chars_max=NAME_CHARS_MAX, required=True)
        _check_text(note, "note", chars_max=TEXT_CHARS_MAX, required=False)
        if self.action is ResponseAction.COMMENT and not note:
            raise InvalidInputError("a comment needs a text", path="text")
        _check_text(to, "to", chars_max=NAME_CHARS_MAX, required=self.action is ResponseAction.ASSIGN)
        if self.action is ResponseAction.SNOOZE and self.for_s is None:
            raise InvalidInputError("a snooze needs a length", path="for_s")
        if self.for_s is not None and not 1.0 <= self.for_s <= FOR_S_MAX:
            raise InvalidInputError(f"must be 1 to {FOR_S_MAX:.0f} seconds, got {self.for_s:g}", path="for_s")
        return replace(self, by=by, note=note, to=to)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request comes to: the care afterwards, what happened, and what the person should know."""

    care: Care
    event: AlertEvent
    notice: str = ""


def respond(care: Care, request: Request, alert: HeldAlert, *, ack_timeout_s: float, now_ns: int) -> Answer:
    """What a checked request changes about an alert's care. `ESCALATE` changes nothing here: the ladder does.

    Args:
        ack_timeout_s: how long an acknowledgement holds where the request does not say; 0 is for ever.

    Raises:
        ConflictError: the alert has ended, or there is nothing to take back.
    """
    action = request.action
    if action not in (ResponseAction.COMMENT, ResponseAction.ASSIGN) and not alert.is_told_as_firing(now_ns):
        raise ConflictError("the alert has ended")
    match action:
        case ResponseAction.ACKNOWLEDGE:
            return _acknowledge(care, request, ack_timeout_s=ack_timeout_s, now_ns=now_ns)
        case ResponseAction.UNACKNOWLEDGE:
            if care.acknowledgement is None:
                raise ConflictError("nobody has acknowledged the alert")
            care = replace(care, acknowledgement=None)
            event = _event(AlertEventKind.UNACKNOWLEDGED, request, now_ns, "took the acknowledgement back")
        case ResponseAction.ASSIGN:
            care = replace(care, assigned_to=request.to)
            event = _event(AlertEventKind.ASSIGNED, request, now_ns, f"assigned it to {request.to}", to=request.to)
        case ResponseAction.COMMENT:
            event = AlertEvent(now_ns, AlertEventKind.COMMENTED, request.by, request.note)
        case ResponseAction.SNOOZE:
            for_s = request.for_s or 0.0
            until_ns = now_ns + _ns(for_s)
            care = replace(care, snoozed_until_ns=until_ns, answered_ns=care.answered_ns or now_ns)
            event = _event(AlertEventKind.SNOOZED, request, now_ns, f"snoozed it for {shown_s(for_s)}", for_s=for_s)
        case ResponseAction.RESOLVE:
            care = replace(care, resolved_by_hand_ns=now_ns)
            event = _event(AlertEventKind.RESOLVED_BY_HAND, request, now_ns, "resolved it by hand")
        case ResponseAction.ESCALATE:
            event = _event(AlertEventKind.ESCALATED, request, now_ns, "called the next level")
        case _:
            assert_never(action)
    return Answer(care, event)


def _acknowledge(care: Care, request: Request, *, ack_timeout_s: float, now_ns: int) -> Answer:
    timeout_s = request.for_s if request.for_s is not None else ack_timeout_s
    until_ns = now_ns + _ns(timeout_s) if timeout_s else 0
    first = care.acknowledgement
    took_s = round((now_ns - care.began_ns) / NS_PER_S, 3)
    details: dict[str, Json] = {"took_s": took_s}
    if care.deadline_ns:
        details["is_in_time"] = not care.is_deadline_missed
    if first is None or first.by == request.by:
        held = Acknowledgement(request.by, now_ns if first is None else first.at_ns, until_ns, request.note)
        event = _event(AlertEventKind.ACKNOWLEDGED, request, now_ns, "acknowledged it", for_s=timeout_s or None)
        event = replace(event, details={**event.details, **details})
        after = replace(care, acknowledgement=held, answered_ns=care.answered_ns or now_ns)
        return Answer(after, event)
    # The first one stays the name on it; the second one makes it hold longer where theirs would.
    lasts_ns = 0 if not first.until_ns or not until_ns else max(first.until_ns, until_ns)
    ago = shown_s((now_ns - first.at_ns) // NS_PER_S)
    event = _event(AlertEventKind.ACKNOWLEDGED, request, now_ns, f"acknowledged it too, {ago} after {first.by}")
    event = replace(event, details={**event.details, **details, "first_by": first.by})
    notice = f"{first.by} acknowledged it {ago} before you"
    return Answer(replace(care, acknowledgement=replace(first, until_ns=lasts_ns)), event, notice)


def lapse(care: Care, *, now_ns: int) -> tuple[Care, list[AlertEvent]]:
    """The care once everything whose time has come is over: an acknowledgement, a snooze."""
    events: list[AlertEvent] = []
    held = care.acknowledgement
    if held is not None and 0 < held.until_ns <= now_ns:
        text = f"the acknowledgement of {held.by} lapsed"
        events.append(AlertEvent(held.until_ns, AlertEventKind.ACKNOWLEDGEMENT_EXPIRED, "", text, {"was_by": held.by}))
        care = replace(care, acknowledgement=None)
    if 0 < care.snoozed_until_ns <= now_ns:
        events.append(AlertEvent(care.snoozed_until_ns, AlertEventKind.SNOOZE_ENDED, "", "the snooze is over"))
        care = replace(care, snoozed_until_ns=0)
    return care, events


def misses_ns(care: Care) -> int:
    """When the deadline is missed unless somebody answers before; 0 where it cannot be missed (any longer)."""
    if not care.deadline_ns or care.answered_ns or care.is_deadline_missed:
        return 0
    return max(care.deadline_ns, care.began_ns + _ns(AT_ONCE_S))


def miss(care: Care, *, now_ns: int) -> tuple[Care, AlertEvent]:
    """The care after its deadline has passed without an answer."""
    limit_s = (care.deadline_ns - care.began_ns) / NS_PER_S
    text = f"nobody answered within {shown_s(limit_s)}" if limit_s else "nobody answered at once"
    event = AlertEvent(now_ns, AlertEventKind.DEADLINE_MISSED, "", text, {"deadline_s": limit_s})
    return replace(care, is_deadline_missed=True), event


def lapses_ns(care: Care) -> int:
    """When something of it runs out next: an answer, a deadline; 0 where nothing does."""
    ack_ns = care.acknowledgement.until_ns if care.acknowledgement is not None else 0
    times = [at_ns for at_ns in (ack_ns, care.snoozed_until_ns, misses_ns(care)) if at_ns]
    return min(times, default=0)


def shown_s(seconds: float) -> str:
    """`1h30m`: as configurations write it."""
    return format_duration_ms(round(seconds * MS_PER_S))


def _event(kind: AlertEventKind, request: Request, now_ns: int, text: str, **details: Json) -> AlertEvent:
    told = f"{text}: {request.note}" if request.note else text
    given = {name: value for name, value in details.items() if value is not None}
    return AlertEvent(now_ns, kind, request.by, told, {**given, **request.via})


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def _check_text(text: str, path: str, *, chars_max: int, required: bool) -> None:
    if required and not text:
        raise InvalidInputError("must not be empty", path=path)
    if len(text) > chars_max:
        raise InvalidInputError(f"has {len(text)} characters, at most {chars_max} are kept", path=path)
    if any(
        (ord(character) < 0x20 and character not in "\n\t") or 0xD800 <= ord(character) < 0xE000 for character in text
    ):
        raise InvalidInputError("must not hold control characters", path=path)


# --- documents --------------------------------------------------------------------------------------------------------


def put_care(care: Care) -> Put:
    """What stores it."""
    held = care.acknowledgement
    ack: Json = None
    if held is not None:
        ack = {"by": held.by, "at_ns": held.at_ns, "until_ns": held.until_ns, "note": held.note}
    body: dict[str, Json] = {
        "began_ns": care.began_ns,
        "ended_ns": care.ended_ns,
        "policy": care.policy,
        "acknowledgement": ack,
        "answered_ns": care.answered_ns,
        "assigned_to": care.assigned_to,
        "snoozed_until_ns": care.snoozed_until_ns,
        "deadline_ns": care.deadline_ns,
        "is_deadline_missed": care.is_deadline_missed,
        "resolved_by_hand_ns": care.resolved_by_hand_ns,
    }
    return Put(KIND_CARE, care.fingerprint, body)


def care_of(document: Document) -> Care:
    """The care that was stored."""
    body = document.body
    return Care(
        fingerprint=document.key,
        began_ns=_integer(body["began_ns"]),
        ended_ns=_integer(body["ended_ns"]),
        policy=str(body["policy"]),
        acknowledgement=_acknowledgement_of(body["acknowledgement"]),
        answered_ns=_integer(body["answered_ns"]),
        assigned_to=str(body["assigned_to"]),
        snoozed_until_ns=_integer(body["snoozed_until_ns"]),
        deadline_ns=_integer(body["deadline_ns"]),
        is_deadline_missed=body["is_deadline_missed"] is True,
        resolved_by_hand_ns=_integer(body["resolved_by_hand_ns"]),
    )


def _acknowledgement_of(value: Json) -> Acknowledgement | None:
    if value is None:
        return None
    assert isinstance(value, dict)  # we wrote it
    at_ns, until_ns = _integer(value["at_ns"]), _integer(value["until_ns"])
    return Acknowledgement(str(value["by"]), at_ns, until_ns, str(value["note"]))


def _integer(value: Json) -> int:
    assert isinstance(value, int)  # we wrote it
    return value
