"""The queue of one integration: groups side by side, a group's notifications one after the other."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
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


SUMMARIES = "\0summaries"  # the queue of an integration's summaries; no group has such a key


@dataclass(slots=True, eq=False)
class Item:
    """A notification on its way. `notification` is let go while it waits for another attempt: it stands in the outbox.

    Attributes:
        covers: of a summary, the keys of the groups that it tells of.
        queue: which queue of its lane it stands in; the lane sets it.
        since_ns: since when it is tried, on the clock that is not set.
        is_doubtful: it was left over by a process that was killed, and may have arrived already.
        is_taken: its far end took it, but the process was killed before that was on record.
    """

    entry: JournalEntry
    notification: Notification | None
    rank: int
    covers: tuple[str, ...] = ()
    failures: int = 0
    since_ns: int = 0
    queue: str = ""
    is_under_way: bool = False
    is_doubtful: bool = False
    is_taken: bool = False

    @property
    def id(self) -> str:
        """The notification's id."""
        return self.entry.id


def item_of(notification: Notification, entry: JournalEntry | None = None) -> Item:
    """A notification that waits for its first attempt, or, with its journal entry, goes on after a restart."""
    rank = min((traits_of(severity_of(alert.labels)).rank for alert in notification.alerts), default=0)
    return Item(entry or new_entry(notification), notification, rank, covers=notification.covers)


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
        merged=len(notification.merges),
        stands_in_for=notification.stands_in_for,
        policy=notification.policy,
        level=notification.level,
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
    what was never tried goes before what failed, and the more severe before the less. Summaries are a queue of their own,
    and while one waits, what comes of its groups waits behind it.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Item]] = {}
        self._waiting: list[tuple[int, int, str]] = []  # (due, order, queue)
        self._ready: list[tuple[bool, int, int, str]] = []  # (has failed, rank, order, queue)
        self._scheduled: dict[str, int] = {}  # by queue, the order under which its head stands in one of the two
        self._order = itertools.count()
        self._covered: set[str] = set()  # groups that a waiting summary tells of
        self._count = 0
        self.in_flight = 0

    def __len__(self) -> int:
        return self._count

    @property
    def waiting(self) -> int:
        """How many are not under way."""
        return self._count - self.in_flight

    def items(self) -> list[Item]:
        """Everything that waits or is under way."""
        return [item for queue in self._queues.values() for item in queue]

    def has(self, item: Item) -> bool:
        """Whether it waits or is under way here."""
        return item in self._queues.get(item.queue, ())

    def push(self, item: Item, *, now_ns: int) -> None:
        """Add a notification behind those of its group."""
        if item.covers:
            item.queue = SUMMARIES
            self._covered.update(item.covers)
        else:
            item.queue = SUMMARIES if item.entry.group_key in self._covered else item.entry.group_key
        queue = self._queues.setdefault(item.queue, deque())
        queue.append(item)
        self._count += 1
        if len(queue) == 1:
            self._schedule(item, now_ns)

    def pop(self, *, now_ns: int) -> Item | None:
        """The next to attempt, which then is under way; None where nothing is due."""
        self._skip_taken()
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, order, key = heapq.heappop(self._waiting)
            head = self._queues[key][0]
            heapq.heappush(self._ready, (head.failures > 0, head.rank, order, key))
            self._skip_taken()
        if not self._ready:
            return None
        *_, key = heapq.heappop(self._ready)
        del self._scheduled[key]
        head = self._queues[key][0]
        head.is_under_way = True
        self.in_flight += 1
        return head

    def retry(self, item: Item, *, at_ns: int) -> None:
        """The attempt failed: again at this time."""
        self.in_flight -= 1
        item.is_under_way = False
        self._schedule(item, at_ns)

    def settle(self, item: Item, *, now_ns: int) -> None:
        """It is through, or given up: the next of its group may go."""
        self.in_flight -= 1
        self._count -= 1
        queue = self._queues[item.queue]
        queue.popleft()
        if queue:
            self._schedule(queue[0], now_ns)
        else:
            self._drop(item.queue)

    def take(self) -> list[Item]:
        """Everything that can be merged, oldest first, which then is no longer here.

        A group that has one under way keeps what waits behind it, so that it stays in order.
        """
        taken: list[Item] = []
        for key, queue in list(self._queues.items()):
            head = queue[0] if queue[0].is_under_way else None
            if head is not None and key != SUMMARIES:
                continue
            taken.extend(item for item in queue if item is not head)
            if head is None:
                self._drop(key)
            else:
                self._queues[key] = deque([head])
        self._count -= len(taken)
        return sorted(taken, key=lambda item: item.id)

    def next_ns(self) -> int | None:
        """When the next one is due, 0 where one is; None where nothing waits."""
        self._skip_taken()
        if self._ready:
            return 0
        return self._waiting[0][0] if self._waiting else None

    def hurry(self, *, now_ns: int) -> None:
        """Make everything that waits due now: the channel was changed, or is back."""
        self._waiting = [(min(due, now_ns), order, key) for due, order, key in self._waiting]
        heapq.heapify(self._waiting)

    def oldest_ns(self) -> int | None:
        """When the oldest that is not through was made."""
        return min((queue[0].entry.at_ns for queue in self._queues.values()), default=None)

    def _drop(self, key: str) -> None:
        del self._queues[key]
        self._scheduled.pop(key, None)
        if key == SUMMARIES:
            self._covered.clear()

    def _schedule(self, item: Item, due_ns: int) -> None:
        order = self._scheduled[item.queue] = next(self._order)
        heapq.heappush(self._waiting, (due_ns, order, item.queue))

    def _skip_taken(self) -> None:
        """Let go of places in the line whose queue was taken away."""
        while self._waiting and self._scheduled.get(self._waiting[0][2]) != self._waiting[0][1]:
            heapq.heappop(self._waiting)
        while self._ready and self._scheduled.get(self._ready[0][3]) != self._ready[0][2]:
            heapq.heappop(self._ready)
