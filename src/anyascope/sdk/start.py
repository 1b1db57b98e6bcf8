"""Everything at once, for a service that wants two lines."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from anyascope.sdk.guard import as_text, guarded, note_once, quoted, report_misuse
from anyascope.sdk.options import (
    DEFAULT_ENVIRONMENT,
    DEFAULT_SERVICE,
    checked_flag,
    checked_headers,
    checked_number,
    checked_optional,
    checked_text,
)

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider

    from anyascope.sdk.metrics.push import MetricsPush

FLUSH_WITHIN_S = 5.0  # of a flush that names no bound
_OTEL_PROTOCOLS = {"grpc": "otlp_grpc", "http/protobuf": "otlp_http"}  # OpenTelemetry's names of ours


_SHARED = ("headers", "ca_file", "cert_file", "key_file")  # options of every signal


class InitOptions(TypedDict, total=False):
    """What few services say.

    Attributes:
        headers: sent with each request; added to `OTEL_EXPORTER_OTLP_HEADERS`.
        ca_file: authorities for TLS, PEM; by default `OTEL_EXPORTER_OTLP_CERTIFICATE`, then the system's.
        cert_file, key_file: our certificate for a far end that wants one, PEM.
        propagators: headers that carry a trace: `tracecontext`, `baggage`, `b3`, `b3multi`.
        remote_settings: ask anyascope every half minute how much to trace and to log.
        settings_endpoint: anyascope's base address for that, where `endpoint` does not tell it.
    """

    headers: Mapping[str, str]
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    propagators: Sequence[str] | None
    remote_settings: bool
    settings_endpoint: str | None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What was set up; a part that is off is None, and so is one that failed, about which one log line was written.

    As a context manager it ends with the block: `with anyascope.sdk.init(…):`. A process that simply ends sends what waits
    by itself.
    """

    tracing: TracerProvider | None
    logs: LoggerProvider | None
    metrics: MetricsPush | None

    @guarded(False)
    def flush(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Whether everything that was recorded so far was sent within `within_s` seconds."""
        from anyascope.sdk.delivery import flush  # noqa: PLC0415  # there since `init`, and slow to load before

        deadline_s = time.monotonic() + checked_number("within_s", within_s, FLUSH_WITHIN_S)
        is_pushed = self.metrics is None or self.metrics.flush(deadline_s - time.monotonic())
        return flush(max(deadline_s - time.monotonic(), 0.0)) and is_pushed

    @guarded(None)
    def shutdown(self) -> None:
        """Send what waits, within a few seconds, and stop; logs go where they went before. `init` starts again."""
        _forget(self)
        for part in (self.metrics, self.tracing):
            if part is not None:
                _stop(part)
        from anyascope.sdk.logs import shutdown_logs  # noqa: PLC0415  # as above

        shutdown_logs()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.shutdown()


@dataclass(frozen=True, slots=True)
class _Settings:
    """What `init` was told, checked; settings that are equal set up the same."""

    service: str
    endpoint: str
    protocol: str
    environment: str
    version: str
    sample_ratio: float | None
    log_level: int | None
    logs: str
    token: str
    push_metrics: bool
    spool: str
    options: tuple[tuple[str, Any], ...]


_NOTHING = Telemetry(None, None, None)
_lock = threading.RLock()
_current: tuple[_Settings, Telemetry] | None = None


@guarded(_NOTHING)
def init(  # noqa: PLR0913  # what can be said about a service; all but its name by keyword
    service: str | None = None,
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    sample_ratio: float | None = None,
    log_level: str | int | None = None,
    logs: str | None = None,
    token: str | None = None,
    push_metrics: bool = True,
    spool: str | os.PathLike[str] | None = None,
    **options: Unpack[InitOptions],
) -> Telemetry:
    """Traces, JSON logs and metrics of this process, sent to `endpoint`; never raises, never waits for it.

    Call it once, where the process starts. A second call with the same arguments changes nothing, one with others changes
    what was set up: nothing is doubled. What is not given comes from the environment, then from the default.

    Args:
        service: `service.name` of everything; `OTEL_SERVICE_NAME`.
        endpoint: anyascope, an OpenTelemetry collector, or Jaeger (`protocol="jaeger_thrift_http"`); `off` sends nothing,
            for services that are only scraped; `OTEL_EXPORTER_OTLP_ENDPOINT`, else port 4318 (gRPC 4317) of this machine.
        protocol: `otlp_http`, `otlp_grpc` or `jaeger_thrift_http`; `OTEL_EXPORTER_OTLP_PROTOCOL`, else `otlp_http`.
        environment: where it runs; `ANYASCOPE_ENVIRONMENT`, else `production`.
        version: of the service; `ANYASCOPE_SERVICE_VERSION`.
        sample_ratio: share of new traces that are kept, 0 to 1; `OTEL_TRACES_SAMPLER_ARG`, else 1.
        log_level: least level that is written; `ANYASCOPE_LOG_LEVEL`, else `info`.
        logs: `json` writes JSON lines where the console had others; `export_only` leaves the host's output and level alone
            and sends; `off` does nothing about logs; `ANYASCOPE_LOGS`, else `json`.
        token: sent as `Authorization: Bearer`; `ANYASCOPE_TOKEN`.
        push_metrics: send `prometheus_client`'s registry too; say False where something scrapes it, or it is stored twice.
        spool: a folder where telemetry waits on disk while the server is away; `ANYASCOPE_SPOOL`, else in memory.
        options: see `InitOptions`.

    Returns:
        What was set up, for `flush()` and `shutdown()`.
    """
    global _current  # noqa: PLW0603  # a process is one service
    settings = _checked(
        service=service,
        endpoint=endpoint,
        protocol=protocol,
        environment=environment,
        version=version,
        sample_ratio=sample_ratio,
        log_level=log_level,
        logs=logs,
        token=token,
        push_metrics=push_metrics,
        spool=spool,
        options=options,
    )
    with _lock:
        former = _current
        if former is not None and former[0] == settings:
            return former[1]
        if former is not None and former[1].metrics is not None:
            threading.Thread(target=former[1].metrics.shutdown, name="anyascope-retire", daemon=True).start()
        telemetry = _set_up(settings)
        _current = (settings, telemetry)
    return telemetry


def _set_up(settings: _Settings) -> Telemetry:
    if settings.spool:
        _use_spool(settings.spool)
    telemetry = Telemetry(_tracing(settings), _logs(settings), _metrics(settings))
    _show_ourselves()
    if settings.protocol == "jaeger_thrift_http" and settings.endpoint != "off":
        note_once("Jaeger takes traces only: logs and metrics are not sent there")
    return telemetry


@guarded(None)
def _show_ourselves() -> None:
    """Count what we dropped and took out, where the service's own metrics are read."""
    from prometheus_client import REGISTRY  # noqa: PLC0415  # each part loads where it is used, and fails alone

    from anyascope.sdk.delivery import register as show_delivery  # noqa: PLC0415  # as above
    from anyascope.sdk.redaction import register as show_redaction  # noqa: PLC0415  # as above

    show_delivery(REGISTRY)
    show_redaction(REGISTRY)


@guarded(None)
def _use_spool(directory: str) -> None:
    from anyascope.sdk.delivery import use_spool  # noqa: PLC0415  # each part loads where it is used, and fails alone

    use_spool(directory)


@guarded(None)
def _tracing(settings: _Settings) -> TracerProvider | None:
    from anyascope.sdk.tracing import initialize_tracing  # noqa: PLC0415  # as above

    return initialize_tracing(
        settings.service,
        settings.endpoint or None,
        protocol=settings.protocol,
        environment=settings.environment,
        version=settings.version,
        token=settings.token,
        sample_ratio=1.0 if settings.sample_ratio is None else settings.sample_ratio,
        **dict(settings.options),
    )


@guarded(None)
def _logs(settings: _Settings) -> LoggerProvider | None:
    from anyascope.sdk.logs import initialize_logs  # noqa: PLC0415  # as above

    default = None if settings.logs == "export_only" else "info"
    return initialize_logs(
        settings.service,
        settings.endpoint,
        protocol=settings.protocol,
        environment=settings.environment,
        version=settings.version,
        level=default if settings.log_level is None else settings.log_level,
        mode=settings.logs,
        token=settings.token,
        **_of_all_signals(settings),
    )


@guarded(None)
def _metrics(settings: _Settings) -> MetricsPush | None:
    if not settings.push_metrics or settings.protocol == "jaeger_thrift_http":
        return None
    from anyascope.sdk.metrics.push import PUSH_EVERY_S, push_metrics  # noqa: PLC0415  # as above

    return push_metrics(
        settings.endpoint or None,
        protocol=settings.protocol,
        service_name=settings.service,
        environment=settings.environment,
        version=settings.version,
        token=settings.token,
        every_s=_milliseconds("OTEL_METRIC_EXPORT_INTERVAL", PUSH_EVERY_S),
        **_of_all_signals(settings),
    )


def _of_all_signals(settings: _Settings) -> dict[str, Any]:
    return {name: value for name, value in settings.options if name in _SHARED}


def _checked(*, options: Mapping[str, Any], push_metrics: object, **given: Any) -> _Settings:
    """The settings, with the environment and defaults for what is not given, and a report on what cannot be meant."""
    from anyascope.sdk.logs.levels import parse_level  # noqa: PLC0415  # each part loads where it is used
    from anyascope.sdk.logs.setup import checked_mode  # noqa: PLC0415

    given = {name: value if value is not None else _environment(name) for name, value in given.items()}
    endpoint, protocol = _checked_far_end(given["endpoint"], given["protocol"])
    return _Settings(
        service=_checked_service(given["service"]),
        endpoint=endpoint,
        protocol=protocol,
        environment=checked_text("environment", _or(given["environment"], DEFAULT_ENVIRONMENT), DEFAULT_ENVIRONMENT),
        version=checked_text("version", _or(given["version"], ""), "", may_be_empty=True),
        sample_ratio=_checked_ratio(given["sample_ratio"]),
        log_level=None if given["log_level"] is None else parse_level(given["log_level"]),
        logs=checked_mode(_or(given["logs"], "json")).value,
        token=checked_optional("token", given["token"]),
        push_metrics=checked_flag("push_metrics", push_metrics, default=True),
        spool=_checked_folder(given["spool"]),
        options=_checked_options(options),
    )


_VARIABLES = {
    "service": "OTEL_SERVICE_NAME",
    "protocol": "OTEL_EXPORTER_OTLP_PROTOCOL",
    "environment": "ANYASCOPE_ENVIRONMENT",
    "version": "ANYASCOPE_SERVICE_VERSION",
    "sample_ratio": "OTEL_TRACES_SAMPLER_ARG",
    "log_level": "ANYASCOPE_LOG_LEVEL",
    "logs": "ANYASCOPE_LOGS",
    "token": "ANYASCOPE_TOKEN",
    "spool": "ANYASCOPE_SPOOL",
}


def _environment(name: str) -> str | None:
    # The endpoint is looked up where a signal's way out is made: each may have a variable of its own.
    return os.environ.get(_VARIABLES.get(name, "")) or None


def _checked_service(service: object) -> str:
    if service is None:
        report_misuse('init() wants to know who it is for: init(service="custody"), or OTEL_SERVICE_NAME')
        return DEFAULT_SERVICE
    return checked_text("service", service, DEFAULT_SERVICE)


def _checked_far_end(endpoint: object, protocol: object) -> tuple[str, str]:
    """Endpoint and protocol; an endpoint that cannot be meant is none, after one report for all signals."""
    from anyascope.sdk.exporters import OFF, Protocol, parse_protocol, target_of  # noqa: PLC0415  # loads the delivery

    named, address = as_text(protocol), as_text(endpoint)
    try:
        known = parse_protocol("otlp_http" if protocol is None else _OTEL_PROTOCOLS.get(named or "", named))
        if endpoint is not None and address is None:
            raise TypeError(f"endpoint must be a text, got {quoted(endpoint)}")  # noqa: TRY301  # reported as any other
        if address is not None and address.strip().lower() == OFF:
            return OFF, known.value
        target_of("traces", protocol=known, endpoint=address)
    except (TypeError, ValueError) as error:
        report_misuse(f"{error}; nothing is sent")
        return OFF, Protocol.OTLP_HTTP.value
    if known is Protocol.OTLP_GRPC and importlib.util.find_spec("grpc") is None:
        report_misuse("protocol otlp_grpc needs gRPC: pip install 'anyascope[grpc]'; nothing is sent")
        return OFF, known.value
    return address or "", known.value


def _checked_ratio(ratio: object) -> float | None:
    """A ratio; None where there is none. A text is the environment's."""
    from anyascope.sdk.tracing.settings import checked_ratio  # noqa: PLC0415  # each part loads where it is used

    if ratio is None:
        return None
    text = as_text(ratio)
    try:
        return checked_ratio(ratio if text is None else float(text))
    except ValueError:
        report_misuse(f"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, got {quoted(ratio)}; 1 is used")
        return None


def _checked_folder(folder: object) -> str:
    if folder is None:
        return ""
    try:
        return str.__str__(os.fspath(folder))  # type: ignore[call-overload]  # what it cannot take it refuses
    except Exception:  # noqa: BLE001  # no path, or one of the host's that raises
        report_misuse(f"spool must be a folder's path, got {quoted(folder)}; telemetry waits in memory")
        return ""


def _checked_options(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What is known of the options, in a form that can be compared."""
    unknown = sorted(set(options) - InitOptions.__annotations__.keys())
    if unknown:
        report_misuse(f"init() knows no {', '.join(unknown)[:200]}; it knows {', '.join(InitOptions.__annotations__)}")
    from anyascope.sdk.tracing.settings import checked_propagators  # noqa: PLC0415  # each part loads where it is used

    checked: dict[str, Any] = {}
    for name in InitOptions.__annotations__:
        value = options.get(name)
        if value is None:
            continue
        if name == "headers":
            checked[name] = checked_headers(value)
        elif name == "remote_settings":
            checked[name] = checked_flag(name, value, default=False)
        elif name == "propagators":
            checked[name] = checked_propagators(value)
        else:
            checked[name] = checked_optional(name, value)
    return tuple(checked.items())


def _or(value: object, default: str) -> object:
    return default if value is None else value


def _milliseconds(variable: str, default_s: float) -> float:
    given = os.environ.get(variable)
    if not given:
        return default_s
    try:
        return checked_number(variable, float(given), default_s * 1000) / 1000
    except ValueError:
        report_misuse(f"{variable} must be a number of milliseconds, got {quoted(given)}; {default_s * 1000:g} is used")
        return default_s


@guarded(None)
def _stop(part: Any) -> None:
    shutdown = getattr(part, "shutdown", None)
    if shutdown is None:
        report_misuse(f"Telemetry is made by init(), got one with {quoted(part)}")
    else:
        shutdown()


def _forget(telemetry: Telemetry) -> None:
    global _current  # noqa: PLW0603  # what was shut down must be set up again
    with _lock:
        if _current is not None and _current[1] is telemetry:
            _current = None


def _in_child() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
