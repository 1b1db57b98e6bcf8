"""Groups of alerts that are told together: who must be told what, decided without side effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.routing import Route
from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertSeverity
from anyascope.model.documents import Document, Json, Put
from anyascope.model.labels import Labels
from anyascope.model.notifications import NotificationReason, NotifiedAlert
from anyascope.model.receivers import Integration
from anyascope.semconv.alerts import traits_of

KIND_GROUP = "alert-group"
ANNOTATION_FLAPPING = "flapping"
FLAPPING_TEXT = "It comes and goes. Its end will be told once it has been calm for 15 minutes."
CRITICAL_GAP_S = 1.0  # criticals that trickle into a new group are told at most this often, and each within this time


@dataclass(frozen=True, slots=True)
class Told:
    """What one channel was last told of a group. `at_ns` is the beat of that look (see `Timing.beat_ns`)."""

    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """When a group is looked at.

    Attributes:
        due_ns: as the route's timing has it.
        is_flushed: whether `group_wait` is over; from then on `group_interval` counts.
        early_ns: when a critical alert wants a look sooner; 0 where none does.
        early_told_ns: when that last happened.
    """

    due_ns: int
    is_flushed: bool = False
    early_ns: int = 0
    early_told_ns: int = 0

    @property
    def next_ns(self) -> int:
        """The next look."""
        return min(self.due_ns, self.early_ns) if self.early_ns else self.due_ns

    def hastened(self, alert: HeldAlert, *, is_news: bool, now_ns: int) -> Timing:
        """After an alert joined: `group_wait` does not hold for criticals."""
        is_urgent = is_news and alert.severity is AlertSeverity.CRITICAL
        if self.is_flushed or not is_urgent or not alert.is_firing(now_ns):
            return self
        gap_ns = int(CRITICAL_GAP_S * NS_PER_S) if self.early_told_ns else 0
        free_ns = max(now_ns, self.early_told_ns + gap_ns)
        return replace(self, early_ns=min(self.early_ns, free_ns) if self.early_ns else free_ns)

    def beat_ns(self, route: Route, *, now_ns: int) -> int:
        """The time that a look now stands for: when it was due, however late it is; now, if it is early."""
        if self.due_ns > now_ns:
            return now_ns
        return next_flush_ns(self.due_ns, route, now_ns=now_ns) - _interval_ns(route)

    def advanced(self, route: Route, *, now_ns: int) -> Timing:
        """After a look."""
        if self.due_ns <= now_ns:
            return Timing(next_flush_ns(self.due_ns, route, now_ns=now_ns), is_flushed=True)
        return replace(self, early_ns=0, early_told_ns=now_ns)

    def postponed(self, *, until_ns: int) -> Timing:
        """After a look that could not be recorded."""
        return replace(self, due_ns=max(self.due_ns, until_ns), early_ns=until_ns)

    def bounded(self, route: Route, *, now_ns: int) -> Timing:
        """As it was stored, but no further ahead than a wait of the route: the wall clock may have been set since."""
        longest_ns = _interval_ns(route) if self.is_flushed else int(route.group_wait_s * NS_PER_S)
        return replace(self, due_ns=min(self.due_ns, now_ns + longest_ns))

    def moved(self, *, by_ns: int) -> Timing:
        """After the wall clock was set by this much."""
        early_ns = self.early_ns + by_ns if self.early_ns else 0
        early_told_ns = self.early_told_ns + by_ns if self.early_told_ns else 0
        return replace(self, due_ns=self.due_ns + by_ns, early_ns=early_ns, early_told_ns=early_told_ns)


@dataclass(slots=True)
class Group:
    """Alerts of one route that share their group labels. `told` is by integration key."""

    id: str
    key: str
    route: Route
    labels: Labels
    timing: Timing
    alerts: dict[str, HeldAlert] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)

    def is_told(self, fingerprint: str) -> bool:
        """Whether some channel was told that this alert fires, and not yet that it ended."""
        return any(fingerprint in told.firing for told in self.told.values())

    def insert(self, alert: HeldAlert, *, now_ns: int) -> None:
        """Take an alert in, or what is new of it."""
        self.alerts[alert.fingerprint] = alert
        is_news = not self.is_told(alert.fingerprint)
        self.timing = self.timing.hastened(alert, is_news=is_news, now_ns=now_ns)


def next_flush_ns(due_ns: int, route: Route, *, now_ns: int) -> int:
    """The first time after now that lies a whole number of `group_interval` after `due_ns`."""
    interval_ns = _interval_ns(route)
    return due_ns + ((now_ns - due_ns) // interval_ns + 1) * interval_ns


def first_look(alert: HeldAlert, route: Route, *, now_ns: int) -> Timing:
    """When a group is first looked at, by the alert that founds it: after `group_wait`, or at once if that fires for longer.

    Source: Alertmanager 0.33; what joins later does not cut the wait short, however old it is.
    """
    wait_ns = int(route.group_wait_s * NS_PER_S)
    is_old = alert.starts_ns + wait_ns < now_ns
    return Timing(now_ns if is_old else alert.received_ns + wait_ns)


def _interval_ns(route: Route) -> int:
    return max(int(route.group_interval_s * NS_PER_S), 1)


@dataclass(frozen=True, slots=True)
class Tell:
    """One channel must be told."""

    integration: Integration
    reason: NotificationReason
    alerts: tuple[NotifiedAlert, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look at a group comes to.

    Attributes:
        told: the group's `told` afterwards.
        dropped: ended alerts that the group need not remember any longer.
    """

    tells: tuple[Tell, ...]
    told: Mapping[str, Told]
    dropped: frozenset[str]


def decide(group: Group, integrations: Sequence[Integration], *, muted: AbstractSet[str], now_ns: int) -> Decision:
    """Whom to tell what about a group now. Nothing is changed.

    Alertmanager's rules: a channel is told when an alert fires that it was not told of, when one has ended (if it wants
    to hear that), when all have ended, and else when `repeat_interval` has passed. Muted alerts stay as they were told:
    one that ends while muted is kept until the channel may be told, so that whoever was told of a start hears of the end.
    """
    visible = {fp: alert for fp, alert in group.alerts.items() if fp not in muted}
    firing = frozenset(fp for fp, alert in visible.items() if alert.is_told_as_firing(now_ns))
    seen = _Seen(firing, frozenset(visible) - firing, muted)
    tells: list[Tell] = []
    told_after: dict[str, Told] = {}
    beat_ns = group.timing.beat_ns(group.route, now_ns=now_ns)
    for integration in integrations:
        told = _held_part(group.told.get(integration.key), group.alerts)
        reason = _reason(
            told, seen, wants_resolved=integration.send_resolved, repeat_before_ns=beat_ns - _repeat_ns(group)
        )
        if reason is None:
            if told is not None:
                told_after[integration.key] = told
            continue
        kept = told.firing & muted if told is not None else frozenset()
        told_after[integration.key] = Told(firing=firing | kept, resolved=seen.resolved, at_ns=beat_ns)
        alerts = [alert for fp, alert in visible.items() if fp in firing or integration.send_resolved]
        if alerts:
            tells.append(Tell(integration, reason, notified(alerts, told, now_ns=now_ns)))
    ended = frozenset(fp for fp, alert in group.alerts.items() if not alert.is_told_as_firing(now_ns))
    dropped = ended - frozenset(fp for told in told_after.values() for fp in told.firing & muted)
    # Where ends are not told, an alert that ended must be forgotten, so that its return is news.
    told_after = {key: replace(told, firing=told.firing - dropped) for key, told in told_after.items()}
    return Decision(tuple(tells), told_after, dropped)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Fingerprints by what can be said of them now."""

    firing: frozenset[str]
    resolved: frozenset[str]
    muted: AbstractSet[str]


def _repeat_ns(group: Group) -> int:
    return int(group.route.repeat_interval_s * NS_PER_S)


def _held_part(told: Told | None, alerts: Mapping[str, HeldAlert]) -> Told | None:
    # An alert that moved to another group, since the routes were changed, is that group's to tell.
    if told is None or told.firing <= alerts.keys():
        return told
    return Told(firing=told.firing & alerts.keys(), resolved=told.resolved, at_ns=told.at_ns)


def _reason(
    told: Told | None, seen: _Seen, *, wants_resolved: bool, repeat_before_ns: int
) -> NotificationReason | None:
    if told is None:
        return NotificationReason.FIRST if seen.firing else None
    if not seen.firing <= told.firing:
        return NotificationReason.NEW_ALERTS
    if not seen.firing:
        # Also where ends are not told: what it was told of must be forgotten.
        return NotificationReason.ALL_RESOLVED if told.firing - seen.muted else None
    if wants_resolved and not seen.resolved <= told.resolved:
        return NotificationReason.SOME_RESOLVED
    return NotificationReason.REPEAT if told.at_ns <= repeat_before_ns else None


def notified(alerts: Iterable[HeldAlert], told: Told | None, *, now_ns: int) -> tuple[NotifiedAlert, ...]:
    """These alerts as they are told: firing ones first, then by severity, job, instance and labels."""
    known = told or Told()
    shown = [(_order(alert, now_ns), _notified(alert, known, now_ns=now_ns)) for alert in alerts]
    return tuple(alert for _, alert in sorted(shown, key=lambda pair: pair[0]))


def _order(alert: HeldAlert, now_ns: int) -> tuple[bool, int, str, str, Labels]:
    labels = dict(alert.labels)
    rank = traits_of(alert.severity).rank
    return (not alert.is_told_as_firing(now_ns), rank, labels.get("job", ""), labels.get("instance", ""), alert.labels)


def _notified(alert: HeldAlert, told: Told, *, now_ns: int) -> NotifiedAlert:
    is_firing = alert.is_told_as_firing(now_ns)
    annotations = {**alert.annotations, ANNOTATION_FLAPPING: FLAPPING_TEXT} if alert.pulse.is_flapping(now_ns) else None
    return NotifiedAlert(
        fingerprint=alert.fingerprint,
        is_firing=is_firing,
        labels=alert.labels,
        annotations=annotations or alert.annotations,
        starts_ns=alert.starts_ns,
        ends_ns=0 if is_firing else alert.ends_ns,
        generator_url=alert.generator_url,
        correlation_id=alert.correlation_id,
        is_news=alert.fingerprint not in (told.firing if is_firing else told.resolved),
    )


# --- documents --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """What is stored of a group; its alerts are stored for themselves."""

    id: str
    timing: Timing
    told: Mapping[str, Told]


def put_group(group: Group, timing: Timing, told: Mapping[str, Told]) -> Put:
    """What stores a group as it is after a look at it."""
    body: dict[str, Json] = {
        "key": group.key,
        "receiver": group.route.receiver,
        "due_ns": timing.due_ns,
        "is_flushed": timing.is_flushed,
        "told": {key: _told_body(one) for key, one in told.items()},
    }
    return Put(KIND_GROUP, group.id, body)


def group_of(document: Document) -> GroupRecord:
    """The group that was stored."""
    body = document.body
    told, due_ns = body["told"], body["due_ns"]
    assert isinstance(told, dict)  # we wrote it
    assert isinstance(due_ns, int)
    return GroupRecord(
        id=document.key,
        timing=Timing(due_ns, is_flushed=body["is_flushed"] is True),
        told={key: _told_of(one) for key, one in told.items()},
    )


def _told_body(told: Told) -> Json:
    firing: list[Json] = [*sorted(told.firing)]
    resolved: list[Json] = [*sorted(told.resolved)]
    return {"firing": firing, "resolved": resolved, "at_ns": told.at_ns}


def _told_of(value: Json) -> Told:
    assert isinstance(value, dict)  # we wrote it
    firing, resolved, at_ns = value["firing"], value["resolved"], value["at_ns"]
    assert isinstance(firing, list)
    assert isinstance(resolved, list)
    assert isinstance(at_ns, int)
    return Told(frozenset(map(str, firing)), frozenset(map(str, resolved)), at_ns)
