"""Settings that come from the server while the process runs: how much to trace and how much to log.

A server that is down, slow or no anyascope costs nothing but a request now and then from a thread of its own; what held
before goes on.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from anyascope.sdk.delivery import Format, Target, Transport
from anyascope.sdk.delivery.courier import suppress_instrumentation
from anyascope.sdk.delivery.process import enrol
from anyascope.sdk.delivery.thread import LazyThread
from anyascope.sdk.guard import tell_once

SETTINGS_PATH = "/api/anyascope/v1/sdk/settings"
EVERY_S = 30.0  # between two questions; a changed ratio holds everywhere within it
SPREAD = 0.2  # of the wait, to both sides: a fleet that starts at once must not ask at once for ever
WAIT_S_MAX = 600.0  # after failures in a row, each of which doubles the wait
TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 64 * 1024  # an answer has some fifty
LEVELS = frozenset(("debug", "info", "warning", "error", "critical"))


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """What the server asks for; None leaves it to the service."""

    sample_ratio: float | None = None
    log_level: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request gave: status, entity tag, and the start of the body."""

    status: int
    etag: str = ""
    body: bytes = b""


Fetch = Callable[[str, Mapping[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Where to ask, and how often.

    Attributes:
        url: the whole address, with the service.
        headers: sent with each request; never shown, since tokens stand here.
        ca_file, cert_file, key_file: for TLS.
        every_s: above 0.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    every_s: float = EVERY_S


def remote_options(target: Target | None, service: str, *, endpoint: str = "") -> RemoteOptions | None:
    """Where a service that sends to `target` asks for its settings; None where only an `endpoint` could tell.

    Args:
        target: where its spans go: OTLP's own HTTP port answers too.
        service: `service.name`.
        endpoint: base address of anyascope, where spans go elsewhere or by gRPC.
    """
    is_otlp = target is not None and target.transport is Transport.HTTP and target.format is Format.OTLP
    base = endpoint.rstrip("/") if endpoint else target.url.rpartition("/v1/")[0] if target and is_otlp else ""
    if not _is_address(base):
        return None
    url = f"{base}{SETTINGS_PATH}?service={quote(service, safe='')}"
    if target is None:
        return RemoteOptions(url)
    return RemoteOptions(url, target.headers, target.ca_file, target.cert_file, target.key_file)


def _is_address(base: str) -> bool:
    try:
        parts = urlsplit(base)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class LevelControl:
    """Sets the least log level that the server asks for; where it asks for none any more, what was before holds again."""

    def __init__(self) -> None:
        self._before: int | None = None

    def heed(self, level: str | None) -> None:
        """Write from this level on, one of `LEVELS`, or with None from the service's own on."""
        from anyascope.sdk.logs import set_level  # noqa: PLC0415  # logs need not be set up

        if level is not None:
            if self._before is None:
                self._before = logging.getLogger().level
            set_level(level.upper())
        elif self._before is not None:
            set_level(logging.getLevelName(self._before))
            self._before = None


class RemoteControl:
    """Asks the server now and then, and tells `apply` of each change.

    Args:
        options: where and how often.
        apply: gets what the server asks for; called in the thread that asks.
        fetch: one GET, bounded in time; raises `OSError` or the like where nothing answers.
        random: spreads the waits.
    """

    flush_order = 0

    def __init__(
        self,
        options: RemoteOptions,
        apply: Callable[[RemoteSettings], None],
        *,
        fetch: Fetch | None = None,
        random: Random | None = None,
    ) -> None:
        self._options = options
        self._apply = apply
        self._fetch = fetch or _fetcher(options)
        self._random = random or Random()  # noqa: S311  # spreads waits, guards nothing
        self._thread = LazyThread("settings", self._run)
        self._stopped = threading.Event()
        self._etag = ""
        self._failures = 0
        self._known = RemoteSettings()
        enrol(self)

    def start(self) -> None:
        """Ask from now on; quick, and may be called as often as one likes."""
        if not self._stopped.is_set():
            self._thread.ensure()

    def stop(self) -> None:
        """Ask no more; what the server asked for last goes on."""
        self._stopped.set()

    def after_fork(self) -> None:
        """A thread and locks of the child's own."""
        is_stopped = self._stopped.is_set()
        self._stopped = threading.Event()
        self._thread.after_fork()
        if is_stopped:
            self._stopped.set()
        self.start()

    def flush_at_exit(self, deadline_s: float) -> None:
        """Nothing waits here."""
        _ = deadline_s
        self.stop()

    def ask(self) -> float:
        """Ask once; seconds until the next time."""
        try:
            self._heed(self._fetch(self._options.url, {"if-none-match": self._etag} if self._etag else {}))
            self._failures = 0
        except Exception as error:  # noqa: BLE001  # whatever an HTTP library or a strange answer raises
            self._failures += 1
            tell_once("asking the server for settings", error)
        wait_s = min(self._options.every_s * 2.0 ** min(self._failures, 16), max(WAIT_S_MAX, self._options.every_s))
        return wait_s * self._random.uniform(1 - SPREAD, 1 + SPREAD)

    def _heed(self, answer: Answer) -> None:
        """Apply an answer.

        Raises:
            ValueError: it is none that we know.
        """
        if answer.status == 304:
            return
        if answer.status != 200:
            raise ValueError(f"HTTP status {answer.status}")
        wanted = parse_settings(answer.body)
        self._etag = answer.etag
        if wanted != self._known:
            self._known = wanted
            self._apply(wanted)

    def _run(self) -> None:
        suppress_instrumentation()
        stopped = self._stopped
        wait_s = self._options.every_s * self._random.uniform(0, SPREAD)
        while not stopped.wait(wait_s):
            wait_s = self.ask()


def parse_settings(body: bytes) -> RemoteSettings:
    """The settings of an answer; a field that is not what it should be is left to the service, after one log line.

    Raises:
        ValueError: it is no JSON object.
    """
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004  # what came in is wrong, not what was passed
    ratio, level = document.get("sample_ratio"), document.get("log_level")
    if ratio is not None and not _is_ratio(ratio):
        tell_once("reading the server's settings", ValueError(f"sample_ratio {str(ratio)[:40]!r}"))
        ratio = None
    if level is not None and not (isinstance(level, str) and level.lower() in LEVELS):
        tell_once("reading the server's settings", ValueError(f"log_level {str(level)[:40]!r}"))
        level = None
    return RemoteSettings(float(ratio) if ratio is not None else None, level.lower() if level is not None else None)


def _is_ratio(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and not math.isnan(value) and 0 <= value <= 1  # type: ignore[operator, arg-type]  # a number


def _fetcher(options: RemoteOptions) -> Fetch:
    def fetch(url: str, headers: Mapping[str, str]) -> Answer:
        import requests  # noqa: PLC0415  # slow to import; in the thread that asks

        arguments: dict[str, Any] = {"verify": options.ca_file or True}
        if options.cert_file:
            arguments["cert"] = (options.cert_file, options.key_file) if options.key_file else options.cert_file
        try:
            with requests.get(
                url,
                headers={**options.headers, **headers},
                timeout=TIMEOUT_S,
                stream=True,
                allow_redirects=False,  # a token must not follow to another host
                **arguments,
            ) as response:
                body = response.raw.read(ANSWER_BYTES_MAX, decode_content=True) if response.status_code == 200 else b""
                return Answer(response.status_code, response.headers.get("etag", ""), body)
        except requests.RequestException as error:
            # Its own text names an object in memory: it would be told anew each time.
            raise ConnectionError(type(error).__name__) from error

    return fetch
