"""One integration: its channel, its lane, and how its far end has been answering."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from anyascope.clock import NS_PER_S
from anyascope.model.notifications import ChannelReport, ChannelState
from anyascope.notify.breaker import Breaker
from anyascope.notify.channel import Channel
from anyascope.notify.lane import Item, Lane
from anyascope.notify.pace import Pace
from anyascope.notify.patience import CourierOptions
from anyascope.ports import ComponentHealth, HealthStatus

LATE_S = 300.0  # from this age on a notification that is not through makes its channel unhealthy


@dataclass(slots=True)
class Route:
    """An integration with its channel and what runs in it.

    Attributes:
        fresh: what nobody has looked at yet, whether its fallbacks must be told.
        asked_ns: until when the far end asked to be left alone.
        trouble: how the last attempt failed; empty after one that went well.
        since_ns: when it came into this state.
        dead: how many of its notifications failed and can be sent again.
    """

    key: str
    channel: Channel | None
    breaker: Breaker
    pace: Pace
    lane: Lane = field(default_factory=Lane)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    runner: asyncio.Task[None] | None = None
    attempts: set[asyncio.Task[None]] = field(default_factory=set)
    fresh: list[Item] = field(default_factory=list)
    asked_ns: int = 0
    trouble: str = ""
    since_ns: int = 0
    dead: int = 0

    @property
    def kind(self) -> str:
        """Of the channel, such as `slack`."""
        return self.key.rsplit("/", 2)[1]

    @property
    def receiver(self) -> str:
        """Whose channel it is."""
        return self.key.rsplit("/", 2)[0]

    def hold_ns(self) -> int:
        """Before when nothing goes out: the far end asked for a pause, is down, or has had enough for now."""
        return max(self.asked_ns, self.breaker.probe_ns, self.pace.next_ns)

    def parallel(self, options: CourierOptions) -> int:
        """How many attempts at once: one probe where the far end is down."""
        return 1 if self.breaker.is_open else options.lane_parallel

    def heard(self, breaker: Breaker, *, trouble: str, now_ns: int) -> None:
        """An attempt ended."""
        if (bool(trouble), breaker.is_open) != (bool(self.trouble), self.breaker.is_open):
            self.since_ns = now_ns
        self.breaker, self.trouble = breaker, trouble

    def report(self) -> ChannelReport:
        """How it is, for people and programs."""
        state = ChannelState.DEGRADED if self.trouble else ChannelState.HEALTHY
        return ChannelReport(
            key=self.key,
            kind=self.kind,
            receiver=self.receiver,
            state=ChannelState.OPEN if self.breaker.is_open else state,
            waiting=len(self.lane),
            dead=self.dead,
            since_ns=self.since_ns,
            last_error=self.trouble,
        )

    def health(self, *, now_ns: int) -> ComponentHealth:
        """How it is, for the board."""
        oldest_ns = self.lane.oldest_ns()
        is_late = oldest_ns is not None and now_ns - oldest_ns > LATE_S * NS_PER_S
        if not self.trouble and not is_late:
            return ComponentHealth(self.key, "notify", HealthStatus.HEALTHY, since_ns=self.since_ns)
        down = f"down, {self.breaker.failures} failures in a row; " if self.breaker.is_open else ""
        return ComponentHealth(
            component=self.key,
            kind="notify",
            status=HealthStatus.UNHEALTHY if is_late or self.breaker.is_open else HealthStatus.DEGRADED,
            message=f"{down}waiting: {len(self.lane)}; the last attempt: {self.trouble or 'under way'}",
            advice="see `anyascope notify dead` and the journal's attempts; mend the receiver's settings or the far end, "
            "then reload",
            since_ns=self.since_ns,
        )
