"""The room: a queue a far end, and how each of them is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.errors import AnyascopeError
from anyascope.forward.courier import Courier
from anyascope.forward.log import LabelsOf, Log
from anyascope.forward.options import ForwardOptions, RemoteWrite, file_name
from anyascope.forward.places import LanePlaces
from anyascope.forward.queue import Metadata, Queue, QueueParts
from anyascope.forward.send import Sender, encoder_of
from anyascope.forward.series import SeriesBook
from anyascope.forward.tally import Tally
from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricBatch
from anyascope.ports import Arrivals, ComponentHealth, HealthStatus

CONSUMER = "remote_write:"  # before a far end's name, as the log knows it
DRAIN_S = 3.0  # at the end, for what waits in memory; the rest stays in the log
BEHIND_SHARE = 0.8  # of what may wait: from here on a far end that is away calls for somebody
MEBIBYTE = 2**20

log = structlog.get_logger("anyascope.forward")


@dataclass(frozen=True, slots=True)
class Running:
    """A queue, and what it was built from."""

    remote: RemoteWrite
    external_labels: Labels
    queue: Queue
    courier: Courier


class Forward:
    """Implements `ports.HealthSource`. Sends everything that is stored to the far ends that are configured.

    Args:
        source: the log of what was stored.
        labels_of_ids: the labels of its series.
        metadata: what is known of all metrics.
        arrivals: tells when something has been stored.
    """

    def __init__(
        self,
        source: Log,
        arrivals: Arrivals,
        *,
        options: ForwardOptions,
        labels_of_ids: LabelsOf,
        metadata: Metadata,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._source = source
        self._arrivals = arrivals
        self._options = options
        self._labels_of_ids = labels_of_ids
        self._metadata = metadata
        self._clock = clock
        self._tally = Tally(registry)
        self._tally.backlog_bytes_max.set(options.spool_bytes_max)
        self._running: dict[str, Running] = {}
        self._newest_ms = 0

    async def start(self) -> None:
        """Go on where the last run ended; far ends that are configured no longer are forgotten."""
        self._arrivals.on_metrics(self._stored)
        wanted = {remote.name for remote in self._options.remotes}
        for consumer in await self._source.consumers():
            name = consumer.removeprefix(CONSUMER)
            if name != consumer and name not in wanted:
                await self._forget(name)
        for remote in self._options.remotes:
            await self._begin(remote)

    async def reload(self, options: ForwardOptions) -> None:
        """Send by these options from now on; queues that they leave as they are go on undisturbed."""
        self._options = options
        wanted = {remote.name: remote for remote in options.remotes}
        for name, running in list(self._running.items()):
            if wanted.get(name) == running.remote and running.external_labels == options.external_labels:
                del wanted[name]
                continue
            del self._running[name]
            await running.queue.stop()
            self._tally.forget(name, running.remote.shown_url)
            if name not in wanted:
                await self._forget(name)
        for remote in wanted.values():
            await self._begin(remote)

    async def drain(self) -> None:
        """Send what waits in memory, for a few seconds; the rest stays in the log."""
        await asyncio.gather(*(running.queue.drain(within_s=DRAIN_S) for running in self._running.values()))

    def health(self) -> Sequence[ComponentHealth]:
        return tuple(self._health(running) for running in self._running.values())

    async def _begin(self, remote: RemoteWrite) -> None:
        options = self._options
        encoder = encoder_of(remote)
        sender = Sender(remote, clock=self._clock)
        courier = Courier(remote, encoder=encoder, sender=sender, clock=self._clock, tally=self._tally)
        book = SeriesBook(
            remote,
            options.external_labels,
            labels_of_ids=self._labels_of_ids,
            has_custom_buckets=encoder.has_custom_buckets,
            tally=self._tally,
        )
        queue = Queue(
            CONSUMER + remote.name,
            remote,
            parts=QueueParts(
                source=self._source,
                book=book,
                places=LanePlaces(self._file(remote.name)),
                courier=courier,
                metadata=self._metadata,
                newest_ms=lambda: self._newest_ms,
            ),
            clock=self._clock,
            tally=self._tally,
        )
        self._running[remote.name] = Running(remote, options.external_labels, queue, courier)
        await queue.start()

    async def _forget(self, name: str) -> None:
        with contextlib.suppress(AnyascopeError, OSError):
            await self._source.forget(CONSUMER + name)
        if (path := self._file(name)) is not None:
            path.unlink(missing_ok=True)
        log.info("forward_forgotten", remote_name=name)

    def _file(self, name: str) -> Path | None:
        directory = self._options.directory
        return directory / f"{file_name(name)}.places" if directory is not None else None

    def _stored(self, batch: MetricBatch) -> None:
        times_ms = batch.samples.times_ms
        if len(times_ms):
            self._newest_ms = max(self._newest_ms, int(times_ms.max()))
            self._tally.highest_in.set(self._newest_ms / MS_PER_S)
        for running in self._running.values():
            running.queue.told()

    def _health(self, running: Running) -> ComponentHealth:
        name, backlog_bytes = f"remote write {running.remote.name}", running.queue.backlog_bytes
        waits = f"{backlog_bytes / MEBIBYTE:.1f} MiB wait"
        if running.queue.fault:
            is_near = backlog_bytes > BEHIND_SHARE * self._options.spool_bytes_max
            advice = (
                f"nothing is lost until {self._options.spool_bytes_max // MEBIBYTE} MiB wait (forward.spool_size): "
                f"see whether {running.remote.shown_url} is up and reachable"
            )
            status = HealthStatus.UNHEALTHY if is_near else HealthStatus.DEGRADED
            return ComponentHealth(name, "forward", status, f"{running.queue.fault}; {waits}", advice)
        if running.courier.refusal:
            advice = "what a far end refuses is not sent again: its words say what it does not want"
            return ComponentHealth(name, "forward", HealthStatus.DEGRADED, running.courier.refusal, advice)
        newest_ms = running.courier.state.newest_ms
        behind_s = max(self._clock.now_ns() // NS_PER_MS - newest_ms, 0) / MS_PER_S
        message = (
            f"the newest sample sent is {behind_s:.0f} s old; {waits}" if newest_ms else f"nothing sent yet; {waits}"
        )
        return ComponentHealth(name, "forward", HealthStatus.HEALTHY, message)
