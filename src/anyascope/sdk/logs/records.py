"""`logging`'s records as entries, the handler that takes them, and a formatter for handlers of the host's own."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from opentelemetry import context as otel_context

from anyascope.sdk.guard import guarded, is_strict, quoted, report_misuse, tell_once
from anyascope.sdk.logs.emitting import (
    EVENT_NAME_FIELD,
    FIELDS_ATTRIBUTE,
    is_event_name,
    nested,
)
from anyascope.sdk.logs.entry import Entry, Ids, clean_event, clean_fields, current_ids, fault_of
from anyascope.sdk.logs.line import NS_PER_US, LineFormat
from anyascope.sdk.logs.outlet import Outlet
from anyascope.sdk.options import DEFAULT_ENVIRONMENT, DEFAULT_SERVICE, checked_text

IDS_ATTRIBUTE = "_anyascope_ids"  # of a record: the ids that held where it was made, whichever thread handles it
US_PER_S = 1_000_000
ANSI_ATTRIBUTE = "color_message"  # uvicorn's copy of its message with terminal colours

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", ANSI_ATTRIBUTE}
_OF_PROCESSORS = ("timestamp", "level", "logger")  # what structlog's processors add and our line has by itself
_SILENT = ("opentelemetry.", "anyascope.sdk.")  # what exporters say of themselves is never exported
_TRANSPORTS = frozenset(("urllib3", "requests", "grpc", "httpx", "httpcore", "charset_normalizer"))
_OUR_THREADS = ("anyascope-", "OtelBatch", "OtelPeriodic")
_SUPPRESSED = "suppress_instrumentation"


@guarded(MappingProxyType({}))
def caller_fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """What the caller gave with `extra=`, as structlog's keywords or to `emit`."""
    asked: object = record
    if not isinstance(asked, logging.LogRecord):
        report_misuse(f"caller_fields wants a record of logging, got {quoted(asked)}")
        return {}
    given = record.__dict__.get(FIELDS_ATTRIBUTE)
    if given is not None:
        return dict(given)
    return {key: value for key, value in record.__dict__.items() if key not in _OWN and not key.startswith("_")}


def entry_of_record(record: logging.LogRecord) -> Entry:
    """A record of `logging` as an entry, of the time and the place where it was made."""
    ids = record.__dict__.get(IDS_ATTRIBUTE)
    event, fields = _said(record)
    fault = fault_of(record.exc_info) if record.exc_info else None
    if fault is None and record.exc_text:  # `QueueHandler` keeps the text alone
        fields["exception"] = record.exc_text
    if record.stack_info:
        fields["stack"] = record.stack_info
    text = clean_event(event)
    cleaned = clean_fields(fields) if fields else fields
    name = cleaned.get(EVENT_NAME_FIELD) or ("" if record.args else text)
    return Entry(
        round(record.created * US_PER_S) * NS_PER_US,
        record.levelno,
        record.name,
        text,
        cleaned,
        Ids(*ids) if ids is not None else current_ids(),
        fault,
        (record.pathname, record.funcName or "", record.lineno) if record.lineno else None,
        name if is_event_name(name) else "",
    )


def is_feedback(record: logging.LogRecord) -> bool:
    """Whether an exporter says this of its own work: exporting it would make it say more."""
    name = record.name
    if f"{name}.".startswith(_SILENT):
        return True
    if name.partition(".")[0] not in _TRANSPORTS:
        return False
    thread = record.threadName or threading.current_thread().name
    return thread.startswith(_OUR_THREADS) or bool(otel_context.get_value(_SUPPRESSED))


class SdkHandler(logging.Handler):
    """Hands what `logging` says to the outlet; nothing that goes wrong reaches the host."""

    def __init__(self) -> None:
        super().__init__()
        self.outlet = Outlet(self)

    def handle(self, record: logging.LogRecord) -> bool:
        """As the base's, without its lock: secrets are looked for by many threads at once."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            nested(lambda: self.outlet.put(entry_of_record(record), is_sent=not is_feedback(record)))
        except Exception as error:
            if is_strict():
                raise
            tell_once("writing a log record", error)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for a handler of the host's own; `init` needs none.

    Args:
        service_name: `service` of each line.
        environment: `environment` of each line.
    """

    def __init__(self, *, service_name: str, environment: str = "production") -> None:
        super().__init__()
        self._format = LineFormat(
            service=checked_text("service_name", service_name, DEFAULT_SERVICE),
            environment=checked_text("environment", environment, DEFAULT_ENVIRONMENT),
        )

    @guarded("")
    def format(self, record: logging.LogRecord) -> str:
        given: object = record
        if not isinstance(given, logging.LogRecord):
            report_misuse(f"JsonFormatter.format wants a record of logging, got {quoted(given)}")
            return ""
        return self._format.line(entry_of_record(record))


class RecordFactory:
    """Makes records that remember the ids of their place, for handlers in other threads.

    Args:
        former: makes the record itself.
        on_record: called with each record's logger's name; sees that our handler is still there.
    """

    def __init__(self, former: Callable[..., logging.LogRecord], on_record: Callable[[str], None]) -> None:
        self.former = former
        self._on_record = on_record

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.former(*args, **kwargs)
        try:
            record.__dict__[IDS_ATTRIBUTE] = tuple(current_ids())
            self._on_record(record.name)
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            tell_once("looking after a log record", error)
        return record


def _said(record: logging.LogRecord) -> tuple[object, dict[str, Any]]:
    """What happened and the caller's fields, also where structlog has made them one thing before."""
    fields = dict(caller_fields(record))
    message = record.msg
    if isinstance(message, Mapping) and not record.args and "event" in message:
        return _of_mapping(message, fields)
    if isinstance(message, str) and not record.args and message.startswith("{") and message.endswith("}"):
        found = _json_object(message)
        if found is not None and isinstance(found.get("event"), str):
            return _of_mapping(found, fields)
    return _message(record), fields


def _of_mapping(message: Mapping[Any, Any], fields: dict[str, Any]) -> tuple[object, dict[str, Any]]:
    own = {key: value for key, value in message.items() if not (isinstance(key, str) and key.startswith("_"))}
    for name in _OF_PROCESSORS:
        own.pop(name, None)
    return own.pop("event"), {**fields, **own}


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _message(record: logging.LogRecord) -> object:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that do not fit the text, or cannot be printed
        return f"{record.msg} (its arguments cannot be put into it)"
