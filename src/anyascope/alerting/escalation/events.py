"""The time line of an alert as documents: what happened to it, and which notifications told of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from anyascope.alerting.intake import HeldAlert
from anyascope.ids import Ids
from anyascope.model.documents import Document, Json, Put
from anyascope.model.notifications import DeliveryStatus, JournalEntry, Notification
from anyascope.model.responses import AlertEvent, AlertEventKind
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.notification_documents import KIND_JOURNAL, journal_entry_of

KIND_EVENT = "alert-event"
KIND_TOLD = "alert-told"
EVENTS_MAX = 2_000  # of an alert that are shown, the newest: a month of flapping every half hour
TOLD_MAX = 1_000  # notifications of its groups that are looked at, the newest: 3 days of one every 5 minutes


class EventLog:
    """Names events so that those of an alert sort by time, also those of one moment and after a restart."""

    def __init__(self, ids: Ids) -> None:
        self._run = ids.next()[-8:]
        self._numbers = itertools.count()

    def put(self, fingerprint: str, event: AlertEvent, *, groups: Sequence[str] = ()) -> Put:
        """What stores an event of an alert; `groups` are the ids of those that it is in, where they are news."""
        body: dict[str, Json] = {
            "at_ns": event.at_ns,
            "kind": event.kind.value,
            "by": event.by,
            "text": event.text,
            "details": dict(event.details),
        }
        if groups:
            body["groups"] = [*groups]
        return Put(KIND_EVENT, self._key(fingerprint, event), body)

    def put_shared(self, group_id: str, event: AlertEvent, alerts: Sequence[str]) -> Put:
        """What stores an event of several alerts of a group, once."""
        put = self.put(group_id, event)
        return replace(put, body={**put.body, "alerts": [*alerts]})

    def _key(self, owner: str, event: AlertEvent) -> str:
        return f"{owner}-{event.at_ns:019d}-{self._run}-{next(self._numbers):010d}"


def put_told(group_id: str, notification: Notification) -> Put:
    """What remembers that a notification of a group told of these alerts."""
    body: dict[str, Json] = {"alerts": [alert.fingerprint for alert in notification.alerts]}
    return Put(KIND_TOLD, f"{group_id}-{notification.id}", body)


def fired(alert: HeldAlert) -> AlertEvent:
    """The beginning of the episode that is held."""
    details: dict[str, Json] = {"severity": alert.severity.value}
    return AlertEvent(alert.received_ns, AlertEventKind.FIRED, "", "began to fire", details)


def resolved(alert: HeldAlert) -> AlertEvent:
    """Its end."""
    return AlertEvent(alert.ends_ns, AlertEventKind.RESOLVED, "", "is over")


async def read_timeline(
    documents: DocumentStore, alert: HeldAlert, *, groups: Iterable[str], now_ns: int
) -> list[AlertEvent]:
    """All that happened to an alert, oldest first.

    The episode that is held now is told by the alert itself; only those before it are stored.

    Args:
        groups: ids of the groups that it is in now; those of before are known from its events.

    Raises:
        UnavailableError: the store cannot be read.
    """
    events = _episode(alert, now_ns=now_ns)
    known = dict.fromkeys(groups)
    own = await documents.page(KIND_EVENT, prefix=f"{alert.fingerprint}-", limit=EVENTS_MAX, descending=True)
    for document in reversed(own.documents):
        events.append(_event_of(document))
        known.update(dict.fromkeys(_texts(document.body.get("groups", []))))
    for group_id in known:
        shared = await documents.page(KIND_EVENT, prefix=f"{group_id}-", limit=EVENTS_MAX, descending=True)
        told = (one for one in reversed(shared.documents) if alert.fingerprint in _texts(one.body["alerts"]))
        events.extend(map(_event_of, told))
        events.extend(await _notified(documents, group_id, alert.fingerprint))
    return _in_order(events)


def _episode(alert: HeldAlert, *, now_ns: int) -> list[AlertEvent]:
    """What the alert itself says of the episode that is held."""
    found = [fired(alert)]
    if not alert.is_firing(now_ns):
        found.append(resolved(alert))
    return found


def _in_order(events: Sequence[AlertEvent]) -> list[AlertEvent]:
    """By time; a beginning or an end that is told twice stands once, and only the first beginning is one."""
    by_hand = {event.at_ns for event in events if event.kind is AlertEventKind.RESOLVED_BY_HAND}
    found: list[AlertEvent] = []
    seen: set[tuple[AlertEventKind, int]] = set()
    for event in sorted(events, key=lambda one: (one.at_ns, one.kind is not AlertEventKind.FIRED)):
        place = (event.kind, event.at_ns)
        if event.kind is AlertEventKind.RESOLVED and event.at_ns in by_hand:
            continue
        if event.kind in (AlertEventKind.FIRED, AlertEventKind.RESOLVED):
            if place in seen:
                continue
            if event.kind is AlertEventKind.FIRED and any(kind is AlertEventKind.FIRED for kind, _ in seen):
                event = replace(event, kind=AlertEventKind.REFIRED, text="fires again")  # noqa: PLW2901  # as it is told
            seen.add(place)
        found.append(event)
    return found


async def _notified(documents: DocumentStore, group_id: str, fingerprint: str) -> list[AlertEvent]:
    events: list[AlertEvent] = []
    told = await documents.page(KIND_TOLD, prefix=f"{group_id}-", limit=TOLD_MAX, descending=True)
    for document in reversed(told.documents):
        if fingerprint in _texts(document.body["alerts"]):
            journal = await documents.get(KIND_JOURNAL, document.key.rpartition("-")[2])
            if journal is not None:
                events.extend(_of_journal(journal_entry_of(journal), fingerprint))
    return events


def _of_journal(entry: JournalEntry, fingerprint: str) -> list[AlertEvent]:
    """The notification, and its failure where it came to nothing."""
    told = next((alert for alert in entry.alerts if alert.id == fingerprint), None)
    state = "" if told is None else ("firing" if told.is_firing else "resolved")
    last = entry.attempts[-1] if entry.attempts else None
    details: dict[str, Json] = {
        "notification": entry.id,
        "receiver": entry.receiver,
        "channel": entry.channel,
        "integration": entry.integration,
        "reason": entry.reason.value,
        "status": entry.status.value,
        "attempts": entry.attempts_made,
        "answer": "" if last is None else last.detail,
    }
    if state:
        details["state"] = state
    text = f"{entry.receiver} by {entry.channel}: {entry.reason.value}"
    events = [AlertEvent(entry.at_ns, AlertEventKind.NOTIFIED, "", text, details)]
    if entry.status is DeliveryStatus.FAILED and last is not None:
        failed = f"{entry.receiver} by {entry.channel}: {last.detail}"
        events.append(AlertEvent(last.at_ns, AlertEventKind.NOTIFICATION_FAILED, "", failed, details))
    return events


def _event_of(document: Document) -> AlertEvent:
    body = document.body
    at_ns, details = body["at_ns"], body["details"]
    assert isinstance(at_ns, int)  # we wrote it
    assert isinstance(details, dict)
    return AlertEvent(at_ns, AlertEventKind(body["kind"]), str(body["by"]), str(body["text"]), details)


def _texts(value: Json) -> list[str]:
    assert isinstance(value, list)  # we wrote it
    return [str(text) for text in value]
