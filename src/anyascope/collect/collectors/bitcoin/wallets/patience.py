"""How rarely a slow call is made: what takes a node long is asked of it seldom."""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.model.wallets import WalletCall

SLOW_S = 0.2  # what a call may cost a node without being made more rarely
REST_FACTOR = 500  # a slow call takes at most a five-hundredth of the node's time
REST_S_MAX = 600.0  # but is made once in ten minutes


class Patience:
    """The calls of one wallet by method."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def is_due(self, method: str, *, now_ns: int) -> bool:
        """Whether the call has rested long enough."""
        took_s, ended_ns = self._last.get(method, (0.0, 0))
        return now_ns - ended_ns >= rest_s(took_s) * NS_PER_S

    def note(self, method: str, took_s: float, *, now_ns: int) -> None:
        """A call ended now."""
        self._last[method] = (took_s, now_ns)

    def slow(self) -> tuple[WalletCall, ...]:
        """The calls that are made rarely now."""
        return tuple(
            WalletCall(method, took_s, rest_s(took_s))
            for method, (took_s, _) in sorted(self._last.items())
            if took_s > SLOW_S
        )


def rest_s(took_s: float) -> float:
    """How long a call is not made again that took this long."""
    return 0.0 if took_s <= SLOW_S else min(took_s * REST_FACTOR, REST_S_MAX)
