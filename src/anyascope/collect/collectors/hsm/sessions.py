"""Whether sessions leak, and when they run out. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np

POINTS_MAX = 120  # half an hour of rounds at 15 s: longer than a ramp of work, and a new leak is seen in half of it
POINTS_MIN = 8  # below, a few clients that start together look like a leak
RISING_SHARE = 0.75  # of all pairs of points; where sessions come and go it is about a half


class SessionTrend:
    """The newest counts of open sessions, and the line through them."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=POINTS_MAX)

    def add(self, at_s: float, count: int) -> None:
        """Note one count; times ascend."""
        self._points.append((at_s, float(count)))

    def rise_per_s(self) -> float:
        """Sessions a second that are not given back; 0 where the counts do not say so.

        The median of the slopes between all pairs of points (Theil-Sen), so that a burst of work does not count.
        """
        if len(self._points) < POINTS_MIN:
            return 0.0
        slopes = self._slopes()
        if not len(slopes) or np.mean(slopes > 0) < RISING_SHARE:
            return 0.0
        return float(np.median(slopes))

    def exhausted_in_s(self, limit: int) -> float | None:
        """Seconds until there are `limit` sessions, at this pace; None where they do not leak."""
        rise = self.rise_per_s()
        if rise <= 0:
            return None
        times, counts = np.array(self._points).T
        level = float(np.median(counts + rise * (times[-1] - times)))
        return max((limit - level) / rise, 0.0)

    def _slopes(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        times, counts = np.array(self._points).T
        earlier, later = np.triu_indices(len(times), k=1)
        spans = times[later] - times[earlier]
        is_apart = spans > 0
        slopes: np.ndarray[tuple[int], np.dtype[np.float64]] = (counts[later] - counts[earlier])[is_apart] / spans[
            is_apart
        ]
        return slopes
