"""What a look at a group comes to: what its channels are told, and what of it must be stored. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from anyascope.alerting.book import Book
from anyascope.alerting.grouping import KIND_GROUP, Group, put_group
from anyascope.alerting.intake import ended, put_alert
from anyascope.alerting.steps import Look
from anyascope.ids import Ids
from anyascope.model.documents import Change, Delete
from anyascope.model.notifications import Notification


def look_at(book: Book, group: Group, *, ids: Ids, external_url: str, now_ns: int) -> Look:
    """A look at the group now, with the notifications that it leads to."""
    decision = book.look(group, now_ns=now_ns)
    notifications = tuple(
        Notification(
            id=ids.next(),
            created_ns=now_ns,
            receiver=group.route.receiver,
            channel=tell.integration.kind,
            integration=tell.integration.key,
            group_key=group.key,
            reason=tell.reason,
            alerts=tell.alerts,
            group_labels=group.labels,
            route_labels=group.route.labels,
            external_url=external_url,
        )
        for tell in decision.tells
    )
    return Look(group, decision, group.timing.advanced(group.route, now_ns=now_ns), notifications)


def changes_of(book: Book, looks: Sequence[Look]) -> list[Change]:
    """What of the groups and their alerts must be stored with these looks."""
    changes: list[Change] = []
    for look in looks:
        group, decision = look.group, look.decision
        if book.is_left_empty(group, decision):
            changes.append(Delete(KIND_GROUP, group.id))
        elif decision.tells or decision.told != group.told:
            changes.append(put_group(group, look.timing, decision.told))
        alerts = (group.alerts[fingerprint] for fingerprint in decision.dropped)
        changes.extend(put_alert(ended(alert)) for alert in alerts if not alert.is_ended)
    return changes
