"""Runs the scrapes: a pool a job, a loop a target, each at its own moment of the interval."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.collect.discovery import Discoverer, FileDiscoverer, HttpDiscoverer
from anyascope.collect.http import HttpFetcher
from anyascope.collect.scrape import Fetcher, TargetScraper
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target, TargetList, make_targets
from anyascope.collect.tls import TlsContexts
from anyascope.model.labels import Labels
from anyascope.model.status import DroppedTargetView, TargetView
from anyascope.ports import Intake

log = structlog.get_logger("anyascope.collect")

# A scrape that starts this late still gets its due time: equal distances compress to nothing. Upstream allows 2 ms; an
# event loop that also answers requests needs a little more.
LATENESS_NS_MAX = 5 * NS_PER_MS
LATENESS_SHARE_MAX = 100  # but never more than this part of the interval

FetcherMaker = Callable[[ScrapeConfig, TlsContexts], Fetcher]


def make_http_fetcher(config: ScrapeConfig, contexts: TlsContexts) -> Fetcher:
    """The fetcher of the server."""
    return HttpFetcher(config.http, contexts)


def offset_ns(target: Target) -> int:
    """The target's own moment within its interval: the same after every restart, spread evenly over many targets."""
    digest = hashlib.blake2b(repr(target.key).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % round(target.interval_s * NS_PER_S)


def next_due_ns(now_ns: int, *, interval_ns: int, offset: int) -> int:
    """The first moment after `now_ns` that lies `offset` behind a multiple of the interval."""
    return now_ns + interval_ns - (now_ns - offset) % interval_ns


@dataclass(frozen=True, slots=True)
class Parts:
    """What every scrape needs, passed down."""

    intake: Intake
    clock: Clock
    tally: ScrapeTally
    make_fetcher: FetcherMaker = make_http_fetcher


@dataclass(slots=True)
class _Running:
    scraper: TargetScraper
    task: asyncio.Task[None]


class ScrapePool:
    """The targets of one job."""

    def __init__(self, config: ScrapeConfig, parts: Parts) -> None:
        self.config = config
        self._parts = parts
        self._contexts = TlsContexts(config.http.tls)
        self._running: dict[tuple[Labels, str], _Running] = {}
        self._list = TargetList((), (), ())
        self._discoverers: list[Discoverer] = [
            *(FileDiscoverer(options, parts.clock) for options in config.files),
            *(HttpDiscoverer(options) for options in config.urls),
        ]
        self._lookers: list[asyncio.Task[None]] = []

    async def start(self, predecessor: ScrapePool | None = None) -> None:
        """Find targets and begin to scrape them. Series of a predecessor's targets with equal labels live on."""
        if predecessor is None:
            # A slow inventory must not hold up the server's start: its targets come when it has answered.
            first: list[Discoverer] = [found for found in self._discoverers if isinstance(found, FileDiscoverer)]
        else:
            first = self._discoverers
        await asyncio.gather(*(found.look() for found in first))
        await self._sync(predecessor.hand_over() if predecessor is not None else {})
        if predecessor is not None:
            await predecessor.bury({labels for labels, _ in self._running})
        self._lookers = [
            asyncio.create_task(self._keep_looking(found, at_once=found not in first)) for found in self._discoverers
        ]

    async def stop(self) -> None:
        """End all loops. Nothing is marked as ended: the targets are still there, only we are not."""
        await _end([*self._lookers, *(running.task for running in self._running.values())])
        self._close()

    async def retire(self) -> None:
        """End all loops and mark all series as ended: the job is no more."""
        await self.stop()
        await self.bury(set())

    async def bury(self, kept: set[Labels]) -> None:
        """Mark the series of all targets as ended, but for those whose labels somebody took over."""
        now_ns = self._parts.clock.now_ns()
        gone = [running.scraper for running in self._running.values() if running.scraper.target.labels not in kept]
        await asyncio.gather(*(scraper.say_farewell(now_ns) for scraper in gone))
        self._running.clear()

    def hand_over(self) -> dict[Labels, tuple[Labels, ...]]:
        """By target labels, what was last written."""
        return {running.scraper.target.labels: running.scraper.live_series() for running in self._running.values()}

    def views(self) -> list[TargetView]:
        """How the targets are."""
        return [running.scraper.view() for running in self._running.values()]

    def dropped(self) -> list[DroppedTargetView]:
        """What relabelling took away."""
        return [DroppedTargetView(self.config.job_name, labels) for labels in self._list.dropped]

    def faults(self) -> list[str]:
        """What is wrong with the discovery of targets."""
        return [*self._list.faults, *(fault for found in self._discoverers for fault in found.faults())]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        for running in self._running.values():
            running.scraper.close()
        for found in self._discoverers:
            if isinstance(found, HttpDiscoverer):
                found.close()

    async def _keep_looking(self, discoverer: Discoverer, *, at_once: bool) -> None:
        pause_s = 0.0 if at_once else discoverer.pause_s
        while True:
            await self._parts.clock.sleep(pause_s)
            pause_s = discoverer.pause_s
            try:
                is_changed = await discoverer.look()
                if discoverer.faults():
                    self._parts.tally.discovery_failures.labels(job=self.config.job_name).inc()
                if is_changed:
                    await self._sync({})
            except Exception:
                # One broken look must not end the looking.
                log.exception("discovery_failed", job=self.config.job_name)

    async def _sync(self, inherited: dict[Labels, tuple[Labels, ...]]) -> None:
        """Bring what runs in line with what is known."""
        groups = [*self.config.static, *(group for found in self._discoverers for group in found.groups())]
        self._list = make_targets(self.config, groups)
        for fault in self._list.faults:
            log.warning("target_refused", job=self.config.job_name, error=fault)
        refusal = self._refusal()
        wanted = {target.key: target for target in self._list.targets}
        gone = [self._running.pop(key) for key in list(self._running) if key not in wanted]
        for key, target in wanted.items():
            running = self._running.get(key)
            if running is not None:
                running.scraper.refusal = refusal
            else:
                self._running[key] = self._launch(target, refusal, inherited.get(target.labels, ()))
        self._parts.tally.targets.labels(job=self.config.job_name).set(len(self._running))
        await _end([running.task for running in gone])
        now_ns = self._parts.clock.now_ns()
        for running in gone:
            running.scraper.close()
            await running.scraper.say_farewell(now_ns)

    def _refusal(self) -> str:
        limit, count = self.config.limits.target_limit, len(self._list.targets)
        if limit and count > limit:
            return f"target_limit exceeded (number of targets: {count}, limit: {limit})"
        return ""

    def _launch(self, target: Target, refusal: str, inherited: tuple[Labels, ...]) -> _Running:
        scraper = TargetScraper(
            target,
            self.config,
            fetcher=self._parts.make_fetcher(self.config, self._contexts),
            intake=self._parts.intake,
            clock=self._parts.clock,
            tally=self._parts.tally,
            refusal=refusal,
            inherited=inherited,
        )
        return _Running(scraper, asyncio.create_task(self._scrape_on(scraper)))

    async def _scrape_on(self, scraper: TargetScraper) -> None:
        clock = self._parts.clock
        interval_ns = round(scraper.target.interval_s * NS_PER_S)
        offset = offset_ns(scraper.target)
        lateness_ns_max = min(LATENESS_NS_MAX, interval_ns // LATENESS_SHARE_MAX)
        due_ns = next_due_ns(clock.now_ns(), interval_ns=interval_ns, offset=offset)
        while True:
            # By the wall clock, and never longer than an interval: a clock that is set back must not stop the scraping.
            await clock.sleep(min((due_ns - clock.now_ns()) / NS_PER_S, scraper.target.interval_s))
            now_ns = clock.now_ns()
            time_ns = due_ns if 0 <= now_ns - due_ns <= lateness_ns_max else now_ns
            try:
                await scraper.scrape(time_ns, until_ns=due_ns + interval_ns)
            except Exception:
                # A fault of ours in one target's scrape must not end its loop.
                log.exception("scrape_broke", job=self.config.job_name, url=scraper.target.url)
            after_ns = next_due_ns(clock.now_ns(), interval_ns=interval_ns, offset=offset)
            if after_ns > due_ns + interval_ns:
                self._parts.tally.late.inc((after_ns - due_ns) // interval_ns - 1)
            due_ns = after_ns


class ScrapeManager:
    """All jobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pools: dict[str, ScrapePool] = {}

    async def apply(self, configs: Sequence[ScrapeConfig]) -> None:
        """Scrape by these configurations from now on. A job whose configuration did not change is not touched."""
        before, self._pools = self._pools, {}
        begun: list[Coroutine[None, None, None]] = []
        for config in configs:
            known = before.pop(config.job_name, None)
            if known is not None and known.config == config:
                self._pools[config.job_name] = known
                continue
            self._pools[config.job_name] = ScrapePool(config, self._parts)
            begun.append(_replace(known, self._pools[config.job_name]))
        await asyncio.gather(*begun, *(pool.retire() for pool in before.values()))
        for job in before:
            self._parts.tally.targets.remove(job)

    async def stop(self) -> None:
        """End all loops, without marking anything as ended."""
        for pool in self._pools.values():
            await pool.stop()
        self._pools = {}

    def views(self) -> list[TargetView]:
        """All targets, by job in the order of the configuration."""
        return [view for pool in self._pools.values() for view in pool.views()]

    def dropped(self) -> list[DroppedTargetView]:
        """All targets that relabelling took away."""
        return [view for pool in self._pools.values() for view in pool.dropped()]

    def faults(self) -> list[str]:
        """What is wrong with the discovery of targets."""
        return [fault for pool in self._pools.values() for fault in pool.faults()]


async def _replace(known: ScrapePool | None, pool: ScrapePool) -> None:
    if known is not None:
        await known.stop()
    await pool.start(known)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
