"""Setting a process's logs up, once or again, beside whatever the host has set up itself."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, Any, cast

from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource

from anyascope.sdk.delivery import Target, Transport, batch_log_processor, door_log_exporter, open_door
from anyascope.sdk.exporters import OFF, Protocol, parse_protocol, target_of
from anyascope.sdk.guard import as_text, guarded, note_once, quoted, report_misuse, tell_once
from anyascope.sdk.logs import outlet as outlets
from anyascope.sdk.logs.export import EntryExport, EntryExporter, Road, Way
from anyascope.sdk.logs.levels import DEFAULT_LEVEL, keep_audit_levels, parse_level
from anyascope.sdk.logs.line import LineFormat, LineWriter
from anyascope.sdk.logs.records import RecordFactory, SdkHandler
from anyascope.sdk.logs.structured import is_ours, take_structlog
from anyascope.sdk.options import checked_headers, checked_optional, checked_text
from anyascope.sdk.resource import service_resource

SEEN_LOGGERS_MAX = 10_000  # names whose loggers were looked after; beyond it all are looked after anew
_CONSOLES = ("stdout", "stderr", "__stdout__", "__stderr__")
_CONSOLE_CLASSES = frozenset(("RichHandler",))  # consoles that are no `StreamHandler`


class LogMode(Enum):
    """What `init` does about logs."""

    JSON = "json"  # JSON lines take the place of what was written to the console, and records are sent
    EXPORT_ONLY = "export_only"  # the host's own output stays as it is, and records are sent
    OFF = "off"  # nothing


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Settings that can be used as they are.

    Attributes:
        target: where records go; None for nowhere.
        level: least level that is written; None leaves it as it is.
        stream: where lines go; None for standard output.
    """

    service: str
    environment: str
    version: str
    mode: LogMode = LogMode.JSON
    target: Target | None = None
    level: int | None = None
    stream: IO[str] | None = field(default=None, compare=False)


class _Installation:
    """What this process has set up, and how to undo it."""

    def __init__(self) -> None:
        self.handler = SdkHandler()
        self.road = Road()
        self.provider: LoggerProvider | None = None
        self.settings: LogSettings | None = None
        self._displaced: list[tuple[logging.Logger, logging.Handler]] = []
        self._seen: set[str] = set()
        self._leave_structlog: Callable[[], None] | None = None
        self._factory: RecordFactory | None = None
        self._level_before: int | None = None
        self._lock = threading.RLock()

    def after_fork(self) -> None:
        """A child is an instance of its own, with a lock that no thread of the parent holds."""
        self._lock = threading.RLock()
        if self.provider is not None and self.settings is not None:
            _become(self.provider, _resource(self.settings))

    def adopt(self, settings: LogSettings) -> None:
        """Go on with these settings."""
        with self._lock:
            former = self.settings
            self._write_lines(settings)
            self._send(settings, is_same=former is not None and _sends_same(former, settings))
            outlets.install(self.handler.outlet)
            keep_audit_levels()
            self._listen(settings)
            self.settings = settings

    def undo(self) -> None:
        """Put the host's own output back and send nothing more."""
        with self._lock:
            outlets.install(None)
            for logger in _outermost():
                logger.removeHandler(self.handler)
            for logger, handler in self._displaced:
                if handler not in logger.handlers:
                    logger.addHandler(handler)
            self._displaced.clear()
            self._seen.clear()
            if self._level_before is not None:
                logging.getLogger().setLevel(self._level_before)
                self._level_before = None
            if self._leave_structlog is not None:
                self._leave_structlog()
                self._leave_structlog = None
            if self._factory is not None and logging.getLogRecordFactory() is self._factory:
                logging.setLogRecordFactory(self._factory.former)
                self._factory = None
            logging.captureWarnings(capture=False)
            self.settings = None
        self.road.shutdown()

    def _write_lines(self, settings: LogSettings) -> None:
        outlet = self.handler.outlet
        is_written = settings.mode is LogMode.JSON
        outlet.format = LineFormat(service=settings.service, environment=settings.environment) if is_written else None
        outlet.writer = LineWriter(settings.stream) if is_written else None

    def _send(self, settings: LogSettings, *, is_same: bool) -> None:
        if is_same:
            return
        if self.provider is None:
            self.provider = LoggerProvider(resource=_resource(settings), shutdown_on_exit=False)
            self.provider.add_log_record_processor(self.road)
        else:
            _become(self.provider, _resource(settings))
        former, self.road.queue = self.road.queue, None
        outlet = self.handler.outlet
        outlet.export = None
        if settings.target is not None:
            queue: Any = _queue(settings.target, self.provider)
            self.road.queue = queue
            outlet.export = EntryExport(queue)
            _make_global(self.provider)
        if former is not None:
            # In the background: what waits there is sent without making anybody wait.
            threading.Thread(target=former.shutdown, name="anyascope-retire", daemon=True).start()

    def _listen(self, settings: LogSettings) -> None:
        root = logging.getLogger()
        if settings.level is not None:
            if self._level_before is None:
                self._level_before = root.level
            root.setLevel(settings.level)
        writes_lines = settings.mode is LogMode.JSON
        if writes_lines:
            logging.captureWarnings(capture=True)
        if self._leave_structlog is None or not is_ours():
            self._leave_structlog = take_structlog(writes_lines=writes_lines)
        if self._factory is None or logging.getLogRecordFactory() is not self._factory:
            self._factory = RecordFactory(logging.getLogRecordFactory(), self._on_record)
            logging.setLogRecordFactory(self._factory)
        self._settle(takes_console=writes_lines)

    def _on_record(self, name: str) -> None:
        """See that our handler is where this record will pass: `logging.config` and servers take it away."""
        settings = self.settings
        if settings is None or (name in self._seen and self.handler in logging.root.handlers):
            return
        with self._lock:
            if len(self._seen) >= SEEN_LOGGERS_MAX:
                self._seen.clear()
            self._settle(takes_console=settings.mode is LogMode.JSON)
            self._seen.add(name)

    def _settle(self, *, takes_console: bool) -> None:
        """Stand at the root, and at each logger that keeps its records to itself and shows them on the console."""
        for logger in _outermost():
            consoles = [handler for handler in logger.handlers if _is_console(handler)]
            if logger is not logging.root and not consoles and self.handler not in logger.handlers:
                continue
            if takes_console:
                for handler in consoles:
                    logger.removeHandler(handler)
                    self._displaced.append((logger, handler))
            if self.handler not in logger.handlers:
                logger.addHandler(self.handler)


_lock = threading.RLock()
_installation: _Installation | None = None


@guarded(None)
def initialize_logs(  # noqa: PLR0913  # what can be said about logs; all but two by keyword
    service_name: str = "anya-core",
    endpoint: str | None = None,
    *,
    protocol: str = "otlp_http",
    environment: str = "production",
    version: str = "",
    level: str | int | None = "INFO",
    mode: str = "json",
    stream: IO[str] | None = None,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
) -> LoggerProvider | None:
    """Make structlog and `logging` write JSON lines, and send them to `endpoint` where one is given.

    Handlers of the host that write to the console give way to the lines; all others (files, syslog, queues, Sentry) stay.
    A structlog that the host has set up keeps its output. A second call changes the settings of the first.

    Args:
        service_name: `service` of each line and `service.name` of what is sent.
        endpoint: address as of `initialize_tracing`; None and `off` write lines only.
        protocol: `otlp_http` or `otlp_grpc`.
        environment: `environment` of each line, `deployment.environment.name` of what is sent.
        version: `service.version` of what is sent.
        level: the least level that is written; None leaves the level of `logging` as it is.
        mode: `json`; `export_only` leaves the host's output alone and sends; `off` does nothing.
        stream: where lines go; standard output by default.
        token: sent as `Authorization: Bearer`.
        headers: sent with each request.
        ca_file, cert_file, key_file: for TLS.

    Returns:
        The provider, whose `force_flush()` sends what waits; None without an endpoint, or where setting up failed (one log
        line).
    """
    chosen = checked_mode(mode)
    if chosen is LogMode.OFF:
        shutdown_logs()
        return None
    target = log_target(
        protocol=protocol,
        endpoint=endpoint,
        token=checked_optional("token", token),
        headers=checked_headers(headers),
        ca_file=checked_optional("ca_file", ca_file),
        cert_file=checked_optional("cert_file", cert_file),
        key_file=checked_optional("key_file", key_file),
    )
    settings = LogSettings(
        service=checked_text("service_name", service_name, "anya-core"),
        environment=checked_text("environment", environment, "production"),
        version=checked_text("version", version, "", may_be_empty=True),
        mode=chosen,
        target=target,
        level=None if level is None else _or_default(parse_level(level)),
        stream=_checked_stream(stream),
    )
    return install_logs(settings)


def install_logs(settings: LogSettings) -> LoggerProvider | None:
    """Set logs up with settings that were checked; the provider where records are sent."""
    global _installation  # noqa: PLW0603  # a process has one root of loggers
    with _lock:
        if _installation is None:
            _installation = _Installation()
        _installation.adopt(settings)
        return _installation.provider if settings.target is not None else None


@guarded(None)
def shutdown_logs() -> None:
    """Send what waits and give the host its own output back; `initialize_logs` sets up again."""
    with _lock:
        installation = _installation
    if installation is not None and installation.settings is not None:
        installation.undo()


def checked_mode(mode: object) -> LogMode:
    """What to do about logs; a wrong name is reported and means lines."""
    known = {one.value: one for one in LogMode}
    found = known.get(as_text(mode) or "")
    if found is not None:
        return found
    report_misuse(f"logs are one of {', '.join(known)}, got {quoted(mode)}; json is used")
    return LogMode.JSON


def log_target(*, protocol: object, endpoint: object, **how: Any) -> Target | None:
    """Where records go; None for nowhere, with a report where that was not meant."""
    address = as_text(endpoint)
    if endpoint is None or (address is not None and address.strip().lower() == OFF) or _is_disabled():
        return None
    try:
        chosen = parse_protocol(protocol)
        if chosen is Protocol.JAEGER_THRIFT_HTTP:
            note_once("Jaeger takes traces only: logs and metrics are not sent there")
            return None
        if address is None:
            raise TypeError(f"endpoint must be a text, got {quoted(endpoint)}")  # noqa: TRY301  # told below as any other
        return target_of("logs", protocol=chosen, endpoint=address, **how)
    except (TypeError, ValueError) as error:
        report_misuse(f"{error}; no logs are sent")
        return None


def _queue(target: Target, provider: LoggerProvider) -> Any:
    if target.transport is Transport.GRPC:
        import importlib.util  # noqa: PLC0415  # only where gRPC is asked for

        if importlib.util.find_spec("grpc") is None:
            report_misuse("protocol otlp_grpc needs gRPC: pip install 'anyascope[grpc]'; no logs are sent")
            return None
    doors = door_log_exporter(open_door("logs", target), open_door("audit", target))
    return batch_log_processor(EntryExporter(cast("Way", doors), provider))


def _resource(settings: LogSettings) -> Resource:
    return service_resource(settings.service, environment=settings.environment, version=settings.version)


def _become(provider: LoggerProvider, resource: Resource) -> None:
    """Give a provider whose loggers are in use another resource; OpenTelemetry has no public way."""
    update = getattr(provider, "_update_resource", None)
    if update is not None:
        update(resource)
    else:
        provider._resource = resource  # noqa: SLF001  # versions before 1.45


def _sends_same(former: LogSettings, settings: LogSettings) -> bool:
    return (former.service, former.environment, former.version, former.target) == (
        settings.service,
        settings.environment,
        settings.version,
        settings.target,
    )


def _make_global(provider: LoggerProvider) -> None:
    """Let OpenTelemetry's own loggers leave the same way, unless the host has a provider of its own."""
    if (
        isinstance(_logs.get_logger_provider(), _logs.NoOpLoggerProvider)
        or "Proxy" in type(_logs.get_logger_provider()).__name__
    ):
        _logs.set_logger_provider(provider)


def _outermost() -> list[logging.Logger]:
    """The root, and all loggers that hand nothing on to it."""
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(one for one in known if isinstance(one, logging.Logger) and not one.propagate)]


def _is_console(handler: logging.Handler) -> bool:
    if type(handler).__name__ in _CONSOLE_CLASSES:
        return True
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    return any(handler.stream is getattr(sys, name, None) for name in _CONSOLES if getattr(sys, name, None) is not None)


def _or_default(level: int | None) -> int:
    return DEFAULT_LEVEL if level is None else level


def _checked_stream(stream: Any) -> IO[str] | None:
    try:
        if stream is None or (callable(getattr(stream, "write", None)) and callable(getattr(stream, "flush", None))):
            return stream  # type: ignore[no-any-return]  # it has what is asked of one
    except Exception as error:  # noqa: BLE001  # an object of the host's that hides what it has
        tell_once("looking at a stream", error)
    report_misuse(f"stream must be an open text file, got {quoted(stream)}; standard output is used")
    return None


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


@guarded(None)
def _in_child() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()
    if _installation is not None:
        _installation.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
