"""How rarely a slow call is made: what takes a node long is asked of it seldom.

Slow is what was slow twice in a row: once may be chance, such as a wallet that was just loaded or takes in a block.
"""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.model.wallets import WalletCall

SLOW_S = 0.2  # what a call may cost a node without being made more rarely
CALL_FACTOR = 500  # one slow call holds others up: a five-hundredth of the node's time
LOAD_FACTOR = 100  # many quick calls for one question are load alone: a hundredth of one of the node's threads
REST_S_MAX = 600.0  # but is made once in ten minutes


class Patience:
    """The calls of one wallet, or about one mempool, by method."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}
        self._usual: dict[str, tuple[float, float]] = {}  # the lesser of the last two: in all, and the longest call
        self._ended_ns: dict[str, int] = {}

    def is_due(self, method: str, *, now_ns: int) -> bool:
        """Whether the call has rested long enough."""
        rested_ns = now_ns - self._ended_ns.get(method, 0)
        return rested_ns >= rest_s(*self._usual.get(method, (0.0, 0.0))) * NS_PER_S

    def note(self, method: str, took_s: float, *, now_ns: int, longest_s: float | None = None) -> None:
        """A question was answered now; `longest_s` is the longest call where it took several."""
        before, now = self._last.get(method, (0.0, 0.0)), (took_s, took_s if longest_s is None else longest_s)
        self._last[method] = now
        self._usual[method] = (min(before[0], now[0]), min(before[1], now[1]))
        self._ended_ns[method] = now_ns

    def slow(self) -> tuple[WalletCall, ...]:
        """The calls that are made rarely now."""
        rests = ((method, usual[0], rest_s(*usual)) for method, usual in sorted(self._usual.items()))
        return tuple(WalletCall(method, took_s, rest) for method, took_s, rest in rests if rest)


def rest_s(took_s: float, longest_s: float) -> float:
    """How long a question is not asked again that takes this long in all, and this long for its longest call."""
    rest = CALL_FACTOR * longest_s if longest_s > SLOW_S else LOAD_FACTOR * took_s if took_s > SLOW_S else 0.0
    return min(rest, REST_S_MAX)
