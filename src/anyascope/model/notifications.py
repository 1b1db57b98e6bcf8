"""What is said to whom about which alerts, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import Labels


class NotificationReason(Enum):
    """Why a receiver is told, in Alertmanager's words."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    SOME_RESOLVED = "some alerts resolved"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"
    # Ours: an escalation policy calls a level for the first time, or again.
    ESCALATED = "escalation level reached"
    ESCALATION_REPEAT = "escalation repeated"

    @property
    def short(self) -> str:
        """`firing`, `resolved` or `repeat`."""
        if self in (NotificationReason.REPEAT, NotificationReason.ESCALATION_REPEAT):
            return "repeat"
        return "resolved" if self in (NotificationReason.SOME_RESOLVED, NotificationReason.ALL_RESOLVED) else "firing"


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """An alert as a notification tells it.

    Attributes:
        fingerprint: its id, 16 hex digits.
        is_firing: whether it fires at the time of the notification.
        ends_ns: when it ended; 0 while it fires.
        is_news: whether this notification is the first to tell the receiver of this state.
        links: addresses to act by, by name, such as `acknowledge`; signed, so they stand in messages alone.
    """

    fingerprint: str
    is_firing: bool
    labels: Labels
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_ns: int = 0
    ends_ns: int = 0
    generator_url: str = ""
    correlation_id: str = ""
    is_news: bool = True
    links: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to be said to one channel of one receiver about one group of alerts.

    Attributes:
        id: never used twice; goes along as `Idempotency-Key` and in `Message-ID`.
        channel: the kind, such as `webhook`.
        integration: which of the receiver's channels: `receiver/kind/index`.
        group_key: Alertmanager's, such as `{}/{team="a"}:{alertname="x"}`.
        alerts: firing ones first, the most severe ones first among them.
        external_url: where people reach this server.
        merges: of a summary, the ids of the notifications that it tells in their place; `covers` their groups' keys.
        stands_in_for: of a fallback, the integration that stays down.
        notice: what delivery itself has to say, such as that a storm was merged; shown with the message.
        policy: the escalation policy that calls; empty where the route tells.
        level: which of its levels, from 0; -1 where it tells of the end.
    """

    id: str
    created_ns: int
    receiver: str
    channel: str
    integration: str
    group_key: str
    reason: NotificationReason
    alerts: tuple[NotifiedAlert, ...]
    group_labels: Labels = ()
    route_labels: Labels = ()
    external_url: str = ""
    merges: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    stands_in_for: str = ""
    notice: str = ""
    policy: str = ""
    level: int = -1

    @property
    def is_firing(self) -> bool:
        """Whether any of its alerts fires."""
        return any(alert.is_firing for alert in self.alerts)


class DeliveryStatus(Enum):
    """Where a notification stands."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class AttemptOutcome(Enum):
    """What became of one attempt to deliver."""

    OK = "ok"
    RETRY = "retry"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `detail` is the far end's answer, or why there was none, without secrets."""

    at_ns: int
    outcome: AttemptOutcome
    detail: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class JournalAlert:
    """An alert as the journal remembers it."""

    id: str
    name: str
    is_firing: bool
    severity: AlertSeverity


@dataclass(frozen=True, slots=True)
class Replay:
    """Somebody had a dead letter sent again."""

    at_ns: int
    by: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What was said, to whom, why, and the attempts.

    Attributes:
        attempts: the first and the latest ones; `attempts_made` counts all.
        parts_done: of a notification that goes out in several parts (recipients, messages), those that are through.
        told_in: the summary that told this one in its place; its status is the summary's.
        merged: of a summary, how many notifications it tells.
        stands_in_for: of a fallback, the integration that was down.
        copies: the fallbacks' notifications that told this one while its own channel was down.
        replays: who had it sent again after it had failed.
        policy: the escalation policy that called, and its `level` from 0; empty and -1 where the route told.
    """

    id: str
    at_ns: int
    receiver: str
    channel: str
    integration: str
    status: DeliveryStatus
    group_key: str
    reason: NotificationReason
    alerts: tuple[JournalAlert, ...]
    attempts: tuple[Attempt, ...] = ()
    attempts_made: int = 0
    parts_done: tuple[str, ...] = ()
    told_in: str = ""
    merged: int = 0
    stands_in_for: str = ""
    copies: tuple[str, ...] = ()
    replays: tuple[Replay, ...] = ()
    policy: str = ""
    level: int = -1

    @property
    def queued_ns(self) -> int:
        """Since when it is tried: when it was made, or last sent again."""
        return self.replays[-1].at_ns if self.replays else self.at_ns


class ChannelState(Enum):
    """How a channel is. `OPEN` is a circuit breaker's word: nothing is sent but a probe now and then."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One integration as delivery sees it.

    Attributes:
        waiting: notifications that are not through.
        dead: notifications that failed and can be sent again.
        since_ns: when it came into this state; 0 where it was never in another.
        last_error: how the last attempt failed; empty after one that went well.
    """

    key: str
    kind: str
    receiver: str
    state: ChannelState
    waiting: int = 0
    dead: int = 0
    since_ns: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Entries, newest first, and the cursor to go on from (empty at the end)."""

    entries: tuple[JournalEntry, ...] = ()
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """An alert that `alerting` knows, firing or lately resolved.

    Attributes:
        id: its fingerprint.
        ends_ns: when it ended; 0 while it fires.
        expires_ns: while it fires: when it will count as resolved if nothing is heard of it again.
        receivers: who is told of it, one a route that it matches.
        silenced_by: ids of silences that mute it now.
        inhibited_by: fingerprints of alerts that mute it now.
        muted_by: names of time intervals that mute all its routes now.
        is_flapping: whether it comes and goes, so that its ends are told only once it is calm.
    """

    id: str
    name: str
    is_firing: bool
    severity: AlertSeverity
    category: AlertCategory
    source: str
    title: str
    labels: Labels
    annotations: Mapping[str, str]
    starts_ns: int
    ends_ns: int = 0
    expires_ns: int = 0
    updated_ns: int = 0
    generator_url: str = ""
    correlation_id: str = ""
    receivers: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    is_flapping: bool = False


@dataclass(frozen=True, slots=True)
class AlertGroupStatus:
    """Alerts of one route that are told together; `muted_by` of each is what mutes this route now."""

    labels: Labels
    receiver: str
    alerts: tuple[AlertStatus, ...]
    route_labels: Labels = ()
