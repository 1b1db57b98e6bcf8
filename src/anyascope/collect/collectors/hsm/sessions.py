"""Whether sessions leak, and when they run out. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

POINTS_MAX = 120  # half an hour of slots of 15 s: longer than a ramp of work, and a new leak is seen in half of it
POINTS_MIN = 8  # below, a few clients that start together look like a leak
RISING_SHARE = 0.75  # of all pairs of points; where sessions come and go it is about a half
STILL_SESSIONS = 6  # that would have come meanwhile, had it gone on
STILL_SCATTERS = 4  # and so many times what the counts scatter
STILL_SHARE = 0.4  # of pairs of points that rise: where nothing comes any more it is about as much, where sessions leak three quarters
RESTART_POINTS = 3  # on either side of a drop that lasts; a single low count is none
RESTART_SHARE = 0.5  # of what had risen is given back at once: whoever leaked has ended


class SessionTrend:
    """The least counts of open sessions, slot by slot, and the line through them.

    What is open for a piece of work is closed after it: the least count of a slot is what nobody gives back, and some more.

    Args:
        slot_s: seconds of a slot, by a clock that only goes forward.
    """

    def __init__(self, *, slot_s: float = 15.0) -> None:
        self._slot_s = slot_s
        self._points: deque[tuple[float, float]] = deque(maxlen=POINTS_MAX)

    def add(self, at_s: float, count: int) -> None:
        """Note one count; times ascend."""
        if self._points and at_s // self._slot_s == self._points[-1][0] // self._slot_s:
            if count <= self._points[-1][1]:
                self._points[-1] = (at_s, float(count))
            return
        self._forget_what_stopped()
        self._points.append((at_s, float(count)))

    def rise_per_s(self) -> float:
        """Sessions a second that are not given back; 0 where the counts do not say so.

        The median of the slopes between all pairs of points (Theil-Sen), so that a burst of work does not count.
        """
        times, counts = self._since_restart()
        if len(times) < POINTS_MIN:
            return 0.0
        earlier, later = np.triu_indices(len(times), k=1)
        slopes = (counts[later] - counts[earlier]) / (times[later] - times[earlier])
        return float(np.median(slopes)) if np.mean(slopes > 0) >= RISING_SHARE else 0.0

    def exhausted_in_s(self, limit: int) -> float | None:
        """Seconds from the newest count until there are `limit` sessions, at this pace; None where they do not leak."""
        rise = self.rise_per_s()
        if rise <= 0:
            return None
        times, counts = self._since_restart()
        level = float(np.median(counts + rise * (times[-1] - times)))
        return max((limit - level) / rise, 0.0)

    def newest(self) -> list[float]:
        """The newest least counts, `RESTART_POINTS` of them where there are so many, oldest first."""
        return [count for _, count in self._points][-RESTART_POINTS:]

    def floor(self) -> float:
        """The least count of what the line goes through; 0 where nothing was counted."""
        return float(min(self._since_restart()[1], default=0.0))

    def begin_anew(self, at_s: float) -> None:
        """Forget what was counted before; the newest count stays."""
        while len(self._points) > 1 and self._points[0][0] < at_s:
            self._points.popleft()

    def _forget_what_stopped(self) -> None:
        """Begin anew where what rose stands still: a pool is full, or a client has all that it wants."""
        if (rise := self.rise_per_s()) > 0:
            times, counts = self._since_restart()
            still = _still(times, counts, rise)
            while still and len(self._points) > still:
                self._points.popleft()

    def _since_restart(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times and counts since the newest drop that lasted; of a client that leaks, ends and leaks again, its newest life."""
        times, counts = np.array(self._points, dtype=np.float64).reshape(-1, 2).T
        for at in range(len(counts) - RESTART_POINTS, RESTART_POINTS - 1, -1):
            before = float(np.median(counts[at - RESTART_POINTS : at]))
            drop, rise = before - counts[at:].max(), before - counts[:at].min()
            if drop > max(RESTART_SHARE * rise, 0.0):
                return times[at:], counts[at:]
        return times, counts


def _still(times: NDArray[np.float64], counts: NDArray[np.float64], rise: float) -> int:
    """How many of the newest points stand still; 0 where they do not, or too few are known.

    They are looked at over as long as it takes to tell, by how fast sessions came and how much the counts scatter.
    """
    rest = counts - rise * times
    scatter = float(np.median(np.abs(rest - np.median(rest))))
    since = int(np.searchsorted(times, times[-1] - (STILL_SESSIONS + STILL_SCATTERS * scatter) / rise))
    newest = counts[min(since, max(len(counts) - POINTS_MIN, 0)) :]
    if 2 * len(newest) > len(counts):
        return 0
    earlier, later = np.triu_indices(len(newest), k=1)
    return len(newest) if np.mean(newest[later] > newest[earlier]) < STILL_SHARE else 0
