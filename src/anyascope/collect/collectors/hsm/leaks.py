"""Whether an HSM's sessions leak, and who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm.clients import Client, suspects
from anyascope.collect.collectors.hsm.families import client_families
from anyascope.collect.collectors.hsm.findings import Finding, Trouble
from anyascope.collect.collectors.hsm.nouns import TokenSight
from anyascope.collect.collectors.hsm.sawtooth import Sawtooth
from anyascope.collect.collectors.hsm.sessions import SessionTrend
from anyascope.collect.points import Family

CLIENTS_INTERVAL_S = 60.0  # reading every process's mappings takes 30 ms of a core on a machine with 300
# Of the trends' points. Half an hour of the first sees what runs out within a day or two of a large device; ten hours of the second
# see a session lost every ten minutes, which a YubiHSM with its 16 stands for less than three hours.
SLOTS_S = (15.0, 300.0)
CLIENTS_NAMED_MAX = 3  # in a message


class LeakWatch:
    """One HSM's sessions over time, and the processes that use it.

    Args:
        find_clients: reads the process table for those who use the HSM; runs in a thread.
    """

    def __init__(self, find_clients: Callable[[], tuple[Client, ...]], *, clock: Clock) -> None:
        self._find_clients = find_clients
        self._clock = clock
        self._trends = [SessionTrend(slot_s=slot_s) for slot_s in SLOTS_S]
        self._files_before: dict[int, int] = {}  # pid of a client -> open files when it was first seen
        self._clients: tuple[Client, ...] = ()
        self._stayed: frozenset[int] = frozenset()  # pids that were there at the last two readings
        self._sawtooth = Sawtooth()
        self._floor = 0.0  # from which sessions climb, by the trend that tells it
        self._clients_due_ns = 0
        self._leak: tuple[Client, ...] = ()
        self._exhausted_in_s: float | None = None
        self._limit: int | None = None
        self._ends_ns: int | None = None  # when there is no session left, by the newest forecast
        self._forecast_due_ns = 0

    async def judge(self, token: TokenSight) -> list[Finding]:
        """Whether the token's sessions become more and more."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._clients_due_ns:
            self._clients = await asyncio.to_thread(self._find_clients)
            self._clients_due_ns = now_ns + round(CLIENTS_INTERVAL_S * NS_PER_S)
            alive = {client.pid: client.open_files for client in self._clients}
            self._stayed = frozenset(alive.keys() & self._files_before.keys())
            self._files_before = {pid: self._files_before.get(pid, count) for pid, count in alive.items()}
        self._leak, self._exhausted_in_s = (), None
        if "sessions" not in token.counts:
            return []
        for trend in self._trends:
            trend.add(now_ns / NS_PER_S, token.counts["sessions"])
        limit = token.counts.get("sessions_max")
        left_s = self._left_s(limit, now_ns)
        is_news = self._is_news(is_leak=left_s is not None, now_s=now_ns / NS_PER_S)
        if left_s is None or not is_news:
            return []
        self._exhausted_in_s = left_s
        self._leak = suspects(self._clients, self._files_before)
        return [self._finding(token.counts["sessions"], limit, left_s)]

    def families(self) -> list[Family]:
        """Who uses the HSM, who may leak, and when there are none left."""
        return client_families(self._clients, self._leak, self._exhausted_in_s)

    def _left_s(self, limit: int | None, now_ns: int) -> float | None:
        """Seconds until the limit is reached, by the trend that says so soonest; worked out anew once a slot."""
        if limit is None:
            return None
        if limit != self._limit or now_ns >= self._forecast_due_ns:
            found = {trend: trend.exhausted_in_s(limit) for trend in self._trends}
            left_s = min((one for one in found.values() if one is not None), default=None)
            self._floor = max((trend.floor() for trend, one in found.items() if one is not None), default=0.0)
            self._limit, self._forecast_due_ns = limit, now_ns + round(SLOTS_S[0] * NS_PER_S)
            self._ends_ns = None if left_s is None else now_ns + round(left_s * NS_PER_S)
        return None if self._ends_ns is None else max((self._ends_ns - now_ns) / NS_PER_S, 0.0)

    def _is_news(self, *, is_leak: bool, now_s: float) -> bool:
        """Whether a leak is one that was not told before: not the next climb of a sawtooth."""
        newest = self._trends[0].newest()
        if self._sawtooth.has_fallen(newest, self._stayed):
            for trend in self._trends:
                trend.begin_anew(now_s - SLOTS_S[0] * len(newest))
        if not is_leak:
            return False
        level = sorted(newest)[len(newest) // 2]
        self._sawtooth.begin(self._floor, level, self._stayed)
        return not self._sawtooth.is_known(level, self._stayed)

    def _finding(self, count: int, limit: int | None, left_s: float) -> Finding:
        names = [one.words for one in self._leak[:CLIENTS_NAMED_MAX]]
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
