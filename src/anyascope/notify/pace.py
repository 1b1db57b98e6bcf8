"""How often a far end may be asked: so many messages in a stretch of time, in a burst or spread.

Source: the generic cell rate algorithm (ITU-T I.371), one time in place of a bucket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class Rate:
    """A burst of `messages`, then that many each `per_s` seconds."""

    messages: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Where an integration stands with its rate; without one nothing waits."""

    rate: Rate | None = None
    spent_until_ns: int = 0  # when all that was sent will have been earned back

    @property
    def next_ns(self) -> int:
        """When the next message may go; a time that has passed, or 0, is now."""
        if self.rate is None:
            return 0
        burst_ns = int((self.rate.messages - 1) * self.rate.per_s * NS_PER_S / self.rate.messages)
        return self.spent_until_ns - burst_ns

    def sent(self, *, now_ns: int) -> Pace:
        """One message went."""
        if self.rate is None:
            return self
        each_ns = int(self.rate.per_s * NS_PER_S / self.rate.messages)
        return replace(self, spent_until_ns=max(self.spent_until_ns, now_ns) + each_ns)
