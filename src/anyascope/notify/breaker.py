"""A circuit breaker: a far end that failed several times in a row is asked by one probe at a time, and not by everybody."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed until `limit` failures in a row; then open, with one probe at `probe_ns`, until one goes well.

    Attributes:
        failures: in a row.
        probe_ns: when the next attempt may be made; 0 while it is closed.
    """

    limit: int
    failures: int = 0
    probe_ns: int = 0

    @property
    def is_open(self) -> bool:
        """Whether only a probe may be sent."""
        return self.failures >= self.limit

    def succeeded(self) -> Breaker:
        """The far end answers."""
        return self if not self.failures else replace(self, failures=0, probe_ns=0)

    def failed(self, *, now_ns: int, wait_s: float) -> Breaker:
        """It failed once more; `wait_s` is how long to leave it alone where that opens it, or keeps it open."""
        failures = self.failures + 1
        probe_ns = now_ns + int(wait_s * NS_PER_S) if failures >= self.limit else 0
        return replace(self, failures=failures, probe_ns=probe_ns)
