"""Escalation policies: whom to tell, after how long, and how often, until somebody answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.alerts import AlertSeverity


@dataclass(frozen=True, slots=True)
class EscalationLevel:
    """One step of a policy.

    Attributes:
        delay_s: how long after the policy's beginning it is told first.
        channels: names as they are configured: a receiver, `receiver/kind`, or a kind such as `slack`.
        repeat_s: how often it is told again while nobody answers; 0 for once.
    """

    delay_s: float
    channels: tuple[str, ...]
    repeat_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Levels by delay.

    Attributes:
        severities: those whose alerts it serves where they name no policy themselves.
        acknowledgement_timeout_s: how long an acknowledgement holds; 0 for ever.
        send_resolved: whether those that it told are told of the recovery.
    """

    name: str
    levels: tuple[EscalationLevel, ...]
    severities: frozenset[AlertSeverity] = frozenset()
    acknowledgement_timeout_s: float = 0.0
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class EscalationOptions:
    """The policies that act, by name. Where there are none, routes and receivers are all there is, as in Alertmanager."""

    policies: Mapping[str, EscalationPolicy] = field(default_factory=dict)
