"""What the own API takes and answers about people's answers to alerts; as `own_api` is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from anyascope.wire.own_api import AlertView


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEventView:
    """Something that happened to an alert; `by` is empty where it happened by itself."""

    at: str
    kind: Literal[
        "fired",
        "refired",
        "resolved",
        "notified",
        "notification_failed",
        "acknowledged",
        "acknowledgement_expired",
        "unacknowledged",
        "assigned",
        "commented",
        "snoozed",
        "snooze_ended",
        "resolved_by_hand",
        "escalated",
        "deadline_missed",
        "silenced",
        "unsilenced",
    ]
    by: str
    text: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStoryView:
    """An alert and all that happened to it, oldest first."""

    alert: AlertView
    timeline: list[AlertEventView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView:
    """All that happened to an alert, oldest first."""

    timeline: list[AlertEventView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseView:
    """What came of a response; `notice` is what the person should know, such as who was first."""

    alert: AlertView
    timeline: list[AlertEventView]
    notice: str | None


class ByBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes an acknowledgement back."""

    by: str


class NoteBody(ByBody, frozen=True, kw_only=True):
    """Who resolves an alert, or calls the next level, and why."""

    note: str = ""


class AcknowledgeBody(NoteBody, frozen=True, kw_only=True):
    """Who acknowledges; `for_s` is how many seconds it holds, as the policy says where it is null."""

    for_s: float | None = None


class SnoozeBody(NoteBody, frozen=True, kw_only=True):
    """Who wants an alert to be quiet, and for how many seconds."""

    for_s: float


class AssignBody(ByBody, frozen=True, kw_only=True):
    """Who gives an alert to whom."""

    to: str


class CommentBody(ByBody, frozen=True, kw_only=True):
    """Who says what."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationLevelView:
    """One step of a policy: told `delay_s` after its beginning, and again every `repeat_s`, null for once."""

    delay_s: float
    channels: list[str]
    repeat_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPolicyView:
    """A policy. `is_default` says that it acts where an alert of its `severities` names none."""

    name: str
    is_default: bool
    severities: list[str]
    levels: list[EscalationLevelView]
    acknowledgement_timeout_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPoliciesView:
    """The policies that act, and by severity within how many seconds somebody must answer."""

    policies: list[EscalationPolicyView]
    deadlines: dict[str, int]
