"""What the own API takes and answers about silences. See `own_api` for the shapes' rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from anyascope.wire.own_api import AlertView


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherView:
    """One condition on one label; regular expressions match the whole value."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrenceView:
    """Windows of local time; one that ends before it starts goes past midnight. No weekday is every day."""

    start_time: str
    end_time: str
    weekdays: list[str] = field(default_factory=list)
    location: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceChangeView:
    """One line of a silence's history; `by` is empty where nobody said who they are."""

    at: str
    by: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceView:
    """A silence.

    Attributes:
        next_change_at: when it begins or ends to hold; null once it is over.
        matches_now: counts alerts that are pending or fire.
        warnings: empty once it is over.
    """

    id: str
    matchers: list[MatcherView]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    state: Literal["active", "pending", "expired"]
    updated_at: str
    next_change_at: str | None
    matches_now: int
    recurrence: RecurrenceView | None
    history: list[SilenceChangeView]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencesView:
    """A page of silences; `cursor` asks for the next one, null at the end."""

    silences: list[SilenceView]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHitView:
    """A rule whose alerts would match.

    Attributes:
        is_certain: whether the rule's own labels say so; else it reads series with labels that would match.
    """

    name: str
    group: str
    severity: Literal["critical", "high", "medium", "low"]
    is_certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencePreviewView:
    """What matchers hit: alerts that are pending or fire now, and rules whose alerts they would hit."""

    matching_now: list[AlertView]
    would_match: list[RuleHitView]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencePreviewRequest:
    """What to look for."""

    matchers: list[MatcherView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRequest:
    """A silence to make: with an end, or how long it lasts from its start, which is now where none is given."""

    matchers: list[MatcherView]
    created_by: str
    comment: str
    starts_at: str | None = None
    ends_at: str | None = None
    for_s: float | None = None
    recurrence: RecurrenceView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceLengthRequest:
    """Who wants a silence to last, and for how many seconds."""

    by: str
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceEndRequest:
    """Who wants a silence to end."""

    by: str
