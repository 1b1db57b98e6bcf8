"""Whether an HSM's sessions leak, and who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm.clients import Client, suspects
from anyascope.collect.collectors.hsm.families import client_families
from anyascope.collect.collectors.hsm.findings import Finding, Trouble
from anyascope.collect.collectors.hsm.nouns import TokenSight
from anyascope.collect.collectors.hsm.sessions import SessionTrend
from anyascope.collect.points import Family

CLIENTS_INTERVAL_S = 60.0  # reading every process's mappings takes 30 ms of a core on a machine with 300
COUNT_INTERVAL_S = 15.0  # between two points of the trend, which spans half an hour: a burst of seconds is no leak
CLIENTS_NAMED_MAX = 3  # in a message


class LeakWatch:
    """One HSM's sessions over time, and the processes that use it.

    Args:
        find_clients: reads the process table for those who use the HSM; runs in a thread.
    """

    def __init__(self, find_clients: Callable[[], tuple[Client, ...]], *, clock: Clock) -> None:
        self._find_clients = find_clients
        self._clock = clock
        self._trend = SessionTrend()
        self._files_before: dict[int, int] = {}  # pid of a client -> open files when it was first seen
        self._clients: tuple[Client, ...] = ()
        self._clients_due_ns = self._count_due_ns = 0
        self._leak: tuple[Client, ...] = ()
        self._exhausted_in_s: float | None = None

    async def judge(self, token: TokenSight) -> list[Finding]:
        """Whether the token's sessions become more and more."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._clients_due_ns:
            self._clients = await asyncio.to_thread(self._find_clients)
            self._clients_due_ns = now_ns + round(CLIENTS_INTERVAL_S * NS_PER_S)
            alive = {client.pid: client.open_files for client in self._clients}
            self._files_before = {pid: self._files_before.get(pid, count) for pid, count in alive.items()}
        self._leak, self._exhausted_in_s = (), None
        if "sessions" not in token.counts:
            return []
        if now_ns >= self._count_due_ns:
            self._count_due_ns = now_ns + round(COUNT_INTERVAL_S * NS_PER_S)
            self._trend.add(now_ns / NS_PER_S, token.counts["sessions"])
        limit = token.counts.get("sessions_max")
        left_s = self._trend.exhausted_in_s(limit) if limit is not None else None
        if left_s is None:
            return []
        self._exhausted_in_s = left_s
        self._leak = suspects(self._clients, self._files_before)
        return [self._finding(token.counts["sessions"], limit, left_s)]

    def families(self) -> list[Family]:
        """Who uses the HSM, who may leak, and when there are none left."""
        return client_families(self._clients, self._leak, self._exhausted_in_s)

    def _finding(self, count: int, limit: int | None, left_s: float) -> Finding:
        names = [f"{one.command} (pid {one.pid})" for one in self._leak[:CLIENTS_NAMED_MAX]]
        message = (
            f"{count} sessions are open and become more: {limit} are reached in {_span(left_s)}; "
            f"client: {' or '.join(names) or 'not seen here'}"
        )
        trouble = Trouble(
            "hsm.session_leak",
            attributes={
                "hsm.sessions.open": count,
                "hsm.sessions.exhausted_in_seconds": round(left_s),
                "hsm.clients": [*names],
            },
        )
        return Finding(
            message, "restart the client that does not close its sessions, then mend it", troubles=(trouble,)
        )


def _span(seconds: float) -> str:
    """A span for people: minutes below two hours, else hours."""
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
