"""What waits to be told on one channel, and when it is tried: without threads, times passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from anyascope.clock import NS_PER_S
from anyascope.sdk.alerting.book import Held
from anyascope.sdk.alerting.ladder import Turn
from anyascope.wire.notices.answers import backoff_s

BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 60.0  # an outage that ends is noticed within it
GIVE_UP_S = 86_400  # of one telling; a day later it would only surprise people


@dataclass(frozen=True, slots=True)
class Send:
    """One telling of one level to one channel.

    Attributes:
        episode: the alert's number.
        level, repeat: which turn of its policy.
        since_ns: when it was first due, on the steady clock, as the next.
        due_ns: when it is tried next.
        failures: attempts so far, all failed.
    """

    episode: int
    level: int
    repeat: int
    since_ns: int
    due_ns: int
    failures: int = 0

    @property
    def turn(self) -> Turn:
        """Which telling it is."""
        return Turn(self.level, self.repeat, ())


class Lane:
    """The sends of one channel: at most one an alert and level, so that it is bounded by the alerts that are held.

    Args:
        name: the channel's.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: dict[tuple[int, int], Send] = {}
        self._hold_ns = 0  # the far end asked for quiet until then

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, held: Held, turn: Turn, now_ns: int) -> None:
        """Tell this turn; it takes the place of an earlier one of its level that is not through."""
        held.open[turn.level, self.name] = turn.repeat
        self._waiting[held.number, turn.level] = Send(held.number, turn.level, turn.repeat, now_ns, now_ns)

    def take(self, now_ns: int) -> Send | None:
        """The send that has been due for longest, which is not given again; None where none is due."""
        if now_ns < self._hold_ns:
            return None
        due = min(self._waiting.items(), key=lambda item: (item[1].due_ns, item[0]), default=None)
        if due is None or due[1].due_ns > now_ns:
            return None
        return self._waiting.pop(due[0])

    def failed(self, send: Send, *, now_ns: int, retry_after_s: float, random: Random) -> bool:
        """Whether it will be tried again: not where a later turn of its level waits, nor after `GIVE_UP_S`."""
        if retry_after_s > 0:
            asked_s = backoff_s(1, first_s=0.0, max_s=0.0, retry_after_s=retry_after_s, random=random)
            self._hold_ns = max(self._hold_ns, now_ns + int(asked_s * NS_PER_S))
        key = (send.episode, send.level)
        if key in self._waiting or now_ns - send.since_ns > GIVE_UP_S * NS_PER_S:
            return False
        wait_s = backoff_s(
            send.failures + 1,
            first_s=BACKOFF_FIRST_S,
            max_s=BACKOFF_MAX_S,
            retry_after_s=retry_after_s,
            random=random,
        )
        self._waiting[key] = replace(send, due_ns=now_ns + int(wait_s * NS_PER_S), failures=send.failures + 1)
        return True

    def drop(self, episode: int) -> list[Send]:
        """Forget, and give, what waits of this alert."""
        keys = [key for key in self._waiting if key[0] == episode]
        return [self._waiting.pop(key) for key in keys]

    def hurry(self, now_ns: int) -> None:
        """Try everything now that waits for our own back-off; what the far end asked for is kept to."""
        for key, send in self._waiting.items():
            self._waiting[key] = replace(send, due_ns=min(send.due_ns, now_ns))

    def next_ns(self) -> int | None:
        """When something is due; None where nothing waits."""
        soonest = min((send.due_ns for send in self._waiting.values()), default=None)
        return None if soonest is None else max(soonest, self._hold_ns)
