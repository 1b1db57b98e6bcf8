"""What was done although it could not be stored: pages about critical alerts go out while the disk is full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.steps import Look
from anyascope.model.alerts import AlertSeverity
from anyascope.model.documents import Change
from anyascope.model.notifications import Notification
from anyascope.semconv.alerts import severity_of

UNSAVED_MAX = 20_000  # documents, some 20 MB; beyond it only the groups that are not held yet would be told twice


class Unsaved:
    """Changes that memory is ahead by. Each goes along with the next commit that succeeds."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str], Change] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def hold(self, changes: Iterable[Change]) -> None:
        """These could not be stored; the latest of each document counts."""
        for change in changes:
            place = (change.kind, change.key)
            if place in self._changes or len(self._changes) < UNSAVED_MAX:
                self._changes[place] = change

    def changes(self) -> Sequence[Change]:
        """What must be stored before anything else."""
        return tuple(self._changes.values())

    def stored(self) -> None:
        """A commit that held all of them succeeded."""
        self._changes.clear()


def is_urgent(alert: HeldAlert, *, now_ns: int) -> bool:
    """Whether people must hear of this alert even if no restart would remember it."""
    return alert.severity is AlertSeverity.CRITICAL and alert.is_firing(now_ns)


def is_urgent_look(look: Look) -> bool:
    """Whether something of what this look leads to says that a critical alert fires."""
    return any(map(_is_urgent_notification, look.notifications))


def _is_urgent_notification(notification: Notification) -> bool:
    return any(one.is_firing and severity_of(one.labels) is AlertSeverity.CRITICAL for one in notification.alerts)
