"""The heartbeat that we send: somebody else notices when it stops, because we are dead, or alerting is not well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from anyascope.clock import NS_PER_S, Clock, wait_for
from anyascope.errors import InvalidInputError
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.watchdog_settings import WatchdogOptions
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.wire.notices.answers import shown

TRIES = 3  # within an interval: one lost packet is no dead server

# What must be well for alerts to reach somebody.
VITAL_KINDS: Final = frozenset(("alerting", "rules"))
CHANNEL_KIND: Final = "notify"

log = structlog.get_logger("anyascope.notify")


class Watchdog:
    """Calls each interval, and keeps silent while alerting is not well.

    Args:
        options: where to, how often.
        health: how alerting, rules and channels are now.
        clock: time.
        registry: for the counters.
    """

    def __init__(
        self,
        options: WatchdogOptions,
        *,
        health: Callable[[], Sequence[ComponentHealth]],
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._options = options
        self._health = health
        self._clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._beats = Counter(
            "anyascope_watchdog_beats", "Heartbeats to the watchdog: sent, failed, or withheld.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        for outcome in ("sent", "failed", "withheld"):
            self._beats.labels(outcome)
        self._last = Gauge(
            "anyascope_watchdog_last_beat_seconds", "Unix time of the last heartbeat that the watchdog took.",
            registry=registry,
        )  # fmt: skip

    async def start(self) -> None:
        """Call from now on; the first call goes out at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Call no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def reload(self, options: WatchdogOptions) -> None:
        """Call there from now on."""
        if options != self._options:
            self._options, self._trouble = options, ""
            await self.stop()
            await self.start()

    def health(self) -> Sequence[ComponentHealth]:
        """Whether the watchdog hears us."""
        if self._options.url is None:
            return ()
        if not self._trouble:
            return (ComponentHealth("watchdog", "watchdog", HealthStatus.HEALTHY),)
        advice = "the watchdog will say that this server is down; see its address, and what is not well here"
        return (ComponentHealth("watchdog", "watchdog", HealthStatus.DEGRADED, self._trouble, advice),)

    async def _run(self) -> None:
        options = self._options
        if options.url is None:
            return
        sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=self._clock)
        try:
            while True:
                began_ns = self._clock.monotonic_ns()
                try:
                    await self._beat(sender, options, options.url)
                except Exception as error:  # a fault of ours keeps one call back, not all that follow
                    self._trouble = f"a fault of the server: {type(error).__name__}: {error}"
                    log.exception("watchdog_broke")
                took_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
                await wait_for(self._wake, clock=self._clock, timeout_s=options.interval_s - took_s)
        finally:
            await sender.close()

    async def _beat(self, sender: HttpSender, options: WatchdogOptions, url: Secret) -> None:
        reason = why_withheld(self._health())
        if reason:
            self._beats.labels("withheld").inc()
            if reason != self._trouble:
                log.error("watchdog_withheld", reason=reason)
            self._trouble = reason
            return
        outcome = await self._try(sender, options, url)
        for _ in range(TRIES - 1):
            if outcome.kind is not AttemptOutcome.RETRY:
                break
            await self._clock.sleep(options.interval_s / (2 * TRIES))
            outcome = await self._try(sender, options, url)
        if outcome.kind is AttemptOutcome.OK:
            self._beats.labels("sent").inc()
            self._last.set(self._clock.now_ns() / NS_PER_S)
            self._trouble = ""
            return
        self._beats.labels("failed").inc()
        self._trouble = f"it does not take our heartbeat: {outcome.detail}"
        log.warning("watchdog_not_reached", detail=outcome.detail)

    @staticmethod
    async def _try(sender: HttpSender, options: WatchdogOptions, url: Secret) -> Outcome:
        try:
            answer = await sender.post(url.reveal(), b"", headers={}, method=options.method.value)
        except InvalidInputError as error:  # a secret's file cannot be read
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        return answer if isinstance(answer, Outcome) else judge(answer)


def why_withheld(components: Sequence[ComponentHealth]) -> str:
    """Why nobody would be told of an alert now; empty where somebody would.

    That is where alerting or rules are unhealthy, or every channel is.
    """
    for one in components:
        if one.kind in VITAL_KINDS and one.status is HealthStatus.UNHEALTHY:
            return f"{one.component} is not well: {one.message}"
    channels = [one for one in components if one.kind == CHANNEL_KIND]
    if channels and all(one.status is HealthStatus.UNHEALTHY for one in channels):
        return "no channel is well"
    return ""
