"""One thing that happened: the noun that both roads in, structlog and `logging`, and both roads out share."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry import trace

from anyascope.redact.names import secrecy_of
from anyascope.sdk.correlation import LOG_FIELD, current_correlation_id
from anyascope.sdk.guard import text_of
from anyascope.sdk.redaction import redact_text, redact_value

FIELDS_MAX = 128  # of one record, OpenTelemetry's default; more are left out and counted
NAME_CHARS_MAX = 255  # of a field; names are written by people
FRAMES_MAX = 100  # of a stack; 32 kB of text are kept of it in any case
DROPPED_FIELD = "fields_dropped"
OPEN_NAMES_MAX = 4_096  # names that say nothing of a secret and are remembered, 0.5 MB; programs have hundreds
INTEGER_MAX = 2**63 - 1  # larger numbers may be keys

_NUMBERS = frozenset((int, float, bool, type(None)))
_open_names: set[object] = set()


class Ids(NamedTuple):
    """What joins a record to the rest; zeros and "" where there is nothing."""

    trace_id: int = 0
    span_id: int = 0
    flags: int = 0
    correlation_id: str = ""


class Fault(NamedTuple):
    """An exception without its secrets."""

    type: str
    message: str
    stack: str


class Entry:
    """A record on its way out: everything in it is ours, holds nothing of the host's alive and has no secrets.

    Attributes:
        time_ns: when it happened, UTC.
        level: as of `logging`.
        logger: name of the logger.
        event: what happened.
        fields: the caller's, at most `FIELDS_MAX`.
        ids: what joins it to the rest.
        fault: the exception that was given.
        code: file, function and line that said it, where that is known.
        event_name: what kind of event it is, where it is one of a kind.
    """

    __slots__ = ("code", "event", "event_name", "fault", "fields", "ids", "level", "logger", "time_ns")

    def __init__(  # noqa: PLR0917  # a noun of nine parts, made once a record: keywords cost a tenth of the line
        self,
        time_ns: int,
        level: int,
        logger: str,
        event: str,
        fields: dict[str, Any],
        ids: Ids,
        fault: Fault | None = None,
        code: tuple[str, str, int] | None = None,
        event_name: str = "",
    ) -> None:
        self.time_ns = time_ns
        self.level = level
        self.logger = logger
        self.event = event
        self.fields = fields
        self.ids = ids
        self.fault = fault
        self.code = code
        self.event_name = event_name


NO_IDS = Ids()


def current_ids() -> Ids:
    """The ids that hold here."""
    context = trace.get_current_span().get_span_context()
    correlation_id = current_correlation_id()
    if context.is_valid:
        return Ids(context.trace_id, context.span_id, context.trace_flags, correlation_id)
    return Ids(0, 0, 0, correlation_id) if correlation_id else NO_IDS


def joined_ids() -> dict[str, str]:
    """The trace, span and correlation id that hold here as texts; those that are not there are left out."""
    return id_fields(current_ids())


def id_fields(ids: Ids) -> dict[str, str]:
    """Ids by the names that they have in a line."""
    named: dict[str, str] = {}
    if ids.trace_id:
        named["trace_id"] = f"{ids.trace_id:032x}"
        named["span_id"] = f"{ids.span_id:016x}"
    if ids.correlation_id:
        named[LOG_FIELD] = ids.correlation_id
    return named


def clean_event(event: object) -> str:
    """What happened, as a text without secrets."""
    return redact_text(event if event.__class__ is str else text_of(event))


def clean_fields(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """The caller's fields without secrets; names become texts."""
    if len(fields) > FIELDS_MAX:
        kept = dict(list(fields.items())[:FIELDS_MAX])
        return {**clean_fields(kept), DROPPED_FIELD: len(fields) - FIELDS_MAX}
    cleaned: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _open_names:
            # What `redact_value` would say too, without asking: most of a line's fields are numbers and short texts.
            kind = value.__class__
            if kind is str:
                cleaned[name] = redact_text(value)
                continue
            if kind in _NUMBERS and (kind is not int or -INTEGER_MAX <= value <= INTEGER_MAX):
                cleaned[name] = value
                continue
        elif name.__class__ is not str or len(name) > NAME_CHARS_MAX:
            name = redact_text(text_of(name)[:NAME_CHARS_MAX])  # noqa: PLW2901  # the same name, as one can be kept
        elif len(_open_names) < OPEN_NAMES_MAX and not secrecy_of(name):
            _open_names.add(name)
        cleaned[name] = redact_value(name, value)
    return cleaned


def fault_of(given: object) -> Fault | None:
    """The exception that `exc_info` means: an exception, `sys.exc_info()`'s triple, or True for the one being handled."""
    if not given:
        return None
    if isinstance(given, BaseException):
        error, stack = given, given.__traceback__
    else:
        triple = given if isinstance(given, tuple) and len(given) == 3 else sys.exc_info()
        if not isinstance(triple[1], BaseException):
            return None
        error, stack = triple[1], triple[2]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Fault(name, redact_text(text_of(error)), redact_text(_stack_text(error, stack)))


def level_name(level: int) -> str:
    """`info`, `warning`, …; in lower case."""
    return _LEVEL_NAMES.get(level) or logging.getLevelName(level).lower()


def _stack_text(error: BaseException, stack: Any) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, stack, limit=-FRAMES_MAX)).rstrip()
    except Exception as broken:  # noqa: BLE001  # an exception class of the host's with methods that raise
        return f"(a stack that cannot be printed: {type(broken).__name__})"


_LEVEL_NAMES = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
