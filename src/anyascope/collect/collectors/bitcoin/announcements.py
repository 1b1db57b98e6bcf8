"""Whether a node's blocks are announced by ZMQ, as they should be where it is listened to."""

from __future__ import annotations

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.feed import BlockFeed

ANNOUNCED_WITHIN_S = 1.0  # messages leave the node before its RPC shows the block, and travel as fast


class Announcements:
    """Holds the tips that polling found against those that messages announced.

    Attributes:
        silent_tip: the last block that came without a message, until one is announced again; else empty.
    """

    def __init__(self, feed: BlockFeed, *, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._awaited: tuple[str, int] | None = None
        self._silent_tip = ""

    @property
    def silent_tip(self) -> str:
        """Nothing is missed where nobody listens."""
        return self._silent_tip if self._feed.is_listening else ""

    def expect(self, tip: str) -> None:
        """Polling found a new tip. While one is waited for, later ones are not: blocks may come quicker than their messages."""
        if self._feed.is_listening and self._awaited is None:
            self._awaited = (tip, self._clock.monotonic_ns())

    def judge(self) -> bool:
        """Whether a tip is found now to have come in silence; its message may come a moment later than the tip."""
        if self._awaited is None:
            return False
        tip, since_ns = self._awaited
        if self._feed.has_announced(tip):
            self._awaited, self._silent_tip = None, ""
            return False
        if self._clock.monotonic_ns() - since_ns < ANNOUNCED_WITHIN_S * NS_PER_S:
            return False
        self._awaited, self._silent_tip = None, tip
        return True
