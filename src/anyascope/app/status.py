"""What `anyascope doctor` shows: one look at everything that runs, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from anyascope import __version__
from anyascope.alerting.settings import DEFAULT_RECEIVER
from anyascope.api.alertmanager.status import AlertmanagerView
from anyascope.api.prometheus.status import ServerView
from anyascope.api.render import time_or_none
from anyascope.app.reload import Reloads
from anyascope.app.sockets import Face
from anyascope.clock import NS_PER_S, Clock
from anyascope.config.settings import Settings
from anyascope.config.show import shown_yaml
from anyascope.config.show_alertmanager import alertmanager_yaml
from anyascope.health.components import Health
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.store.api.metrics import MetricReader
from anyascope.store.api.retention import StoreKeeper
from anyascope.wire.durations import format_duration_ms
from anyascope.wire.own_api import CollectorView, ConfigView, FaceView, ProblemView, SignalView, StatusView

COLLECTOR_KINDS = frozenset(("collector", "scrape", "custody"))


@dataclass(frozen=True, slots=True)
class StatusParts:
    """What is looked at.

    Attributes:
        directory: the data directory; None where everything is in memory.
        faces: the addresses, once they are bound.
    """

    health: Health
    metrics: MetricReader
    keeper: StoreKeeper
    reloads: Reloads
    directory: Path | None
    faces: Callable[[], Sequence[Face]]


class Status:
    """Answers `/status`."""

    def __init__(self, parts: StatusParts, *, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock
        self._started_ns, self._started_mono_ns = clock.now_ns(), clock.monotonic_ns()
        self._process = psutil.Process()

    async def status(self) -> StatusView:
        """How things stand now."""
        parts = self._parts
        components = parts.health.report().components
        usage = await parts.keeper.usage()
        cardinality = await parts.metrics.cardinality(limit=1)
        cpu = self._process.cpu_times()
        started_at = time_or_none(self._started_ns)
        assert started_at is not None
        return StatusView(
            version=__version__,
            started_at=started_at,
            uptime_s=round((self._clock.monotonic_ns() - self._started_mono_ns) / NS_PER_S, 3),
            pid=os.getpid(),
            data_directory=str(parts.directory or ""),
            config=ConfigView(
                file=str(parts.reloads.settings.file or ""),
                loaded_at=time_or_none(parts.reloads.loaded_ns),
                error=parts.reloads.error,
            ),
            faces=[FaceView(name=f.name, address=f.address, state=f.state, note=f.note) for f in parts.faces()],
            memory_bytes=self._process.memory_info().rss,
            cpu_seconds=round(cpu.user + cpu.system, 3),
            disk_free_bytes=shutil.disk_usage(parts.directory).free if parts.directory else 0,
            storage={
                signal: SignalView(
                    rows=taken.rows,
                    disk_bytes=taken.disk_bytes,
                    oldest=time_or_none(taken.oldest_ns),
                    newest=time_or_none(taken.newest_ns),
                )
                for signal, taken in usage.items()
            },
            series=cardinality.series,
            collectors=[
                CollectorView(name=c.component, state=c.status.value, detail=c.message)
                for c in components
                if c.kind in COLLECTOR_KINDS
            ],
            problems=self._problems(components),
        )

    def server(self) -> ServerView:
        """For Prometheus' `status/buildinfo` and `status/runtimeinfo`."""
        settings = self._parts.reloads.settings
        policy = settings.retention["metrics"]
        size = f" or {policy.disk_bytes_max // 2**20}MiB" if policy.disk_bytes_max else ""
        return ServerView(
            version=__version__,
            started_ns=self._started_ns,
            directory=str(Path.cwd()),
            hostname=platform.node(),
            retention=f"{policy.age_days}d{size}",
            config_ns=self._parts.reloads.loaded_ns,
            python_version=platform.python_version(),
            reload_error=self._parts.reloads.error,
            reload_failed_ns=self._parts.reloads.failed_ns,
            threads=threading.active_count(),
            cores=os.cpu_count() or 1,
        )

    def alertmanager(self) -> AlertmanagerView:
        """For Alertmanager's `status`."""
        return AlertmanagerView(self._started_ns, version=__version__, python_version=platform.python_version())

    def alertmanager_yaml(self) -> str:
        """What an Alertmanager has of the configuration in force, secrets masked."""
        settings = self._parts.reloads.settings
        return alertmanager_yaml(settings.files, default_receiver=settings.alerting.route.receiver or DEFAULT_RECEIVER)

    def receivers(self) -> Mapping[str, Mapping[str, str]]:
        """Their labels by name, in the order of the configuration."""
        found = self._parts.reloads.settings.alerting.receivers
        return {name: dict(sorted({**dict(one.labels), "name": name}.items())) for name, one in found.items()}

    def config_yaml(self) -> str:
        """The configuration files in force, secrets masked."""
        return shown_yaml(self._parts.reloads.settings.files)

    def flags(self) -> Mapping[str, str]:
        """What the main options came out as."""
        settings = self._parts.reloads.settings
        return {
            "config": str(settings.file or ""),
            "data": str(settings.storage.directory),
            "listen": str(settings.server.listen),
            "log-format": settings.log_format.value,
            "store": settings.storage.kind.value,
            **_upstream_flags(settings),
        }

    def _problems(self, components: Sequence[ComponentHealth]) -> list[ProblemView]:
        found = [
            ProblemView(what=f"{c.component}: {c.message}", advice=c.advice)
            for c in components
            if c.status in (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED)
        ]
        found += [
            ProblemView(
                what=f"{face.name} is not listening: {face.note}",
                advice="stop the other program, or choose another port in `receive`",
            )
            for face in self._parts.faces()
            if face.state == "skipped"
        ]
        if self._parts.reloads.error:
            found.append(
                ProblemView(
                    what=f"the last reload was refused: {self._parts.reloads.error}",
                    advice="mend the file and reload; the old configuration is in force",
                )
            )
        found += [ProblemView(what=warning) for warning in self._parts.reloads.settings.warnings]
        return found


def _upstream_flags(settings: Settings) -> dict[str, str]:
    """The same under the names of Prometheus' own options, which clients look for."""
    policy = settings.retention["metrics"]
    return {
        "config.file": str(settings.file or ""),
        "enable-feature": ",".join(sorted(settings.features)),
        "log.format": settings.log_format.value,
        "log.level": settings.log_level.value,
        "query.lookback-delta": format_duration_ms(settings.queries.lookback_ms),
        "query.max-concurrency": str(settings.queries.concurrency_max),
        "query.max-samples": str(settings.queries.limits.samples_max),
        "query.timeout": format_duration_ms(round(settings.queries.limits.timeout_s * 1000)),
        "storage.tsdb.path": str(settings.storage.directory),
        "storage.tsdb.retention.time": f"{policy.age_days}d",
        "web.cors.origin": settings.server.cors_origin,
        "web.enable-admin-api": str(settings.server.has_admin_api).lower(),
        "web.enable-remote-write-receiver": "true",
        "web.external-url": settings.server.external_url,
        "web.listen-address": str(settings.server.listen),
    }
