"""What people do about alerts, and what happens in an alert's life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.documents import Json
from anyascope.model.notifications import AlertStatus


class ResponseAction(Enum):
    """What a person does about an alert."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    SNOOZE = "snooze"
    RESOLVE = "resolve"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who said that they act. `until_ns` is when it lapses, exclusive; 0 is never."""

    by: str
    at_ns: int
    until_ns: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class EscalationStatus:
    """How far an alert's policy has climbed.

    Attributes:
        level: the highest level that was told, from 0; -1 before the first.
        levels: how many the policy has.
        next_ns: when somebody is told next; 0 where nobody is.
        is_stopped: whether an answer, an end or a mute holds it.
    """

    level: int
    levels: int
    next_ns: int = 0
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class AlertCare:
    """How people stand to an alert.

    Attributes:
        policy: the escalation policy that acts; empty where none does.
        snoozed_until_ns: until when it is kept quiet, exclusive; 0 where it is not.
        deadline_ns: until when somebody must have acted; 0 where no policy acts.
    """

    policy: str = ""
    acknowledgement: Acknowledgement | None = None
    assigned_to: str = ""
    snoozed_until_ns: int = 0
    deadline_ns: int = 0
    is_deadline_missed: bool = False
    escalation: EscalationStatus | None = None


class AlertEventKind(Enum):
    """What can happen in an alert's life."""

    FIRED = "fired"
    REFIRED = "refired"
    RESOLVED = "resolved"
    NOTIFIED = "notified"
    NOTIFICATION_FAILED = "notification_failed"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement_expired"
    UNACKNOWLEDGED = "unacknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    SNOOZED = "snoozed"
    SNOOZE_ENDED = "snooze_ended"
    RESOLVED_BY_HAND = "resolved_by_hand"
    ESCALATED = "escalated"
    DEADLINE_MISSED = "deadline_missed"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that happened to an alert.

    Attributes:
        by: the person, or empty where it happened by itself.
        text: one line for people.
        details: facts for programs, with units in their names.
    """

    at_ns: int
    kind: AlertEventKind
    by: str = ""
    text: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertStory:
    """An alert with how people stand to it and all that happened, oldest first."""

    alert: AlertStatus
    care: AlertCare
    timeline: tuple[AlertEvent, ...]


@dataclass(frozen=True, slots=True)
class ResponseResult:
    """What came of a response. `notice` is what the person should know, such as who was first; empty where nothing."""

    story: AlertStory
    notice: str = ""


class LinkState(Enum):
    """How a link in a message stands."""

    READY = "ready"
    DONE = "done"  # it acted just now
    FORGED = "forged"  # we did not make it, or it was altered
    EXPIRED = "expired"
    USED = "used"
    OVER = "over"  # the alert has ended, or it is another episode by now


@dataclass(frozen=True, slots=True)
class LinkSight:
    """What a link is about.

    Attributes:
        action: what it does; None where the link is not ours.
        alert: what it does that to; None where that is not known (any longer).
        recipient: whom the message went to, such as `team by email`.
        by: who used it, and `at_ns` when.
        notice: what the person should know, such as who was first.
    """

    state: LinkState
    action: ResponseAction | None = None
    alert: AlertStatus | None = None
    recipient: str = ""
    by: str = ""
    at_ns: int = 0
    notice: str = ""
