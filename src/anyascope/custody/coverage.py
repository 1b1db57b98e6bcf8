"""Whether the wallets that must reconcile are watched at all: a misspelt one would never page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from anyascope.clock import NS_PER_S, Clock
from anyascope.custody.options import CustodyOptions
from anyascope.ports import ComponentHealth, HealthStatus

COMPONENT = "custody.wallets"
WAIT_S = 60  # for the first look at every node; a wallet of 10,000 coins takes some seconds
NAMED_MAX = 10  # wallets that are named in a message
COVERED_MAX = 1_000  # wallets that are remembered; ten nodes with as many as are watched of each


class Coverage:
    """Compares `custody.wallets` with the wallets that nodes really have loaded.

    Args:
        options: those in force.
        wallets: labels of the wallets that are watched now.
    """

    def __init__(
        self, options: Callable[[], CustodyOptions], *, wallets: Callable[[], Sequence[str]], clock: Clock
    ) -> None:
        self._options = options
        self._wallets = wallets
        self._clock = clock
        self._begin_ns = clock.monotonic_ns()
        self._covered: set[str] = set()  # since the start of the server

    def health(self) -> Sequence[ComponentHealth]:
        """One component while anything must reconcile, else none."""
        options = self._options()
        if not options.is_on:
            return ()
        watched = sorted(set(self._wallets()))
        if not watched:
            return (self._nothing_watched(),)
        covered = [name for name in watched if options.covers(name)]
        gone = self._gone(options, covered)
        idle = [pattern for pattern in options.wallets if not any(fnmatchcase(name, pattern) for name in watched)]
        message = f"reconciled: {_named(covered)}" if covered else "no watched wallet is reconciled"
        if not idle and not gone:
            return (ComponentHealth(COMPONENT, "custody", HealthStatus.HEALTHY, message),)
        if gone:
            message += f"; no longer watched, so that no spend of it can be seen: {_named(gone)}"
        if idle:
            message += f"; no watched wallet is called {_named(idle)}"
        advice = f"mend custody.wallets, or load the wallet on its node; watched are {_named(watched)}"
        return (ComponentHealth(COMPONENT, "custody", HealthStatus.DEGRADED, message, advice),)

    def _gone(self, options: CustodyOptions, covered: Sequence[str]) -> list[str]:
        """Wallets that were reconciled, still must be, and are not watched now: unloaded, or their node is away."""
        gone = sorted(name for name in self._covered.difference(covered) if options.covers(name))
        for name in covered:
            if len(self._covered) < COVERED_MAX:
                self._covered.add(name)
        return gone

    def _nothing_watched(self) -> ComponentHealth:
        is_late = self._clock.monotonic_ns() - self._begin_ns > WAIT_S * NS_PER_S
        status = HealthStatus.DEGRADED if is_late else HealthStatus.HEALTHY
        advice = "load a wallet on a node of collectors.bitcoin (bitcoin-cli loadwallet NAME true)" if is_late else ""
        return ComponentHealth(COMPONENT, "custody", status, "no wallet is watched: no spend can be seen", advice)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return f"{', '.join(names[:NAMED_MAX])}{more}"
