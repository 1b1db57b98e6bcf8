"""Runs the scrapes: a pool a job, a loop a target, each at its own moment of the interval."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.collect.discovery import Discoverer, FileDiscoverer, HttpDiscoverer
from anyascope.collect.discovery_dns import DnsDiscoverer
from anyascope.collect.failure_log import FailureLog
from anyascope.collect.http import HttpFetcher
from anyascope.collect.scrape import Fetcher, TargetScraper
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.series import Live
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target, TargetList, make_targets
from anyascope.collect.tls import TlsContexts
from anyascope.model.labels import Labels
from anyascope.model.status import DroppedTargetView, TargetView
from anyascope.ports import Intake
from anyascope.wire.oauth2 import Tokens

log = structlog.get_logger("anyascope.collect")

# A scrape that starts this late still gets its due time: equal distances compress to nothing. Upstream allows 2 ms; an
# event loop that also answers requests needs a little more.
LATENESS_NS_MAX = 5 * NS_PER_MS
LATENESS_SHARE_MAX = 100  # but never more than this part of the interval
# A target that is gone may come back at once (an inventory that flaps): its series end only this many intervals after
# the scrape that it missed, as upstream has it, and with that scrape's time.
FAREWELL_INTERVALS = 1.1

FetcherMaker = Callable[[ScrapeConfig, TlsContexts, Tokens | None], Fetcher]


def make_http_fetcher(config: ScrapeConfig, contexts: TlsContexts, tokens: Tokens | None) -> Fetcher:
    """The fetcher of the server."""
    return HttpFetcher(config.http, contexts, tokens)


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
        oauth2 = config.http.oauth2
        self._tokens = Tokens(oauth2, timeout_s=config.scrape_timeout_s, clock=parts.clock) if oauth2 else None
        self._failures = FailureLog(config.failure_log) if config.failure_log is not None else None
        self._running: dict[tuple[Labels, str], _Running] = {}
        self._leaving: dict[tuple[Labels, str], _Running] = {}
        self._list = TargetList((), (), ())
        self._discoverers: list[Discoverer] = [
            *(FileDiscoverer(options, parts.clock) for options in config.files),
            *(HttpDiscoverer(options, parts.clock) for options in config.urls),
            *(DnsDiscoverer(options) for options in config.names),
        ]
        self._lookers: list[asyncio.Task[None]] = []

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: no target is scraped, and none is to be marked as ended any more."""
        return not self._running and all(leaving.task.done() for leaving in self._leaving.values())

    async def start(self, predecessor: ScrapePool | None = None) -> None:
        """Find targets and begin to scrape them. Series of a predecessor's targets with equal labels live on."""
        known: list[Discoverer] = []
        if predecessor is not None:
            self._leaving, known = predecessor.hand_over()
            same = {
                place: found
                for found in known
                for place, own in enumerate(self._discoverers)
                if own.options == found.options
            }
            self._discoverers = [same.get(place, own) for place, own in enumerate(self._discoverers)]
        # A slow inventory must hold up neither start nor reload: its targets come when it has answered.
        slow = [found for found in self._discoverers if not isinstance(found, FileDiscoverer) and found not in known]
        await asyncio.gather(*(found.look() for found in self._discoverers if found not in (*known, *slow)))
        await self._sync()
        self._lookers = [
            asyncio.create_task(self._keep_looking(found, at_once=found in slow)) for found in self._discoverers
        ]

    async def stop(self) -> None:
        """End all loops. Nothing is marked as ended: the targets are still there, only we are not."""
        await self._stop_scraping()
        await _end([leaving.task for leaving in self._leaving.values()])

    async def retire(self) -> None:
        """End all loops and see to it that all series are marked as ended: the job is no more."""
        await self._stop_scraping()
        for running in self._running.values():
            self._see_off(running.scraper)
        self._running.clear()

    def hand_over(self) -> tuple[dict[tuple[Labels, str], _Running], list[Discoverer]]:
        """Those that leave, and what is known of others, for a successor; this pool is left with none."""
        leaving, self._leaving = self._leaving, {}
        return leaving, self._discoverers

    def views(self) -> list[TargetView]:
        """How the targets are."""
        return [running.scraper.view() for running in self._running.values()]

    def dropped(self) -> list[DroppedTargetView]:
        """What relabelling took away."""
        shown = self.config.dropped_kept or len(self._list.dropped)
        return [
            DroppedTargetView(self.config.job_name, labels, is_shown=at < shown)
            for at, labels in enumerate(self._list.dropped)
        ]

    def faults(self) -> list[str]:
        """What is wrong with the discovery of targets."""
        return [*self._list.faults, *(fault for found in self._discoverers for fault in found.faults())]

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _stop_scraping(self) -> None:
        await _end([*self._lookers, *(running.task for running in self._running.values())])
        for running in self._running.values():
            running.scraper.close()
        for found in self._discoverers:
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
                    await self._sync()
            except Exception:
                # One broken look must not end the looking.
                log.exception("discovery_failed", job=self.config.job_name)

    async def _sync(self) -> None:
        """Bring what runs in line with what is known."""
        groups = [*self.config.static, *(group for found in self._discoverers for group in found.groups())]
        self._list = make_targets(self.config, groups)
        for fault in self._list.faults:
            log.warning("target_refused", job=self.config.job_name, error=fault)
        refusal = self._refusal()
        wanted = {target.key: target for target in self._list.targets}
        gone = [self._running.pop(key) for key in list(self._running) if key not in wanted]
        await _end([running.task for running in gone])
        for running in gone:
            running.scraper.close()
            self._see_off(running.scraper)
        for key, target in wanted.items():
            if key in self._running:
                self._running[key].scraper.refusal = refusal
            else:
                self._running[key] = self._launch(target, refusal, self._welcome(target.labels))
        self._parts.tally.targets.labels(job=self.config.job_name).set(len(self._running))

    def _refusal(self) -> str:
        limit, count = self.config.limits.target_limit, len(self._list.targets)
        if limit and count > limit:
            return f"target_limit exceeded (number of targets: {count}, limit: {limit})"
        return ""

    def _launch(self, target: Target, refusal: str, inherited: Live) -> _Running:
        scraper = TargetScraper(
            target,
            self.config,
            fetcher=self._parts.make_fetcher(self.config, self._contexts, self._tokens),
            intake=self._parts.intake,
            clock=self._parts.clock,
            tally=self._parts.tally,
            refusal=refusal,
            inherited=inherited,
            failures=self._failures,
        )
        return _Running(scraper, asyncio.create_task(self._scrape_on(scraper)))

    def _see_off(self, scraper: TargetScraper) -> None:
        """Mark its series as ended, in a while."""
        self._leaving = {key: leaving for key, leaving in self._leaving.items() if not leaving.task.done()}
        self._leaving[scraper.target.key] = _Running(scraper, asyncio.create_task(self._say_farewell(scraper)))

    def _welcome(self, labels: Labels) -> Live:
        """What targets with these labels have written that were leaving: one is back, perhaps at another address."""
        back = [key for key, leaving in self._leaving.items() if key[0] == labels and not leaving.task.done()]
        found = Live()
        for key in back:
            leaving = self._leaving.pop(key)
            leaving.task.cancel()
            live = leaving.scraper.live_series()
            found = Live(tuple(dict.fromkeys((*found.series, *live.series))), found.native | live.native)
        return found

    async def _say_farewell(self, scraper: TargetScraper) -> None:
        clock = self._parts.clock
        interval_ns = round(scraper.target.interval_s * NS_PER_S)
        missed_ns = next_due_ns(clock.now_ns(), interval_ns=interval_ns, offset=offset_ns(scraper.target))
        until_ns = missed_ns + round(FAREWELL_INTERVALS * interval_ns)
        await clock.sleep((until_ns - clock.now_ns()) / NS_PER_S)
        await scraper.say_farewell(missed_ns)

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
        self._retired: dict[str, ScrapePool] = {}

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
            predecessor = known or self._retired.pop(config.job_name, None)
            begun.append(_replace(predecessor, self._pools[config.job_name]))
        await asyncio.gather(*begun, *(pool.retire() for pool in before.values()))
        self._retired = {job: pool for job, pool in self._retired.items() if not pool.is_done} | before
        for job in before:
            self._parts.tally.targets.remove(job)

    async def stop(self) -> None:
        """End all loops, without marking anything as ended."""
        for pool in (*self._pools.values(), *self._retired.values()):
            await pool.stop()
        self._pools, self._retired = {}, {}

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
        await known.retire()
    await pool.start(known)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
