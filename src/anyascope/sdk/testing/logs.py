"""Captures the records of `logging` and structlog, whichever way the service has set them up, or has not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog

from anyascope.clock import Clock
from anyascope.sdk.logs.emitting import entry_of
from anyascope.sdk.logs.entry import Entry, id_fields, level_name
from anyascope.sdk.logs.records import entry_of_record
from anyascope.sdk.logs.structured import is_ours
from anyascope.sdk.testing.records import CapturedLog

OWN_LOGGERS = "anyascope"  # its records are captured down to DEBUG, and also where the host has cut it off

_METHODS = {
    "warn": "warning",
    "exception": "error",
    "msg": "info",
    "err": "error",
}  # of structlog, as levels are called

Keep = Callable[[CapturedLog], None]


@contextmanager
def captured_logs(keep: Keep, *, level: int, clock: Clock | None) -> Iterator[None]:
    """While this lasts every record of at least `level` is kept, as it would leave the process; the host's handlers run on.

    Args:
        keep: takes a record.
        level: of the host's loggers; the SDK's own are heard from DEBUG on.
        clock: when it happened; the record's own time where it is None.
    """

    def take(entry: Entry) -> None:
        keep(_record(entry, clock))

    handler = _Keeper(take)
    own = logging.getLogger(OWN_LOGGERS)
    with ExitStack() as stack:
        stack.enter_context(_heard(logging.getLogger(), handler, level))
        stack.enter_context(_heard(own, None if own.propagate else handler, min(level, logging.DEBUG)))
        stack.enter_context(_structlog_kept(take, level))
        yield


@contextmanager
def _heard(logger: logging.Logger, handler: logging.Handler | None, level: int) -> Iterator[None]:
    before = logger.level
    if logger.getEffectiveLevel() > level:
        logger.setLevel(level)
    if handler is not None:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(before)
        if handler is not None:
            logger.removeHandler(handler)


@contextmanager
def _structlog_kept(take: Callable[[Entry], None], level: int) -> Iterator[None]:
    """Events of a structlog that does not hand them to `logging`, where they are kept otherwise.

    The list of processors is changed in place: loggers that were used before hold this very list.
    """
    config = structlog.get_config()
    processors = config["processors"]
    if isinstance(config["logger_factory"], structlog.stdlib.LoggerFactory) or is_ours():
        yield
        return
    before = list(processors)

    def kept(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields = dict(event)
        number = logging.getLevelNamesMapping().get(_METHODS.get(method, method).upper(), logging.INFO)
        if number >= level:
            take(entry_of(str(getattr(logger, "name", "") or ""), number, fields.pop("event", ""), fields))
        raise structlog.DropEvent

    processors[:] = [structlog.contextvars.merge_contextvars, kept]
    try:
        yield
    finally:
        processors[:] = before


class _Keeper(logging.Handler):
    def __init__(self, take: Callable[[Entry], None]) -> None:
        super().__init__(logging.NOTSET)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(entry_of_record(record))


def _record(entry: Entry, clock: Clock | None) -> CapturedLog:
    ids = id_fields(entry.ids)
    fields = dict(entry.fields)
    if entry.fault is not None:
        fields["exception"] = f"{entry.fault.type}: {entry.fault.message}"
    return CapturedLog(
        event=entry.event,
        level=level_name(entry.level),
        logger=entry.logger,
        own=fields,
        trace_id=ids.get("trace_id", ""),
        span_id=ids.get("span_id", ""),
        correlation_id=ids.get("correlation_id", ""),
        time_ns=entry.time_ns if clock is None else clock.now_ns(),
    )
