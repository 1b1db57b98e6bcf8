"""The room's front: everything that looks outward, started, stopped and reloaded together."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.collect.collectors.bitcoin.collector import NodeCollector
from anyascope.collect.collectors.bitcoin.verdict import NodeView
from anyascope.collect.collectors.certificates import read_certificates
from anyascope.collect.collectors.host.collector import HostCollector
from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.collect.collectors.hsm.watch import HsmWatch, hsm_job, hsm_watch
from anyascope.collect.collectors.itself import read_registry
from anyascope.collect.collectors.journal import JournalCollector
from anyascope.collect.collectors.process import OWN_NAME, ProcessReader, own_figures, process_families
from anyascope.collect.options import CollectOptions
from anyascope.collect.runner import Job, Round, Runner
from anyascope.collect.scheduler import FetcherMaker, Parts, ScrapeManager, make_http_fetcher
from anyascope.collect.tally import CollectorTally, ScrapeTally
from anyascope.errors import NotFoundError
from anyascope.model.bitcoin import WatchedNode
from anyascope.model.hsm import WatchedHsm
from anyascope.model.labels import Labels, labels_of
from anyascope.model.own_transactions import OpenTransaction
from anyascope.model.status import DroppedTargetView, TargetHealth, TargetView
from anyascope.model.wallets import WalletSight
from anyascope.ports import ComponentHealth, HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore

log = structlog.get_logger("anyascope.collect")

TARGETS_NAMED_MAX = 3  # how many failing targets a health message names


class Collect:
    """Scrapes, and collects what needs no scraping.

    Args:
        intake: where everything goes.
        options: what to do.
        documents: where the position in the host's logs is kept.
        registry: the server's own metrics: what is counted here goes in, and all of it is collected.
        make_fetcher: how pages are fetched; another one in tests.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        options: CollectOptions,
        documents: DocumentStore,
        clock: Clock,
        registry: CollectorRegistry,
        make_fetcher: FetcherMaker = make_http_fetcher,
    ) -> None:
        self._intake = intake
        self._options = options
        self._documents = documents
        self._clock = clock
        self._registry = registry
        self._tally = CollectorTally(registry)
        parts = Parts(intake=intake, clock=clock, tally=ScrapeTally(registry), make_fetcher=make_fetcher)
        self._scrapes = ScrapeManager(parts)
        self._runners: list[Runner] = []
        self._journal: JournalCollector | None = None
        self._pin_gates = PinGates(documents)  # kept over reloads: a refused PIN is not tried again by one
        self._nodes: list[NodeCollector] = []
        self._hsms: list[HsmWatch] = []
        self._scrape_health = ComponentHealth("collect.scrape", "collector", HealthStatus.UNKNOWN)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin. Host and server are read at once, targets at their moment within their interval."""
        self._start_collectors()
        await self._scrapes.apply(self._options.scrape_configs)
        log.info("collecting_started", jobs=len(self._options.scrape_configs), collectors=len(self._runners))

    async def stop(self) -> None:
        """End everything. No series is marked as ended: what was observed is still there."""
        await self._stop_collectors()
        await self._scrapes.stop()

    async def reload(self, options: CollectOptions) -> None:
        """Go on by other options. What did not change is not touched."""
        before, self._options = self._options, options
        if replace(before, scrape_configs=()) != replace(options, scrape_configs=()):
            await self._stop_collectors()
            self._start_collectors()
        await self._scrapes.apply(options.scrape_configs)
        log.info("collecting_reloaded", jobs=len(options.scrape_configs), collectors=len(self._runners))

    def targets(self) -> Sequence[TargetView]:
        """All scrape targets, by job."""
        return self._scrapes.views()

    def scrape_pools(self) -> Sequence[str]:
        """The names of all scrape configurations."""
        return [config.job_name for config in self._options.scrape_configs]

    def dropped_targets(self) -> Sequence[DroppedTargetView]:
        """All discovered targets that relabelling took away."""
        return self._scrapes.dropped()

    def health(self) -> Sequence[ComponentHealth]:
        """How each collector is, and the scraping as a whole."""
        found = [runner.health() for runner in self._runners]
        found += [node.debug_log.health() for node in self._nodes if node.debug_log is not None]
        if self._journal is not None:
            found.append(self._journal.health())
        if self._options.scrape_configs:
            told = _scrape_health(self._scrapes.views(), self._scrapes.faults())
            if told.status is not self._scrape_health.status:
                self._scrape_health = replace(told, since_ns=self._clock.now_ns())
            found.append(replace(told, since_ns=self._scrape_health.since_ns))
        return found

    def bitcoin_nodes(self) -> Sequence[WatchedNode]:
        """All watched nodes in the order of the settings, each as its last look found it."""
        health = {runner.job.name: runner.health() for runner in self._runners}
        return [node.watched(health[node.name]) for node in self._nodes]

    def bitcoin_wallets(self) -> Sequence[WalletSight]:
        """All watched wallets, node by node, each as its last look found it."""
        return [sight for node in self._nodes for sight in node.wallet_sights()]

    def bitcoin_transactions(self) -> Sequence[OpenTransaction]:
        """Transactions of watched wallets that wait for a block, or lost theirs; by node, wallet and age."""
        return [found for node in self._nodes for found in node.open_transactions()]

    def hsms(self) -> Sequence[WatchedHsm]:
        """All watched HSMs in the order of the settings, each as its last look found it."""
        health = {runner.job.name: runner.health() for runner in self._runners}
        return [watch.sight(health[f"hsm.{watch.name}"]) for watch in self._hsms]

    async def accept_hsm(self, name: str, *, by: str) -> WatchedHsm:
        """Take what an HSM's token is now for what it should be.

        Raises:
            NotFoundError: there is no such HSM.
            ConflictError: its token is not there, or was not looked at yet.
            UnavailableError: it cannot be kept now.
        """
        watch = next((one for one in self._hsms if one.name == name), None)
        if watch is None:
            known = f"there are {', '.join(one.name for one in self._hsms)}" if self._hsms else "none is watched"
            raise NotFoundError(f"no HSM is called {name}; {known}")
        await watch.accept(by=by)
        return next(one for one in self.hsms() if one.name == name)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _start_collectors(self) -> None:
        views: dict[str, NodeView] = {}
        configured = frozenset(node.name for node in self._options.bitcoin)
        self._nodes = [
            NodeCollector(
                node,
                views=views,
                intake=self._intake,
                documents=self._documents,
                clock=self._clock,
                tally=self._tally,
                configured=configured,
            )
            for node in self._options.bitcoin
        ]
        self._hsms = [
            hsm_watch(
                hsm,
                gates=self._pin_gates,
                intake=self._intake,
                documents=self._documents,
                clock=self._clock,
                procfs=self._options.process.procfs,
            )
            for hsm in self._options.hsms
        ]
        self._runners = [Runner(job, intake=self._intake, clock=self._clock, tally=self._tally) for job in self._jobs()]
        runs: list[Coroutine[Any, Any, None]] = [runner.run() for runner in self._runners]
        runs += [run for node in self._nodes for run in node.runs()]
        if self._options.journal.enabled:
            self._journal = JournalCollector(
                self._options.journal,
                intake=self._intake,
                documents=self._documents,
                clock=self._clock,
                tally=self._tally,
            )
            runs.append(self._journal.run())
        self._tasks = [asyncio.create_task(run) for run in runs]
        for task in self._tasks:
            task.add_done_callback(_note_end)

    async def _stop_collectors(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._runners, self._journal = [], [], None
        self._nodes, self._hsms = [], []

    def _jobs(self) -> list[Job]:
        options = self._options
        jobs: list[Job] = []
        if options.host.enabled:
            jobs.append(self._host_job())
        if options.process.enabled:
            jobs.append(self._process_job())
        if options.certificates.files or options.certificates.endpoints:
            jobs.append(self._certificate_job())
        jobs += [job for node in self._nodes for job in node.jobs()]
        if options.itself.enabled:
            jobs.append(self._own_job())
        jobs += [hsm_job(hsm, watch) for hsm, watch in zip(options.hsms, self._hsms, strict=True)]
        return jobs

    def _host_job(self) -> Job:
        options = self._options.host
        files = HostFiles(options.procfs, options.sysfs, options.rootfs)
        collector = HostCollector(files, self._clock)

        async def gather() -> Round:
            families = await asyncio.to_thread(collector.collect)
            failing = collector.failing()
            faults = (f"failing: {', '.join(failing)}",) if failing else ()
            count = sum(value for family in families if family.name == SUCCESS for _, value in family.points)
            return Round(families, f"{count:g} collectors, every {options.interval_s:g} s", faults)

        return Job("host", _labels(options.job, options.instance), options.interval_s, gather)

    def _process_job(self) -> Job:
        options = self._options.process
        reader = ProcessReader(options.procfs, options.names) if sys.platform == "linux" else None

        async def gather() -> Round:
            if reader is None:
                return Round(process_families({OWN_NAME: [own_figures()]}))
            return Round(await asyncio.to_thread(reader.read))

        return Job("process", _labels("process", ""), options.interval_s, gather, has_up=False)

    def _certificate_job(self) -> Job:
        options = self._options.certificates

        async def gather() -> Round:
            families, faults = await read_certificates(options.files, options.endpoints)
            return Round(families, faults=faults)

        return Job("certificates", labels_of([("job", "certificates")]), options.interval_s, gather, has_up=False)

    def _own_job(self) -> Job:
        options = self._options.itself

        async def gather() -> Round:
            return Round(read_registry(self._registry))

        return Job("self", _labels(options.job, options.instance), options.interval_s, gather)


SUCCESS = "node_scrape_collector_success"


def _note_end(task: asyncio.Task[None]) -> None:
    """Collectors run until they are cancelled: a fault that ends one is said when it does, not when the server stops."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("collecting_ended", exc_info=fault)


def _labels(job: str, instance: str) -> Labels:
    return labels_of([("job", job), ("instance", instance or socket.gethostname())])


def _scrape_health(views: Sequence[TargetView], faults: Sequence[str]) -> ComponentHealth:
    """All targets up is healthy, one down is degraded, all down is unhealthy."""
    down = [view for view in views if view.health is TargetHealth.DOWN]
    waiting = [view for view in views if view.health is TargetHealth.UNKNOWN]
    if faults:
        status, advice = HealthStatus.DEGRADED, "mend the files or addresses that list the targets"
        message = "; ".join(faults[:TARGETS_NAMED_MAX])
    elif down:
        status = HealthStatus.UNHEALTHY if len(down) == len(views) else HealthStatus.DEGRADED
        named = ", ".join(f"{view.scrape_url} ({view.last_error})" for view in down[:TARGETS_NAMED_MAX])
        message, advice = f"{len(down)} of {len(views)} targets are down: {named}", "see the list of targets"
    elif waiting and len(waiting) == len(views):
        status, message, advice = HealthStatus.UNKNOWN, f"{len(views)} targets, none scraped yet", ""
    else:
        status, message, advice = HealthStatus.HEALTHY, f"{len(views)} targets", ""
    return ComponentHealth("collect.scrape", "collector", status, message, advice)
