"""Follows the desk: keeps each alert's care and time line, lets policies climb, and ends what has run out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from prometheus_client import CollectorRegistry

from anyascope.alerting.book import Book
from anyascope.alerting.escalation.calls import Caller
from anyascope.alerting.escalation.care import (
    AT_ONCE_S,
    KIND_CARE,
    Care,
    Request,
    lapse,
    miss,
    misses_ns,
    respond,
)
from anyascope.alerting.escalation.cares import Cares
from anyascope.alerting.escalation.events import EventLog, fired, put_told, resolved
from anyascope.alerting.escalation.ladders import Ladders, Looked
from anyascope.alerting.escalation.policy import Directory, choose_policy
from anyascope.alerting.escalation.tally import Tally
from anyascope.alerting.flapping import STEADY
from anyascope.alerting.intake import HeldAlert, ended
from anyascope.alerting.routing import Route, group_id, group_key
from anyascope.alerting.steps import Heard, Look, Step
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError, NotFoundError
from anyascope.ids import Ids
from anyascope.model.documents import Change, Delete
from anyascope.model.escalation import EscalationOptions, EscalationPolicy
from anyascope.model.receivers import Receiver
from anyascope.model.responses import AlertCare, AlertEvent, ResponseAction
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.semconv.alerts import traits_of
from anyascope.store.api.documents import DocumentStore

TIDY_EVERY_S = 300.0  # how often cares of alerts that the desk has forgotten are forgotten too
# A sender that goes on telling of what somebody resolved by hand is believed again after a day: a page never gets lost.
RESOLVED_BY_HAND_S_MAX = 86_400.0

log = structlog.get_logger("anyascope.alerting")


@dataclass(frozen=True, slots=True)
class Means:
    """What escalation works with, exchanged by a reload.

    Attributes:
        options: the policies that act.
        receivers: whom they may tell, by name.
        external_url: where people reach this server.
    """

    options: EscalationOptions = field(default_factory=EscalationOptions)
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    external_url: str = ""


@dataclass(slots=True)
class _Draft:
    """A step under way: cares as they will be, what happened, which groups are to be looked at."""

    cares: dict[str, Care] = field(default_factory=dict)
    events: list[tuple[str, AlertEvent]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    pressed: set[str] = field(default_factory=set)
    counted: list[Callable[[], None]] = field(default_factory=list)
    muted: dict[str, frozenset[str]] = field(default_factory=dict)  # by group, found once a step


class Escalation:
    """A `Follower` and a `Stage` of the desk.

    Args:
        documents: holds cares, climbs and events.
        means: policies and receivers.
        clock: time.
        ids: names events and notifications.
        registry: for the counters.
    """

    name = "snoozed"

    def __init__(
        self, documents: DocumentStore, *, means: Means, clock: Clock, ids: Ids, registry: CollectorRegistry
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._ids = ids
        self._log = EventLog(ids)
        self._cares = Cares()
        self._ladders = Ladders()
        self._group_of: dict[str, str] = {}  # of alerts that a policy acts on
        self._tally = Tally(registry, climbing=self._ladders.climbing)
        self._tidy_ns = clock.now_ns() + int(TIDY_EVERY_S * NS_PER_S)
        self._looks: tuple[int, dict[str, Look]] = (0, {})  # the desk's own, at this time
        self._configure(means)

    async def load(self) -> None:
        """Read what is stored, before the desk starts.

        Raises:
            UnavailableError: the store cannot be read.
        """
        now_ns = self._clock.now_ns()
        await self._cares.load(self._documents, now_ns=now_ns)
        await self._ladders.load(self._documents, now_ns=now_ns)

    def reload(self, means: Means) -> Callable[[Book, int], Step]:
        """What the desk is to `change`, so that these policies act from now on, on alerts that fire already too."""
        return lambda _book, _now_ns: Step(hold=lambda: self._configure(means))

    def _configure(self, means: Means) -> None:
        self._policies = means.options.policies
        directory = Directory(means.receivers)
        self._caller = Caller(directory, ids=self._ids, external_url=means.external_url)
        self._missing = directory.missing(self._policies.values())
        self._is_fresh = True  # every alert and group is to be looked at
        if self._missing:
            log.warning("escalation_tells_nobody", missing=self._missing)

    def health(self) -> Sequence[ComponentHealth]:
        """Whether every level of every policy has somebody to tell."""
        if not self._policies:
            return ()
        climbing = self._ladders.climbing()
        if self._missing:
            message = f"nobody to tell: {', '.join(self._missing)}"
            advice = "add receivers with such channels, or write the policies yourself (escalation_policies)"
            return (ComponentHealth("escalation", "alerting", HealthStatus.DEGRADED, message, advice),)
        message = f"policies: {len(self._policies)}, groups that call people: {climbing}"
        return (ComponentHealth("escalation", "alerting", HealthStatus.HEALTHY, message),)

    # --- for people ---------------------------------------------------------------------------------------------------

    def policies(self) -> Sequence[EscalationPolicy]:
        """The policies that act."""
        return list(self._policies.values())

    def began_ns(self, alert: HeldAlert) -> int:
        """When the episode that people know began; what comes and goes is one."""
        care = self._cares.get(alert.fingerprint)
        return alert.received_ns if care is None else care.began_ns

    def care_of(self, fingerprint: str) -> AlertCare:
        """How people stand to an alert."""
        care = self._cares.get(fingerprint)
        if care is None:
            return AlertCare()
        policy, group = self._policies.get(care.policy), self._group_of.get(fingerprint, "")
        return AlertCare(
            policy=care.policy,
            acknowledgement=care.acknowledgement,
            assigned_to=care.assigned_to,
            snoozed_until_ns=0 if care.ended_ns else care.snoozed_until_ns,
            deadline_ns=care.deadline_ns,
            is_deadline_missed=care.is_deadline_missed,
            escalation=None if policy is None else self._ladders.status(group, policy, fingerprint),
        )

    def respond(self, book: Book, fingerprint: str, request: Request, *, now_ns: int) -> tuple[Step, str]:
        """The step that a checked request comes to, and what the person should know.

        Raises:
            NotFoundError: there is no such alert.
            ConflictError: the alert has ended, or there is nothing to take back or to climb.
        """
        alert = book.alerts.get(fingerprint)
        if alert is None:
            raise NotFoundError(f"there is no alert {fingerprint}")
        care = self._cares.get(fingerprint) or Care(fingerprint, alert.received_ns)
        policy = self._policies.get(care.policy)
        timeout_s = 0.0 if policy is None else policy.acknowledgement_timeout_s
        answer = respond(care, request, alert, ack_timeout_s=timeout_s, now_ns=now_ns)
        draft, alerts = _Draft(events=[(fingerprint, answer.event)]), []
        draft.counted.append(lambda: self._tally.responded(request.action))
        group = self._group_of.get(fingerprint, "")
        if request.action is ResponseAction.ESCALATE:
            if policy is None:
                raise ConflictError("no escalation policy acts on the alert")
            if care.is_held or fingerprint in self._muted(book, draft, group, now_ns=now_ns):
                raise ConflictError("the alert is acknowledged, snoozed or muted: nobody is called for it")
            draft.pressed.add(f"{group}-{policy.name}")
        after = answer.care
        if request.action is ResponseAction.RESOLVE:
            alerts = [ended(replace(alert, ends_ns=min(alert.ends_ns, now_ns), updated_ns=now_ns, pulse=STEADY))]
            after = replace(
                self._after_end(after, alert, draft, ends_ns=now_ns), answered_ns=care.answered_ns or now_ns
            )
        elif policy is not None:
            draft.groups.add(group)
        if after != care:
            draft.cares[fingerprint] = after
            if after.answered_ns and not care.answered_ns:
                self._count_answer(draft, after, alert, now_ns=now_ns)
        step = self._step(book, draft, now_ns=now_ns)
        if alerts and policy is not None:
            # The desk holds the end after this step; then the group is looked at, and the end told.
            return _then(step, lambda: self._ladders.wake([group], at_ns=now_ns), alerts), answer.notice
        return replace(step, alerts=alerts), answer.notice

    # --- a stage ------------------------------------------------------------------------------------------------------

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:  # noqa: ARG002
        """Quiet while somebody wants it so."""
        care = self._cares.get(alert.fingerprint)
        is_snoozed = care is not None and care.snoozed_until_ns > now_ns and not care.ended_ns
        return (self.name,) if is_snoozed else ()

    # --- a follower ---------------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When something runs out, or a group is to be looked at."""
        if self._is_fresh:
            return 0
        times = [at_ns for at_ns in (self._cares.next_ns(), self._ladders.next_ns()) if at_ns is not None]
        return min([self._tidy_ns, *times]) if times or len(self._cares) else None

    def on_heard(self, book: Book, heard: Sequence[Heard], *, now_ns: int) -> Step:
        """Episodes begin and end."""
        alerts: list[HeldAlert] = []
        draft = _Draft()
        for one in heard:
            alert, before = one.alert, one.before
            was_firing = before is not None and before.is_firing(now_ns)
            if alert.is_firing(now_ns) == was_firing:
                continue
            care = self._cares.get(alert.fingerprint)
            if was_firing:
                self._end(draft, care, alert)
            elif care is not None and _is_closed(care, alert, now_ns=now_ns):
                alerts.append(before or ended(replace(alert, ends_ns=care.ended_ns)))
            else:
                if before is not None:
                    draft.events += [(alert.fingerprint, fired(before)), (alert.fingerprint, resolved(before))]
                if care is None or not alert.pulse.is_flapping(now_ns):
                    self._begin(book, draft, care, alert)
                else:
                    # What comes and goes is one matter to people: whoever has acknowledged it has.
                    self._go_on(draft, care)
        woken, draft.groups = draft.groups, set()  # the book does not hold these alerts yet
        step = self._step(book, draft, now_ns=now_ns)
        return _then(step, lambda: self._ladders.wake(woken, at_ns=now_ns), alerts)

    def on_looked(self, book: Book, looks: Sequence[Look], *, now_ns: int) -> Step:
        """Notifications are remembered by group; ends that nobody told us of are noticed."""
        self._looks = (now_ns, {look.group.id: look for look in looks})
        draft = _Draft()
        for fingerprint in {fingerprint for look in looks for fingerprint in look.decision.dropped}:
            alert = book.alerts[fingerprint]
            if not alert.is_ended:
                self._end(draft, self._cares.get(fingerprint), alert)
        draft.groups.clear()  # a climb looks by itself when an alert runs out
        step = self._step(book, draft, now_ns=now_ns)
        told = [put_told(look.group.id, one) for look in looks for one in look.notifications]
        return replace(step, changes=[*told, *step.changes])

    def on_due(self, book: Book, *, now_ns: int) -> Step:
        """What has run out is over, and whoever is to be called is called."""
        draft = _Draft(groups=self._ladders.due(now_ns=now_ns))
        if self._is_fresh:
            self._refresh(book, draft, now_ns=now_ns)
        for care in self._cares.due(now_ns=now_ns):
            self._run_out(book, draft, care, now_ns=now_ns)
        gone = self._forgotten(book, now_ns=now_ns) if self._tidy_ns <= now_ns else []
        step = self._step(book, draft, now_ns=now_ns)

        def hold() -> None:
            self._is_fresh = False
            step.hold()
            self._cares.passed(now_ns=now_ns)
            for fingerprint in gone:
                self._cares.forget(fingerprint)
                self._group_of.pop(fingerprint, None)
            if self._tidy_ns <= now_ns:
                self._tidy_ns = now_ns + int(TIDY_EVERY_S * NS_PER_S)

        deletes = [Delete(KIND_CARE, one) for one in gone if self._cares.is_stored(one)]
        return replace(step, changes=[*step.changes, *deletes], hold=hold)

    def on_clock_set(self, *, by_ns: int, now_ns: int) -> Step:  # noqa: ARG002
        """What lies ahead moves along."""
        cares = [care.moved(by_ns=by_ns) for care in self._cares if not care.ended_ns]
        climbs = self._ladders.moved(by_ns=by_ns)

        def hold() -> None:
            self._tidy_ns += by_ns
            self._cares.hold(*cares)
            self._cares.restart()
            self._ladders.hold_moved(climbs, by_ns=by_ns)

        changes = [*self._cares.changes_for(cares), *self._ladders.changes_of(climbs)]
        return Step(changes=changes, hold=hold)

    # --- parts of a step ----------------------------------------------------------------------------------------------

    def _step(self, book: Book, draft: _Draft, *, now_ns: int) -> Step:
        """The draft as a step: what is stored, told, and held afterwards."""
        looked = Looked()
        if draft.groups:
            looks_ns, looks = self._looks
            looked = self._ladders.look(
                book,
                draft.groups,
                self._policies,
                self._caller,
                care_of=lambda fingerprint: draft.cares.get(fingerprint) or self._cares.get(fingerprint),
                pressed=draft.pressed,
                looks=looks if looks_ns == now_ns else {},
                now_ns=now_ns,
            )
        changes: list[Change] = [
            self._log.put(fingerprint, event, groups=self._groups(book, fingerprint))
            for fingerprint, event in draft.events
        ]
        changes.extend(self._cares.changes_for(draft.cares.values()))
        changes.extend(looked.changes)
        changes.extend(self._log.put_shared(*shared) for shared in looked.events)
        changes.extend(put_told(group, one) for group, one in looked.notifications)

        def hold() -> None:
            self._cares.hold(*draft.cares.values())
            self._ladders.hold(book, looked)
            for count in draft.counted:
                count()
            for _, one in looked.notifications:
                self._tally.escalated(one.policy, one.level)

        return Step(notifications=[one for _, one in looked.notifications], changes=changes, hold=hold)

    def _begin(self, book: Book, draft: _Draft, care: Care | None, alert: HeldAlert) -> None:
        """A new episode: the policy of the alert, its deadline, and nobody's answers."""
        fresh = self._with_policy(book, Care(alert.fingerprint, alert.received_ns), alert)
        if care is not None or fresh.policy:
            draft.cares[alert.fingerprint] = fresh
        if fresh.policy:
            draft.groups.add(self._group_of[alert.fingerprint])

    def _go_on(self, draft: _Draft, care: Care) -> None:
        draft.cares[care.fingerprint] = replace(care, ended_ns=0)
        if care.policy and care.fingerprint in self._group_of:
            draft.groups.add(self._group_of[care.fingerprint])

    def _with_policy(self, book: Book, care: Care, alert: HeldAlert) -> Care:
        routes = book.routes_of(alert)
        policy = choose_policy(
            self._policies,
            labels=alert.labels,
            annotations=alert.annotations,
            route_labels=routes[0].labels,
            severity=alert.severity,
        )
        if policy is None:
            return replace(care, policy="", deadline_ns=0)
        self._group_of[alert.fingerprint] = groups_of(book, alert)[0]
        deadline_ns = care.began_ns + traits_of(alert.severity).deadline_s * NS_PER_S
        return replace(care, policy=policy.name, deadline_ns=deadline_ns)

    def _end(self, draft: _Draft, care: Care | None, alert: HeldAlert) -> None:
        after = self._after_end(care or Care(alert.fingerprint, alert.received_ns), alert, draft, ends_ns=alert.ends_ns)
        if care is not None:
            draft.cares[alert.fingerprint] = after
            if not care.is_plain:
                # Somebody did something about this episode: its time line outlives the desk's memory of it.
                draft.events += [(alert.fingerprint, fired(replace(alert, received_ns=care.began_ns)))]
                draft.events += [(alert.fingerprint, resolved(alert))]
            if care.policy and alert.fingerprint in self._group_of:
                draft.groups.add(self._group_of[alert.fingerprint])

    def _after_end(self, care: Care, alert: HeldAlert, draft: _Draft, *, ends_ns: int) -> Care:
        took_s = max(ends_ns - care.began_ns, 0) / NS_PER_S
        draft.counted.append(lambda: self._tally.ended(alert.severity, seconds=took_s))
        return replace(care, ended_ns=ends_ns)

    def _count_answer(self, draft: _Draft, care: Care, alert: HeldAlert, *, now_ns: int) -> None:
        took_s = (now_ns - care.began_ns) / NS_PER_S
        draft.counted.append(lambda: self._tally.answered(alert.severity, seconds=took_s))
        if care.deadline_ns and not care.is_deadline_missed:
            draft.counted.append(lambda: self._tally.deadline(alert.severity, is_met=True))

    def _run_out(self, book: Book, draft: _Draft, care: Care, *, now_ns: int) -> None:
        """Answers that lapsed, and a deadline that nobody met."""
        fingerprint = care.fingerprint
        care = draft.cares.get(fingerprint, care)
        alert, group = book.alerts.get(fingerprint), self._group_of.get(fingerprint, "")
        if alert is None:
            return
        after, events = lapse(care, now_ns=now_ns)
        draft.events.extend((fingerprint, event) for event in events)
        if 0 < misses_ns(after) <= now_ns and alert.is_firing(now_ns):
            if fingerprint in self._muted(book, draft, group, now_ns=now_ns):
                # Nobody could hear of it: whoever hears of it later has the whole time.
                again_s = max(traits_of(alert.severity).deadline_s, AT_ONCE_S)
                after = replace(after, deadline_ns=now_ns + int(again_s * NS_PER_S))
            else:
                after, event = miss(after, now_ns=now_ns)
                draft.events.append((fingerprint, event))
                draft.counted.append(lambda: self._tally.deadline(alert.severity, is_met=False))
                if traits_of(alert.severity).deadline_s:
                    # Where one must act at once, the policy itself is what follows from nobody's doing so.
                    draft.pressed.add(f"{group}-{after.policy}")
        if after != care:
            draft.cares[fingerprint] = after
        if after.policy:
            draft.groups.add(group)

    def _refresh(self, book: Book, draft: _Draft, *, now_ns: int) -> None:
        """After a start or a reload: each alert's policy as it is now, and every group looked at."""
        for fingerprint, alert in book.alerts.items():
            if not alert.is_firing(now_ns):
                continue
            care = self._cares.get(fingerprint)
            known = care or Care(fingerprint, alert.received_ns)
            after = self._with_policy(book, known, alert)
            if after.policy and not known.policy and not self._ladders.has(self._group_of[fingerprint], after.policy):
                # It fired before a policy cared: whoever is called now gets the whole time.
                after = replace(after, deadline_ns=now_ns + after.deadline_ns - known.began_ns)
            if after != known:
                draft.cares[fingerprint] = after
        draft.groups.update(book.groups)
        draft.groups.update(self._ladders.groups())

    @staticmethod
    def _groups(book: Book, fingerprint: str) -> list[str]:
        alert = book.alerts.get(fingerprint)
        return [] if alert is None else groups_of(book, alert)

    @staticmethod
    def _muted(book: Book, draft: _Draft, group: str, *, now_ns: int) -> frozenset[str]:
        if group not in draft.muted:
            found = book.groups.get(group)
            draft.muted[group] = frozenset() if found is None else book.muted(found, now_ns=now_ns)
        return draft.muted[group]

    def _forgotten(self, book: Book, *, now_ns: int) -> list[str]:
        """Alerts that the desk holds no longer, but for those that somebody resolved lately: they are not to return."""
        oldest_ns = now_ns - int(RESOLVED_BY_HAND_S_MAX * NS_PER_S)
        return [
            care.fingerprint
            for care in self._cares
            if care.fingerprint not in book.alerts and care.resolved_by_hand_ns <= oldest_ns
        ]


def groups_of(book: Book, alert: HeldAlert) -> list[str]:
    """Ids of the groups that an alert belongs to; the first one's is where a policy calls."""
    routes = book.routes_of(alert)
    return [group_id(group_key(route, route.group_labels(alert.labels)), route.receiver) for route in routes]


def _then(step: Step, action: Callable[[], None], alerts: Iterable[HeldAlert]) -> Step:
    def hold() -> None:
        step.hold()
        action()

    return replace(step, alerts=[*alerts], hold=hold)


def _is_closed(care: Care, alert: HeldAlert, *, now_ns: int) -> bool:
    """Whether this is only the sender, who goes on telling of what somebody resolved by hand."""
    since_ns = care.resolved_by_hand_ns
    is_old = alert.starts_ns <= since_ns and now_ns - since_ns < RESOLVED_BY_HAND_S_MAX * NS_PER_S
    return since_ns > 0 and is_old
