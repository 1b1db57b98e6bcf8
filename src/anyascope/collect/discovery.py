"""Finds targets: in files and behind addresses, again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.discovery_files import matching_files, parse_target_groups, read_group_file, with_label
from anyascope.collect.http import USER_AGENT, FetchBounds, FetchError, HttpFetcher
from anyascope.collect.scrape_config import DnsDiscovery, FileDiscovery, HttpDiscovery, TargetGroup
from anyascope.collect.tls import TlsContexts
from anyascope.errors import InvalidInputError
from anyascope.wire.oauth2 import Tokens

log = structlog.get_logger("anyascope.collect")

FILE_POLL_S = 5.0  # how late a changed file may be seen; a poll is one stat a file
HTTP_SD_TIMEOUT_S = 30.0  # an inventory may be slow to list ten thousand hosts
HTTP_SD_BYTES_MAX = 16 * 1024 * 1024  # as files of target groups


class Discoverer(Protocol):
    """One way to find targets."""

    @property
    def options(self) -> FileDiscovery | HttpDiscovery | DnsDiscovery:
        """What it was made of."""

    @property
    def pause_s(self) -> float:
        """Seconds until it makes sense to look again."""

    async def look(self) -> bool:
        """Look; whether something changed. What cannot be read leaves what was known, and is told in `faults`."""

    def groups(self) -> tuple[TargetGroup, ...]:
        """What is known."""

    def faults(self) -> tuple[str, ...]:
        """What went wrong at the last look, one sentence each."""

    def close(self) -> None:
        """Let go of what is held."""


class FileDiscoverer:
    """Target groups in files, read again when a file's time, size or identity changes."""

    def __init__(self, options: FileDiscovery, clock: Clock) -> None:
        self.options = options
        self._clock = clock
        self._known: dict[Path, tuple[TargetGroup, ...]] = {}
        self._marks: dict[Path, tuple[int, int, int]] = {}
        self._faults: dict[str, str] = {}
        self._read_all_ns = 0

    @property
    def pause_s(self) -> float:
        return min(FILE_POLL_S, self.options.refresh_interval_s)

    async def look(self) -> bool:
        now_ns = self._clock.monotonic_ns()
        # Times may lie (network file systems, clocks set back): everything is read again once a refresh interval.
        is_due = now_ns - self._read_all_ns >= self.options.refresh_interval_s * NS_PER_S
        if is_due:
            self._read_all_ns = now_ns
        try:
            files = matching_files(self.options)
        except InvalidInputError as error:
            self._faults = {"files": str(error)}
            return False
        before = dict(self._known)
        self._faults = {key: fault for key, fault in self._faults.items() if Path(key) in files}
        for path in files:
            mark = _mark(path)
            if not is_due and mark is not None and self._marks.get(path) == mark:
                continue
            self._read(path, mark)
        for path in set(self._known) - set(files):
            del self._known[path]
            self._marks.pop(path, None)
        return self._known != before

    def groups(self) -> tuple[TargetGroup, ...]:
        return tuple(group for path in sorted(self._known) for group in self._known[path])

    def faults(self) -> tuple[str, ...]:
        return tuple(self._faults.values())

    def close(self) -> None:
        """Nothing is held between two looks."""

    def _read(self, path: Path, mark: tuple[int, int, int] | None) -> None:
        try:
            self._known[path] = read_group_file(path)
            self._faults.pop(str(path), None)
        except InvalidInputError as error:
            # A file that is being written, or was broken by hand: the targets of its last good state stay.
            if self._faults.get(str(path)) != str(error):
                log.warning("target_file_refused", file=str(path), error=str(error))
            self._faults[str(path)] = str(error)
        if mark is not None:
            self._marks[path] = mark


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class HttpDiscoverer:
    """Target groups behind an address."""

    def __init__(self, options: HttpDiscovery, clock: Clock) -> None:
        self.options = options
        oauth2 = options.http.oauth2
        tokens = Tokens(oauth2, timeout_s=HTTP_SD_TIMEOUT_S, clock=clock) if oauth2 else None
        self._fetcher = HttpFetcher(options.http, TlsContexts(options.http.tls), tokens)
        self._known: tuple[TargetGroup, ...] = ()
        self._fault = ""

    @property
    def pause_s(self) -> float:
        return self.options.refresh_interval_s

    async def look(self) -> bool:
        try:
            groups = await self._fetch()
        except (FetchError, InvalidInputError, UnicodeDecodeError) as error:
            fault = f"{self.options.url}: {error}"
            if fault != self._fault:
                log.warning("target_address_refused", url=self.options.url, error=str(error))
            self._fault = fault
            return False
        self._fault = ""
        before, self._known = self._known, with_label(groups, "__meta_url", self.options.url)
        return self._known != before

    async def _fetch(self) -> tuple[TargetGroup, ...]:
        url = self.options.url
        headers = (
            ("Accept", "application/json"),
            ("User-Agent", USER_AGENT),
            ("Accept-Encoding", "gzip"),
            ("X-Prometheus-Refresh-Interval-Seconds", f"{self.options.refresh_interval_s:g}"),
        )
        bounds = FetchBounds(HTTP_SD_TIMEOUT_S, HTTP_SD_BYTES_MAX)
        answer = await self._fetcher.get(url, headers=headers, bounds=bounds)
        if answer.content_type.partition(";")[0].strip().lower() != "application/json":
            raise FetchError(f"sends {answer.content_type or 'no Content-Type'}, wanted application/json")
        return parse_target_groups(answer.body.decode(), file=url, source=url)

    def groups(self) -> tuple[TargetGroup, ...]:
        return self._known

    def faults(self) -> tuple[str, ...]:
        return (self._fault,) if self._fault else ()

    def close(self) -> None:
        """Let go of the connection."""
        self._fetcher.close()
