"""structlog on our outlet: the same lines, without `logging`'s records where only we listen."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars

from anyascope.sdk.guard import as_number, as_text, is_strict, quoted, report_misuse, tell_once, text_of
from anyascope.sdk.logs.emitting import entry_of, nested, write
from anyascope.sdk.logs.entry import FRAMES_MAX, id_fields
from anyascope.sdk.logs.outlet import installed

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "msg": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "err": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
_KEPT = ("timestamp", "level", "logger", "exc_info")  # what a host's renderer looks for
_UNNAMED = "structlog"  # a logger that was asked for without a name outside of any module
_METHODS = {logging.DEBUG: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


class EventLogger:
    """What a bound logger wraps: a logger of `logging`, for its name and its level."""

    __slots__ = ("logger", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.logger = logging.getLogger(name)


class ServiceLogger(structlog.BoundLoggerBase):
    """structlog's bound logger whose level is that of `logging`'s logger of the same name, at every call.

    Has the methods of structlog's own filtering logger, those of asyncio too: a line is written at once, so they do not wait.
    """

    _logger: EventLogger

    def log(self, level: int, event: Any = None, *args: Any, **fields: Any) -> None:
        """Write an event of this level, a number of `logging`."""
        given = as_number(level)
        number = given if isinstance(given, int) else _LEVELS.get(text_of(level).lower(), logging.INFO)
        _say(self, number, _METHODS.get(number, "info"), event, args, fields)

    async def alog(self, level: int, event: Any = None, *args: Any, **fields: Any) -> None:
        """As `log`."""
        self.log(level, event, *args, **fields)

    def is_enabled_for(self, level: int) -> bool:
        """Whether an event of this level would be written."""
        return self._logger.logger.isEnabledFor(level)

    def get_effective_level(self) -> int:
        """The least level that is written."""
        return self._logger.logger.getEffectiveLevel()


def _say(  # noqa: PLR0917  # the way of each line: keywords cost a tenth of it
    bound: ServiceLogger, level: int, method: str, event: Any, args: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    """One event through structlog's processors and out."""
    try:
        sink = bound._logger  # noqa: SLF001  # structlog's way for wrapper classes
        if not sink.logger.isEnabledFor(level):
            return
        if fields.pop("stack_info", None):
            fields["stack"] = "".join(traceback.format_stack(sys._getframe(2), limit=FRAMES_MAX))  # noqa: SLF001  # as structlog's
        if args:
            event = _with_arguments(event, args)
        # What structlog's `_process_event` does, without its look at what kind of thing comes out at the end.
        said: Any = {**bound._context, **fields, "event": event}  # noqa: SLF001
        for processor in bound._processors:  # noqa: SLF001
            said = processor(sink, method, said)
        if said.__class__ is dict:
            write(sink.logger, level, said.pop("event", None), said)
        elif isinstance(said, Mapping):
            written = dict(said)
            write(sink.logger, level, written.pop("event", None), written)
        else:  # a renderer of the host's stands at the end
            write(sink.logger, level, said, {})
    except structlog.DropEvent:
        return
    except Exception as error:
        if is_strict():
            raise
        tell_once("writing an event of structlog", error)


def _with_arguments(event: Any, args: tuple[Any, ...]) -> Any:
    try:
        return event % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
    except Exception:  # noqa: BLE001  # arguments that do not fit
        return f"{event} (its arguments cannot be put into it)"


def _method(name: str) -> Callable[..., None]:
    level = _LEVELS[name]
    called = "error" if name == "exception" else name

    def method(self: ServiceLogger, event: Any = None, *args: Any, **fields: Any) -> None:
        _say(self, level, called, event, args, fields)

    def exception(self: ServiceLogger, event: Any = None, *args: Any, **fields: Any) -> None:
        fields.setdefault("exc_info", sys.exc_info())
        _say(self, level, called, event, args, fields)

    return exception if name == "exception" else method


def _later(method: Callable[..., None]) -> Callable[..., Any]:
    async def later(self: ServiceLogger, event: Any = None, *args: Any, **fields: Any) -> None:
        method(self, event, *args, **fields)

    return later


for _name in _LEVELS:
    _made = _method(_name)
    _made.__name__ = _name
    setattr(ServiceLogger, _name, _made)
    setattr(ServiceLogger, f"a{_name}", _later(_made))


def logger_factory(*args: Any) -> EventLogger:
    """The sink of `structlog.get_logger(name)`; without a name that of the module that asks."""
    name = args[0] if args and isinstance(args[0], str) and args[0] else _calling_module()
    return EventLogger(name)


def service_processor(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor for a structlog that the host has set up: adds the ids, takes secrets out, and sends the event.

    Put it before the renderer. `init` does that itself where it finds structlog set up.
    """
    try:
        outlet = installed()
        if outlet is None:
            return event
        given: object = event
        if not isinstance(given, Mapping):
            report_misuse(f"service_processor stands before the renderer and wants its mapping, got {quoted(given)}")
            return event
        fields = dict(given)
        said = fields.pop("event", "")
        name = str(fields.get("logger") or getattr(logger, "name", "") or _UNNAMED)
        own = {key: value for key, value in fields.items() if key not in ("timestamp", "level", "logger")}
        entry = entry_of(name, _LEVELS.get(as_text(method) or "", logging.INFO), said, own)
        if outlet.export is not None:
            export = outlet.export
            nested(lambda: export.put(entry))
        kept: dict[str, Any] = {key: fields[key] for key in _KEPT if key in fields}
        return {**kept, **id_fields(entry.ids), **entry.fields, "event": entry.event}
    except Exception as error:
        if is_strict():
            raise
        tell_once("looking after an event of structlog", error)
        return event


def take_structlog(*, writes_lines: bool) -> Callable[[], None]:
    """Let structlog's events leave by our outlet; gives what undoes it.

    A structlog that nobody has set up is set up. One that somebody has keeps its processors and its output, and sends as
    well, unless it hands its events to `logging`, where our handler takes them.
    """
    if structlog.is_configured() or not writes_lines:
        config = structlog.get_config()
        if isinstance(config["logger_factory"], structlog.stdlib.LoggerFactory):
            return _nothing
        return _join(config["processors"])
    structlog.configure(
        processors=[merge_contextvars],
        wrapper_class=ServiceLogger,
        logger_factory=logger_factory,
        cache_logger_on_first_use=True,
    )
    return _give_back


def is_ours() -> bool:
    """Whether structlog is set up by us."""
    return structlog.get_config()["wrapper_class"] is ServiceLogger


def _join(processors: Any) -> Callable[[], None]:
    """Put ours before the last processor of a list that loggers may hold already."""
    if not isinstance(processors, list) or service_processor in processors:
        return _nothing
    processors.insert(max(len(processors) - 1, 0), service_processor)

    def leave() -> None:
        if service_processor in processors:
            processors.remove(service_processor)

    return leave


def _give_back() -> None:
    if is_ours():
        structlog.reset_defaults()


def _nothing() -> None:
    """There is nothing to undo."""


def _calling_module() -> str:
    """The first module up the stack that is neither ours nor structlog's."""
    frame = sys._getframe(1)  # noqa: SLF001  # what structlog's own factory does
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(("structlog", "anyascope.sdk.logs")):
            return name or _UNNAMED
        frame = frame.f_back
    return _UNNAMED
