"""The time line of an alert as documents: what happened to it, and which notifications told of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
        return Put(KIND_EVENT, f"{fingerprint}-{event.at_ns:019d}-{self._run}-{next(self._numbers):010d}", body)


def put_told(group_id: str, notification: Notification) -> Put:
    """What remembers that a notification of a group told of these alerts."""
    body: dict[str, Json] = {"alerts": [alert.fingerprint for alert in notification.alerts]}
    return Put(KIND_TOLD, f"{group_id}-{notification.id}", body)


@dataclass(slots=True)
class _Stored:
    events: list[AlertEvent] = field(default_factory=list)
    groups: dict[str, None] = field(default_factory=dict)


async def read_timeline(documents: DocumentStore, fingerprint: str, *, groups: Iterable[str]) -> list[AlertEvent]:
    """All that happened to an alert, oldest first.

    Args:
        groups: ids of the groups that it is in now; those of before are known from its events.

    Raises:
        UnavailableError: the store cannot be read.
    """
    stored = _Stored(groups=dict.fromkeys(groups))
    page = await documents.page(KIND_EVENT, prefix=f"{fingerprint}-", limit=EVENTS_MAX, descending=True)
    for document in page.documents:
        body = document.body
        stored.events.append(_event_of(document))
        groups_then = body.get("groups")
        if isinstance(groups_then, list):
            stored.groups.update(dict.fromkeys(map(str, groups_then)))
    stored.events.reverse()  # they were read newest first; those of one moment keep their order
    for group_id in stored.groups:
        told = await documents.page(KIND_TOLD, prefix=f"{group_id}-", limit=TOLD_MAX, descending=True)
        for document in told.documents:
            alerts = document.body["alerts"]
            assert isinstance(alerts, list)  # we wrote it
            if fingerprint in alerts:
                journal = await documents.get(KIND_JOURNAL, document.key.rpartition("-")[2])
                if journal is not None:
                    stored.events.extend(_of_journal(journal_entry_of(journal), fingerprint))
    return sorted(stored.events, key=lambda event: event.at_ns)


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
