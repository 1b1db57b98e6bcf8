"""JSON logs with trace and correlation ids, from structlog and from the standard library alike."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import IO, Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from anyascope.sdk.correlation import LOG_FIELD, SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.exporters import log_exporter
from anyascope.sdk.guard import guarded, tell_once
from anyascope.sdk.resource import service_resource

QUEUE_RECORDS_MAX = 2_048  # as OpenTelemetry's own; more are dropped and counted by the SDK
EXPORT_DELAY_MS = 1_000
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def joined_ids() -> dict[str, str]:
    """The trace, span and correlation id that hold here; those that are not there are left out."""
    context = trace.get_current_span().get_span_context()
    ids: dict[str, str] = {}
    if context.is_valid:
        ids["trace_id"] = f"{context.trace_id:032x}"
        ids["span_id"] = f"{context.span_id:016x}"
    correlation_id = current_correlation_id()
    if correlation_id:
        ids[LOG_FIELD] = correlation_id
    return ids


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, level, event, logger, service, environment, ids, then the caller's fields."""

    def __init__(self, *, service_name: str, environment: str) -> None:
        super().__init__()
        self._fixed = {"service": service_name, "environment": environment}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"],
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **self._fixed,
            **joined_ids(),
            **caller_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=_as_text, ensure_ascii=False)


def caller_fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave with `extra=` or as structlog's keywords."""
    return {key: value for key, value in record.__dict__.items() if key not in _OWN_FIELDS and not key.startswith("_")}


def _as_text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # an object that cannot be printed is the caller's; the line still goes out
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


class _OtlpHandler(LoggingHandler):
    """Hands records to OpenTelemetry with the correlation id as an attribute."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "urllib3", "requests", "grpc", "anyascope.sdk")):
            return  # what the exporter itself says must not be exported again
        try:
            correlation_id = current_correlation_id()
            if correlation_id:
                setattr(record, SPAN_ATTRIBUTE, correlation_id)
            super().emit(record)
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            tell_once("log export", error)


@guarded(None)
def initialize_logs(
    service_name: str = "anya-core",
    endpoint: str | None = None,
    *,
    protocol: str = "otlp_http",
    environment: str = "production",
    version: str = "",
    level: str = "INFO",
    stream: IO[str] | None = None,
    token: str = "",
) -> LoggerProvider | None:
    """Make structlog and `logging` write JSON lines, and send them to `endpoint` where one is given.

    Args:
        endpoint: base address as of `initialize_tracing`; None writes lines only.
        level: the least level that is written.
        stream: where lines go; standard output by default.

    Returns:
        The provider, whose `shutdown()` flushes; None without an endpoint, or where setting up failed (one log line).
    """
    lines = logging.StreamHandler(stream or sys.stdout)
    lines.setFormatter(JsonFormatter(service_name=service_name, environment=environment))
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level.upper())
    _configure_structlog()
    if endpoint is None:
        return None
    provider = LoggerProvider(resource=service_resource(service_name, environment=environment, version=version))
    provider.add_log_record_processor(
        BatchLogRecordProcessor(
            log_exporter(endpoint, protocol=protocol, token=token),
            max_queue_size=QUEUE_RECORDS_MAX,
            schedule_delay_millis=EXPORT_DELAY_MS,
        )
    )
    root.addHandler(_OtlpHandler(logger_provider=provider))
    return provider


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _to_logging,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _to_logging(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Hand structlog's event to `logging`: the event as message, the keywords as extra fields."""
    passed = {key: event.pop(key) for key in ("exc_info", "stack_info", "stacklevel") if key in event}
    message = event.pop("event", "")
    extra = {f"{key}_" if key in _OWN_FIELDS else key: value for key, value in event.items()}
    return {"msg": message, "extra": extra, **passed}
