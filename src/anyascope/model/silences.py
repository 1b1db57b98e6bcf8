"""Silences: who wants what to be quiet, when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.labels import Matcher


class SilenceState(Enum):
    """Whether it holds, in Alertmanager's words."""

    ACTIVE = "active"
    PENDING = "pending"  # it will hold: it begins later, or its next window does
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Windows of local time in which a silence holds, daily or on some weekdays.

    Attributes:
        start_minute, end_minute: of the day, 0 to 1440, end exclusive; one that ends before it starts goes past midnight.
        weekdays: on which windows start, 0 is Sunday; none is every day.
        location: name of the zone in which these are read, such as `Europe/Berlin`.
    """

    start_minute: int
    end_minute: int
    weekdays: tuple[int, ...] = ()
    location: str = "UTC"


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """One line of a silence's history; `by` is empty where nobody said who they are."""

    at_ns: int
    by: str
    change: str


@dataclass(frozen=True, slots=True)
class Silence:
    """For a while, alerts that match are not told.

    Attributes:
        id: a UUID; empty for one that is not stored yet.
        starts_ns, ends_ns: UTC, the end exclusive; one that recurs holds only in its windows between them.
        created_by, comment: who and why, as they said it.
        annotations: whatever else its maker attached, such as a ticket's number.
        history: what was done to it, oldest first.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_ns: int
    ends_ns: int
    created_by: str
    comment: str
    updated_ns: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)
    recurrence: Recurrence | None = None
    history: tuple[SilenceChange, ...] = ()


@dataclass(frozen=True, slots=True)
class SilenceStatus:
    """A silence, and whether it holds now."""

    silence: Silence
    state: SilenceState
