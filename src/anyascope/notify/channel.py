"""What a channel is, and what it can say of an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from anyascope.model.notifications import AttemptOutcome, Notification


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        detail: the far end's answer, or why there was none; without secrets.
        retry_after_s: how long the far end asked us to wait.
        parts_done: parts that are through after this attempt and were not before, whatever the outcome.
        is_more: the attempt went well and further parts remain: go on at once.
        is_unanswered: it reached the far end, and nobody there took it up; counted apart from what could not be delivered.
        is_throttled: the far end is well and asks for a slower pace.
    """

    kind: AttemptOutcome
    detail: str
    retry_after_s: float = 0.0
    parts_done: tuple[str, ...] = ()
    is_more: bool = False
    is_unanswered: bool = False
    is_throttled: bool = False


class Channel(Protocol):
    """A way to reach somebody. An instance serves one integration of one receiver."""

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        """Make one attempt at what is not `done`, and record in the outcome what is now.

        Network faults and refusals are outcomes, not exceptions. The same notification may be sent again after a crash:
        its id goes along, so that the far end can tell.
        """

    async def close(self) -> None:
        """Let go of connections; attempts that run fail and may be retried."""
