"""How the SDK itself and structlog write: the short way where only we listen, `logging`'s own where others do too."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from anyascope.sdk.guard import as_number, is_strict, quoted, report_misuse, tell_once
from anyascope.sdk.logs.entry import Entry, Ids, clean_event, clean_fields, current_ids, fault_of
from anyascope.sdk.logs.levels import LEVEL_MAX
from anyascope.sdk.logs.outlet import Outlet, installed

NESTED_MAX = (
    3  # records that are written while another one is: an object whose text is made by logging itself never ends
)
EVENT_NAME_CHARS_MAX = 128  # of a name; longer events are prose
FIELDS_ATTRIBUTE = "_anyascope_fields"  # of a record of ours: the caller's fields as they were given
EVENT_NAME_FIELD = "event.name"

_RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _Nesting(threading.local):
    depth = 0


_nesting = _Nesting()


def emit(logger: logging.Logger, level: int, event: str, /, **fields: Any) -> None:
    """Write a record with fields, whether or not the host called `init`; never raises.

    Where only the SDK's own handler listens it gets the record directly; otherwise it goes through `logging` with the
    fields as the record's attributes, as with `extra=`.

    Args:
        logger: `logging.getLogger("anyascope.operations")` or the like.
        level: as of `logging`.
        event: what happened, in the past tense: `transaction_signed`.
        fields: what is known of it. `exc_info` is an exception or True, `event.name` what kind of event it is.
    """
    try:
        logger, level = _checked_logger(logger), _checked_level(level)
        logger.disabled = False  # `logging.config` disables the loggers that it does not know; ours must be heard
        if logger.isEnabledFor(level):
            write(logger, level, event, fields)
    except Exception as error:
        if is_strict():
            raise
        tell_once("writing a log record", error)


def announce(  # noqa: PLR0917  # the way of each line of ours: keywords cost a tenth of it
    logger: logging.Logger, level: int, event: str, fields: dict[str, Any], ids: Ids
) -> None:
    """`emit` for the SDK itself, at twice the speed: the fields are bounded and hold no secrets, and nobody changes them.

    Args:
        logger: as of `emit`.
        level: as of `emit`.
        event: the name of a kind of event.
        fields: at most `FIELDS_MAX`; nothing keeps them from being written as they are.
        ids: what joins it to the rest.
    """
    try:
        logger.disabled = False  # as `emit` does
        if not logger.isEnabledFor(level):
            return
        outlet = installed()
        if outlet is None or not hears_alone(logger, outlet):
            logger.handle(_record(logger, level, event, fields))
        elif _nesting.depth < NESTED_MAX:
            _nesting.depth += 1
            try:
                outlet.put(Entry(time.time_ns(), level, logger.name, event, fields, ids, None, None, event))
            finally:
                _nesting.depth -= 1
    except Exception as error:
        if is_strict():
            raise
        tell_once("writing a log record", error)


def write(logger: logging.Logger, level: int, event: object, fields: dict[str, Any]) -> None:
    """Write a record of a logger that is enabled for it."""
    outlet = installed()
    if outlet is None or not hears_alone(logger, outlet):
        logger.handle(_record(logger, level, event, fields))
        return
    if _nesting.depth >= NESTED_MAX:
        return
    _nesting.depth += 1  # as `nested` does, without the price of a function for each line
    try:
        outlet.put(entry_of(logger.name, level, event, fields))
    finally:
        _nesting.depth -= 1


def nested(put: Callable[[], None]) -> None:
    """Call `put`, unless it is called from within itself again and again."""
    if _nesting.depth >= NESTED_MAX:
        return
    _nesting.depth += 1
    try:
        put()
    finally:
        _nesting.depth -= 1


def entry_of(logger: str, level: int, event: object, fields: Mapping[str, Any], *, time_ns: int = 0) -> Entry:
    """An entry of now and here."""
    exc_info = None
    if "exc_info" in fields:
        fields = dict(fields)
        exc_info = fields.pop("exc_info")
    text = clean_event(event)
    cleaned = clean_fields(fields) if fields else {}
    name = cleaned.get(EVENT_NAME_FIELD) or text
    return Entry(
        time_ns or time.time_ns(),
        level,
        logger,
        text,
        cleaned,
        current_ids(),
        fault_of(exc_info) if exc_info else None,
        None,
        name if is_event_name(name) else "",
    )


def is_event_name(text: Any) -> bool:
    """Whether a text is the name of a kind of event: one word, maybe with dots and dashes."""
    return (
        text.__class__ is str
        and 0 < len(text) <= EVENT_NAME_CHARS_MAX
        and text.replace(".", "_").replace("-", "_").isidentifier()
    )


def _checked_logger(logger: object) -> logging.Logger:
    try:
        if isinstance(logger, logging.Logger):
            return logger
    except Exception as error:  # noqa: BLE001  # an object of the host's that hides even its class
        tell_once("looking at a logger", error)
    report_misuse(f"emit() wants a logger, got {quoted(logger)}")
    return logging.getLogger("anyascope")


def _checked_level(level: object) -> int:
    number = as_number(level)
    if isinstance(number, int) and 0 <= number <= LEVEL_MAX:
        return number
    report_misuse(f"emit() wants a level, got {quoted(level)}; INFO is used")
    return logging.INFO


def hears_alone(logger: logging.Logger, outlet: Outlet) -> bool:
    """Whether a record of this logger would reach our handler and no other, unfiltered."""
    if logger.filters:
        return False
    current: logging.Logger | None = logger
    is_heard = False
    while current is not None:
        for handler in current.handlers:
            if handler is not outlet.handler:
                return False
            is_heard = True
        current = current.parent if current.propagate else None
    return is_heard


def _record(logger: logging.Logger, level: int, event: object, fields: dict[str, Any]) -> logging.LogRecord:
    """The record as `logging` wants it: fields are attributes, renamed where one of its own has that name."""
    exc_info = fields.pop("exc_info", None)
    if exc_info is not None and not isinstance(exc_info, tuple):
        error = exc_info if isinstance(exc_info, BaseException) else None
        exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logger.makeRecord(logger.name, level, "", 0, event, (), exc_info)
    for name, value in fields.items():
        free = f"{name}_" if name in _RECORD_NAMES else name
        record.__dict__.setdefault(free, value)
    record.__dict__[FIELDS_ATTRIBUTE] = fields
    return record
