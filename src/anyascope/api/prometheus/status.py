"""`status/*`: the server itself, as Prometheus would tell of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, success
from anyascope.api.prometheus.forms import Form
from anyascope.api.prometheus.times import format_ns
from anyascope.clock import Clock
from anyascope.errors import InvalidInputError
from anyascope.store.api.metrics import MetricReader

TSDB_ENTRIES = 10  # Prometheus' default of `limit`
TSDB_ENTRIES_MAX = 10_000  # a list of more is not read by anybody; a larger limit gets so many
_WHOLE = re.compile(r"\d{1,30}", re.ASCII)  # as many digits as any limit of the API
API_VERSION = "3.5.0"  # the release of Prometheus whose API this is: clients choose their requests by it


@dataclass(frozen=True, slots=True)
class ServerView:
    """What the server knows of itself.

    Attributes:
        version, revision, build_date: of the program.
        python_version: stands where Prometheus tells its Go version.
        started_ns: UTC nanoseconds.
        directory: where it was started.
        hostname: of the machine.
        reload_error, reload_failed_ns: why the last reload was refused, and when; empty where it went well.
        config_ns: when the configuration in force was read, UTC nanoseconds.
        retention: in words, such as `30d or 50GiB`.
        threads, cores: how many of each.
    """

    version: str
    started_ns: int
    directory: str
    hostname: str
    retention: str
    config_ns: int
    revision: str = ""
    build_date: str = ""
    python_version: str = ""
    reload_error: str = ""
    reload_failed_ns: int = 0
    threads: int = 0
    cores: int = 1


class StatusSource(Protocol):
    """Tells of the server."""

    def server(self) -> ServerView:
        """How it is now."""

    def config_yaml(self) -> str:
        """The configuration in force as YAML, secrets replaced by `<secret>`."""

    def flags(self) -> Mapping[str, str]:
        """The options that it was started with."""


def status_routes(source: StatusSource, reader: MetricReader, clock: Clock) -> list[BaseRoute]:
    """The routes below `status`."""
    handlers = _Status(source, reader, clock)
    names = ("config", "flags", "runtimeinfo", "buildinfo", "tsdb", "walreplay")
    return [
        *(Route(f"/api/v1/status/{name}", endpoint(getattr(handlers, name)), methods=["GET"]) for name in names),
        Route("/api/v1/notifications", endpoint(handlers.notifications), methods=["GET"]),
    ]


class _Status:
    def __init__(self, source: StatusSource, reader: MetricReader, clock: Clock) -> None:
        self._source = source
        self._reader = reader
        self._clock = clock

    async def config(self, _form: Form) -> Response:
        return success({"yaml": self._source.config_yaml()})

    async def flags(self, _form: Form) -> Response:
        return success(dict(self._source.flags()))

    async def runtimeinfo(self, _form: Form) -> Response:
        server = self._source.server()
        return success(
            {
                "startTime": format_ns(server.started_ns),
                "CWD": server.directory,
                "hostname": server.hostname,
                "serverTime": format_ns(self._clock.now_ns()),
                "reloadConfigSuccess": not server.reload_error,
                "lastConfigTime": format_ns(server.config_ns),
                "corruptionCount": 0,
                "goroutineCount": server.threads,
                "GOMAXPROCS": server.cores,
                "GOMEMLIMIT": 0,
                "GOGC": "",
                "GODEBUG": "",
                "storageRetention": server.retention,
            }
        )

    async def buildinfo(self, _form: Form) -> Response:
        return success(build_info(self._source.server()))

    async def tsdb(self, form: Form) -> Response:
        text = form.text("limit")
        if text and not (_WHOLE.fullmatch(text) and int(text)):
            raise InvalidInputError("limit must be a positive number")
        limit = min(int(text), TSDB_ENTRIES_MAX) if text else TSDB_ENTRIES
        found = await self._reader.cardinality(limit=limit)
        return success(
            {
                "headStats": {
                    "numSeries": found.series,
                    "numLabelPairs": found.label_pairs,
                    "chunkCount": found.series,
                    "minTime": found.oldest_ms,
                    "maxTime": found.newest_ms,
                },
                "seriesCountByMetricName": _entries(found.by_metric),
                "labelValueCountByLabelName": _entries(found.by_label),
                "memoryInBytesByLabelName": _entries(found.bytes_by_label),
                "seriesCountByLabelValuePair": _entries(found.by_pair),
            }
        )

    async def walreplay(self, _form: Form) -> Response:
        # Nothing is replayed while this is answered: the store is whole before the first address is opened.
        return success({"min": 0, "max": 0, "current": 0})

    async def notifications(self, _form: Form) -> Response:
        server = self._source.server()
        if not server.reload_error:
            return success([])
        text = f"Configuration reload has failed: {server.reload_error}"
        return success([{"text": text, "date": format_ns(server.reload_failed_ns), "active": True}])


def build_info(server: ServerView) -> dict[str, str]:
    """What was built: the release of Prometheus whose API this is, with ours behind the plus sign."""
    return {
        # What follows the plus sign is no part of the order of versions (SemVer, "build metadata").
        "version": f"{API_VERSION}+anyascope.{server.version}",
        "revision": server.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": server.build_date,
        "goVersion": f"python{server.python_version}",
    }


def _entries(pairs: tuple[tuple[str, int], ...]) -> list[dict[str, str | int]]:
    return [{"name": name, "value": value} for name, value in pairs]
