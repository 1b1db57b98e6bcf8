"""The queue of one integration: groups side by side, a group's notifications one after the other."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from anyascope.model.notifications import (
    Attempt,
    DeliveryStatus,
    JournalAlert,
    JournalEntry,
    Notification,
)
from anyascope.semconv.alerts import LABEL_ALERTNAME, severity_of, traits_of

ATTEMPTS_KEPT_FIRST = 5
ATTEMPTS_KEPT_LAST = 45  # three days of attempts are 900; the beginning and the end tell the story
JOURNAL_ALERTS_MAX = 100  # of a group of thousands the first hundred, most severe ones first, say enough


@dataclass(slots=True)
class Item:
    """A notification on its way. `notification` is let go while it waits for another attempt: it stands in the outbox."""

    entry: JournalEntry
    notification: Notification | None
    rank: int
    failures: int = 0

    @property
    def id(self) -> str:
        """The notification's id."""
        return self.entry.id


def item_of(notification: Notification, entry: JournalEntry | None = None) -> Item:
    """A notification that waits for its first attempt, or, with its journal entry, goes on after a restart."""
    rank = min((traits_of(severity_of(alert.labels)).rank for alert in notification.alerts), default=0)
    return Item(entry or new_entry(notification), notification, rank)


def new_entry(notification: Notification) -> JournalEntry:
    """What the journal says of a notification before the first attempt."""
    return JournalEntry(
        id=notification.id,
        at_ns=notification.created_ns,
        receiver=notification.receiver,
        channel=notification.channel,
        integration=notification.integration,
        status=DeliveryStatus.QUEUED,
        group_key=notification.group_key,
        reason=notification.reason,
        alerts=tuple(
            JournalAlert(
                id=alert.fingerprint,
                name=dict(alert.labels).get(LABEL_ALERTNAME, ""),
                is_firing=alert.is_firing,
                severity=severity_of(alert.labels),
            )
            for alert in notification.alerts[:JOURNAL_ALERTS_MAX]
        ),
    )


def with_attempt(
    entry: JournalEntry, attempt: Attempt, *, status: DeliveryStatus, parts_done: tuple[str, ...] = ()
) -> JournalEntry:
    """The entry after one more attempt; of very many the first and the latest are kept."""
    attempts = (*entry.attempts, attempt)
    if len(attempts) > ATTEMPTS_KEPT_FIRST + ATTEMPTS_KEPT_LAST:
        attempts = (*attempts[:ATTEMPTS_KEPT_FIRST], *attempts[-ATTEMPTS_KEPT_LAST:])
    return replace(
        entry,
        status=status,
        attempts=attempts,
        attempts_made=entry.attempts_made + 1,
        parts_done=(*entry.parts_done, *parts_done),
    )


class Lane:
    """Which notification of an integration is to be attempted when.

    Only the oldest of a group may be under way, so that an end never overtakes its beginning. Of those that are due,
    what was never tried goes before what failed, and the more severe before the less.
    """

    def __init__(self) -> None:
        self._groups: dict[str, deque[Item]] = {}
        self._waiting: list[tuple[int, int, str]] = []  # (due, order, group)
        self._ready: list[tuple[bool, int, int, str]] = []  # (has failed, rank, order, group)
        self._order = itertools.count()
        self.hold_ns = 0  # until when the far end asked to be left alone
        self.in_flight = 0

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups.values())

    def items(self) -> Iterator[Item]:
        """Everything that waits or is under way."""
        return (item for group in self._groups.values() for item in group)

    def push(self, item: Item, *, now_ns: int) -> None:
        """Add a notification behind those of its group."""
        group = self._groups.setdefault(item.entry.group_key, deque())
        group.append(item)
        if len(group) == 1:
            self._schedule(item, now_ns)

    def pop(self, *, now_ns: int) -> Item | None:
        """The next to attempt, which then is under way; None where nothing is due."""
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, order, group = heapq.heappop(self._waiting)
            head = self._groups[group][0]
            heapq.heappush(self._ready, (head.failures > 0, head.rank, order, group))
        if not self._ready or now_ns < self.hold_ns:
            return None
        *_, group = heapq.heappop(self._ready)
        self.in_flight += 1
        return self._groups[group][0]

    def retry(self, item: Item, *, at_ns: int) -> None:
        """The attempt failed: again at this time."""
        self.in_flight -= 1
        self._schedule(item, at_ns)

    def settle(self, item: Item, *, now_ns: int) -> None:
        """It is through, or given up: the next of its group may go."""
        self.in_flight -= 1
        key = item.entry.group_key
        group = self._groups[key]
        group.popleft()
        if group:
            self._schedule(group[0], now_ns)
        else:
            del self._groups[key]

    def next_ns(self) -> int | None:
        """When the next one is due; None where nothing waits."""
        if self._ready:
            return self.hold_ns
        return max(self._waiting[0][0], self.hold_ns) if self._waiting else None

    def hurry(self, *, now_ns: int) -> None:
        """Make everything that waits due now: the channel was changed."""
        self.hold_ns = 0
        self._waiting = [(min(due, now_ns), order, group) for due, order, group in self._waiting]
        heapq.heapify(self._waiting)

    def oldest_ns(self) -> int | None:
        """When the oldest that is not through was made."""
        return min((group[0].entry.at_ns for group in self._groups.values()), default=None)

    def _schedule(self, item: Item, due_ns: int) -> None:
        heapq.heappush(self._waiting, (due_ns, next(self._order), item.entry.group_key))
