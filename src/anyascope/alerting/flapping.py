"""Alerts that come and go: told once, and their end once they are calm.

The rule: an alert that begins to fire for the fourth time within 15 minutes flaps, until it has not begun to fire for 15
minutes. As long as it flaps channels hear of it as firing: neither its ends nor its returns are news. If it has ended when
it is calm again its end is told then. What it did meanwhile stands in its time line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.clock import NS_PER_S

FLAP_STARTS = 4  # three ends that did not last are no chance any more; two may be one fault being worked on
FLAP_WINDOW_S = 15 * 60.0  # three looks of the default `group_interval`: nobody would hear of more changes than that


@dataclass(frozen=True, slots=True)
class Pulse:
    """When an alert began to fire of late.

    Attributes:
        starts_ns: the latest beginnings, oldest first, at most `FLAP_STARTS`.
        calm_ns: until when it counts as flapping; 0 where it never did.
    """

    starts_ns: tuple[int, ...] = ()
    calm_ns: int = 0

    def is_flapping(self, now_ns: int) -> bool:
        """Whether it comes and goes."""
        return now_ns < self.calm_ns

    def began(self, now_ns: int) -> Pulse:
        """After it began to fire once more."""
        window_ns = int(FLAP_WINDOW_S * NS_PER_S)
        starts_ns = (*self.starts_ns, now_ns)[-FLAP_STARTS:]
        is_often = len(starts_ns) == FLAP_STARTS and starts_ns[0] > now_ns - window_ns
        return Pulse(starts_ns, now_ns + window_ns if is_often or self.is_flapping(now_ns) else self.calm_ns)

    def moved(self, *, by_ns: int) -> Pulse:
        """After the wall clock was set by this much."""
        if not self.starts_ns:
            return self
        calm_ns = self.calm_ns + by_ns if self.calm_ns else 0
        return replace(self, starts_ns=tuple(at_ns + by_ns for at_ns in self.starts_ns), calm_ns=calm_ns)


STEADY = Pulse()
