"""Sessions that climb and are given back, again and again, as those of a pool that is recycled: a climb is news once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

FALLEN_SHARE = 0.25  # of a climb that may be left where it fell back to its floor: work goes on meanwhile
CLIMB_SESSIONS_MIN = 4.0  # less is what work makes
BEYOND_SHARE = 0.1  # of a climb: so much higher is the same peak
BEYOND_SESSIONS = 2.0  # and so much in any case


@dataclass(frozen=True, slots=True)
class Climb:
    """A climb of open sessions.

    Attributes:
        clients: pids of those who used the HSM near its peak.
    """

    floor: float
    peak: float
    clients: frozenset[int]


class Sawtooth:
    """Follows climbs that look like leaks, and remembers the one that was news last and fell back to its floor."""

    def __init__(self) -> None:
        self._climb: Climb | None = None  # that goes on
        self._known: Climb | None = None

    def is_known(self, level: float, clients: frozenset[int]) -> bool:
        """Whether the same clients climb to a peak from which they fell before.

        A client that ended is another when it comes again, and what one does that came since then is not known.
        """
        known = self._known
        if known is None or clients != known.clients:
            return False
        return level <= known.peak + max(BEYOND_SHARE * (known.peak - known.floor), BEYOND_SESSIONS)

    def begin(self, floor: float, level: float, clients: frozenset[int]) -> None:
        """A climb from this floor looks like a leak; nothing where one goes on."""
        if self._climb is None:
            self._climb = Climb(floor, level, clients)

    def has_fallen(self, newest: Sequence[float], clients: frozenset[int]) -> bool:
        """Whether the climb that went on has ended at its floor.

        Args:
            newest: least counts, the newest few, in any order.
        """
        if self._climb is None:
            return False
        floor, peak = self._climb.floor, max(self._climb.peak, sorted(newest)[len(newest) // 2])
        if peak - floor >= CLIMB_SESSIONS_MIN and max(newest) <= floor + FALLEN_SHARE * (peak - floor):
            # What is known is not raised by what is as good as known: a leak would hide in ever higher climbs.
            if not self.is_known(peak, self._climb.clients):
                self._known = replace(self._climb, peak=peak)
            self._climb = None
            return True
        near = clients if min(newest) > (floor + peak) / 2 else self._climb.clients
        self._climb = Climb(floor, peak, near)
        return False
