"""Follows the desk: keeps each alert's care and time line, and ends what has run out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace

from anyascope.alerting.book import Book
from anyascope.alerting.escalation.care import (
    KIND_CARE,
    Care,
    Request,
    care_of,
    lapse,
    lapses_ns,
    put_care,
    respond,
)
from anyascope.alerting.escalation.events import EventLog, put_told
from anyascope.alerting.intake import HeldAlert, ended
from anyascope.alerting.routing import Route, group_id, group_key
from anyascope.alerting.steps import Heard, Look, Step
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError, NotFoundError
from anyascope.ids import Ids
from anyascope.model.documents import Change, Delete
from anyascope.model.responses import AlertCare, AlertEvent, AlertEventKind, ResponseAction
from anyascope.store.api.documents import DocumentStore, every_document

TIDY_EVERY_S = 300.0  # how often cares of alerts that the desk has forgotten are forgotten too
# A sender that goes on telling of what somebody resolved by hand is believed again after a day: a page never gets lost.
RESOLVED_BY_HAND_S_MAX = 86_400.0


class Escalation:
    """A `Follower` and a `Stage` of the desk.

    Args:
        documents: holds cares and events.
        clock: time.
        ids: names events.
    """

    name = "snoozed"

    def __init__(self, documents: DocumentStore, *, clock: Clock, ids: Ids) -> None:
        self._documents = documents
        self._log = EventLog(ids)
        self._cares: dict[str, Care] = {}
        self._lapses: list[tuple[int, str]] = []
        self._tidy_ns = clock.now_ns() + int(TIDY_EVERY_S * NS_PER_S)

    async def load(self) -> None:
        """Read what is stored, before the desk starts.

        Raises:
            UnavailableError: the store cannot be read.
        """
        async for document in every_document(self._documents, KIND_CARE):
            self._hold(care_of(document))

    # --- for people ---------------------------------------------------------------------------------------------------

    def care_of(self, fingerprint: str) -> AlertCare:
        """How people stand to an alert."""
        care = self._cares.get(fingerprint)
        if care is None:
            return AlertCare()
        return AlertCare(
            policy=care.policy,
            acknowledgement=care.acknowledgement,
            assigned_to=care.assigned_to,
            snoozed_until_ns=care.snoozed_until_ns,
            deadline_ns=care.deadline_ns,
            is_deadline_missed=care.is_deadline_missed,
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
        if request.action is ResponseAction.ESCALATE and not care.policy:
            raise ConflictError("no escalation policy acts on the alert")
        answer = respond(care, request, alert, ack_timeout_s=0.0, now_ns=now_ns)
        changes: list[Change] = [self._log.put(fingerprint, answer.event)]
        after, alerts = answer.care, []
        if request.action is ResponseAction.RESOLVE:
            alerts = [ended(replace(alert, ends_ns=now_ns, updated_ns=now_ns))]
            after = replace(after, ended_ns=now_ns)
        if after != care:
            changes.append(put_care(after))
        return Step(changes=changes, alerts=alerts, hold=lambda: self._hold(after)), answer.notice

    # --- a stage ------------------------------------------------------------------------------------------------------

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:  # noqa: ARG002
        """Quiet while somebody wants it so."""
        care = self._cares.get(alert.fingerprint)
        is_snoozed = care is not None and care.snoozed_until_ns > now_ns and not care.ended_ns
        return (self.name,) if is_snoozed else ()

    # --- a follower ---------------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When something lapses next."""
        if not self._cares:
            return None
        return min(self._tidy_ns, self._lapses[0][0]) if self._lapses else self._tidy_ns

    def on_heard(self, book: Book, heard: Sequence[Heard], *, now_ns: int) -> Step:
        """Episodes begin and end."""
        changes: list[Change] = []
        alerts: list[HeldAlert] = []
        cares: list[Care] = []
        for one in heard:
            alert, before = one.alert, one.before
            was_firing = before is not None and before.is_firing(now_ns)
            if alert.is_firing(now_ns) == was_firing:
                continue
            care = self._cares.get(alert.fingerprint)
            if was_firing:
                changes.append(self._log.put(alert.fingerprint, _resolved(alert.ends_ns)))
                if care is not None:
                    cares.append(replace(care, ended_ns=alert.ends_ns, snoozed_until_ns=0))
            elif care is not None and _is_closed(care, alert, now_ns=now_ns):
                alerts.append(before or ended(replace(alert, ends_ns=care.ended_ns)))
            else:
                changes.append(self._began(book, alert, is_first=before is None))
                if care is not None:
                    cares.append(Care(alert.fingerprint, now_ns))
        changes.extend(put_care(care) for care in cares)
        return Step(changes=changes, alerts=alerts, hold=lambda: self._hold(*cares))

    def on_looked(self, book: Book, looks: Sequence[Look], *, now_ns: int) -> Step:  # noqa: ARG002
        """Notifications are remembered by group; ends that nobody told us of are noticed."""
        changes: list[Change] = [put_told(look.group.id, one) for look in looks for one in look.notifications]
        cares: list[Care] = []
        for fingerprint, alert in self._silently_ended(book, looks):
            changes.append(self._log.put(fingerprint, _resolved(alert.ends_ns)))
            care = self._cares.get(fingerprint)
            if care is not None:
                cares.append(replace(care, ended_ns=alert.ends_ns, snoozed_until_ns=0))
        changes.extend(put_care(care) for care in cares)
        return Step(changes=changes, hold=lambda: self._hold(*cares))

    def on_due(self, book: Book, *, now_ns: int) -> Step:
        """What has lapsed is over."""
        changes: list[Change] = []
        cares: list[Care] = []
        for fingerprint in {fingerprint for at_ns, fingerprint in self._lapses if at_ns <= now_ns}:
            care = self._cares.get(fingerprint)
            if care is None or care.ended_ns:
                continue
            after, events = lapse(care, now_ns=now_ns)
            if events:
                cares.append(after)
                changes.extend(self._log.put(fingerprint, event) for event in events)
        changes.extend(put_care(care) for care in cares)
        gone = self._forgotten(book, now_ns=now_ns) if self._tidy_ns <= now_ns else []
        changes.extend(Delete(KIND_CARE, fingerprint) for fingerprint in gone)

        def hold() -> None:
            while self._lapses and self._lapses[0][0] <= now_ns:
                heapq.heappop(self._lapses)
            self._hold(*cares)
            for fingerprint in gone:
                del self._cares[fingerprint]
            if self._tidy_ns <= now_ns:
                self._tidy_ns = now_ns + int(TIDY_EVERY_S * NS_PER_S)

        return Step(changes=changes, hold=hold)

    def on_clock_set(self, *, by_ns: int, now_ns: int) -> Step:  # noqa: ARG002
        """What lies ahead moves along."""
        moved = [care.moved(by_ns=by_ns) for care in self._cares.values() if not care.ended_ns]

        def hold() -> None:
            self._lapses.clear()
            self._tidy_ns += by_ns
            self._hold(*moved)

        return Step(changes=[put_care(care) for care in moved], hold=hold)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _hold(self, *cares: Care) -> None:
        for care in cares:
            self._cares[care.fingerprint] = care
            at_ns = 0 if care.ended_ns else lapses_ns(care)
            if at_ns:
                heapq.heappush(self._lapses, (at_ns, care.fingerprint))

    def _began(self, book: Book, alert: HeldAlert, *, is_first: bool) -> Change:
        kind = AlertEventKind.FIRED if is_first else AlertEventKind.REFIRED
        text = "began to fire" if is_first else "fires again"
        event = AlertEvent(alert.received_ns, kind, "", text, {"severity": alert.severity.value})
        return self._log.put(alert.fingerprint, event, groups=groups_of(book, alert))

    def _silently_ended(self, book: Book, looks: Sequence[Look]) -> Iterable[tuple[str, HeldAlert]]:
        """Alerts that ended since nothing was heard of them any longer: their end is ours to tell."""
        dropped = {fingerprint for look in looks for fingerprint in look.decision.dropped}
        return [(fingerprint, alert) for fingerprint in dropped if not (alert := book.alerts[fingerprint]).is_ended]

    def _forgotten(self, book: Book, *, now_ns: int) -> list[str]:
        """Alerts that the desk holds no longer, but for those that somebody resolved lately: they are not to return."""
        oldest_ns = now_ns - int(RESOLVED_BY_HAND_S_MAX * NS_PER_S)
        return [
            fingerprint
            for fingerprint, care in self._cares.items()
            if fingerprint not in book.alerts and care.resolved_by_hand_ns <= oldest_ns
        ]


def groups_of(book: Book, alert: HeldAlert) -> list[str]:
    """Ids of the groups that an alert belongs to."""
    routes = book.routes_of(alert)
    return [group_id(group_key(route, route.group_labels(alert.labels)), route.receiver) for route in routes]


def _resolved(at_ns: int) -> AlertEvent:
    return AlertEvent(at_ns, AlertEventKind.RESOLVED, "", "is over")


def _is_closed(care: Care, alert: HeldAlert, *, now_ns: int) -> bool:
    """Whether this is only the sender, who goes on telling of what somebody resolved by hand."""
    since_ns = care.resolved_by_hand_ns
    is_old = alert.starts_ns <= since_ns and now_ns - since_ns < RESOLVED_BY_HAND_S_MAX * NS_PER_S
    return since_ns > 0 and is_old
