"""What a manager can say of an alert that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from anyascope.sdk.alerting.alert import Alert


class EscalationState(Enum):
    """Where an alert stands."""

    PENDING = "pending"  # taken over, nobody was told yet
    SENT = "sent"  # somebody was told, nobody has answered
    ACKNOWLEDGED = "acknowledged"  # somebody works on it: nobody else is told
    RESOLVED = "resolved"  # over


class SendOutcome(Enum):
    """What became of one attempt to tell one channel."""

    OK = "ok"
    RETRY = "retry"  # not through, tried again
    FAILED = "failed"  # not through, not tried again before the next repeat
    SKIPPED = "skipped"  # the channel does not take this severity
    NO_CHANNEL = "no_channel"  # the policy names a channel that was never added
    ENDED = "ended"  # acknowledged, resolved or told anew before it got through


@dataclass(frozen=True, slots=True)
class SendRecord:
    """One attempt.

    Attributes:
        at_ns: UTC nanoseconds.
        level: of the policy, from 0; -1 for a hand-over.
        repeat: 0 is the level's first telling.
        detail: the far end's answer or what stood in the way, redacted.
    """

    at_ns: int
    channel: str
    level: int
    repeat: int
    outcome: SendOutcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """An alert and what was done about it.

    Attributes:
        alert: as it is told: redacted, with the latest description.
        state: where it stands.
        attempts: how often somebody was tried to be told, hand-overs included.
        repeats: how often the same alert was sent again meanwhile.
        sends: the latest attempts, oldest first.
        acknowledged_by: who answered; empty while nobody did.
        acknowledged_ns, resolved_ns: UTC nanoseconds; 0 while it was not.
    """

    alert: Alert
    state: EscalationState
    attempts: int = 0
    repeats: int = 0
    sends: tuple[SendRecord, ...] = ()
    acknowledged_by: str = ""
    acknowledged_ns: int = 0
    resolved_ns: int = 0
