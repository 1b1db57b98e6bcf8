"""Notices that a node started again."""

from __future__ import annotations

from anyascope.clock import NS_PER_S

UPTIME_SLACK_S = 5.0  # uptimes are whole seconds of a clock that is corrected now and then, and answers take a while


class StartWatch:
    """One node's starts: by its uptime, which must grow as time does; where it does not tell that, by its absence.

    Attributes:
        uptime_s: as told last; None where the node does not tell.
    """

    def __init__(self) -> None:
        self.uptime_s: int | None = None
        self._told_ns = 0
        self._was_lost = True

    def lost(self) -> None:
        """The node did not answer."""
        self._was_lost = True

    def looked(self, uptime_s: object, *, now_ns: int) -> bool:
        """Whether this is another start than at the last look; the first look is one.

        Args:
            uptime_s: what the node told, if it did.
            now_ns: monotonic.
        """
        before_s, before_ns, was_lost = self.uptime_s, self._told_ns, self._was_lost
        self.uptime_s = uptime_s if isinstance(uptime_s, int) else None
        self._told_ns, self._was_lost = now_ns, False
        if self.uptime_s is None or before_s is None:
            return was_lost
        return self.uptime_s + UPTIME_SLACK_S < before_s + (now_ns - before_ns) / NS_PER_S
