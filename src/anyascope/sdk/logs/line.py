"""An entry as one JSON line, and where lines go.

The line is put together from texts that are encoded once (service, environment, logger names, the second of the time) and
from the fields, for which the interpreter's own encoder is called directly: `json.dumps` makes a new one at each call.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import threading
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import JSONEncoder
from typing import IO, Any

from anyascope.sdk.correlation import LOG_FIELD
from anyascope.sdk.guard import text_of
from anyascope.sdk.logs.entry import Entry, Ids, id_fields, level_name

NS_PER_S = 1_000_000_000
NS_PER_US = 1_000
SECONDS_MAX = 253_402_300_799  # the last second of the year 9999: `datetime` knows no later one
NAMES_MAX = 4_096  # logger names whose JSON is remembered; some programs make one a connection
FORK_WAIT_S = 0.2  # for a line that another thread is writing; a console that stands still must not hold a fork up

_RESERVED = frozenset(
    (
        "timestamp",
        "level",
        "event",
        "logger",
        "service",
        "environment",
        "trace_id",
        "span_id",
        LOG_FIELD,
        "exception",
        "exception_type",
        "exception_message",
    )
)
_ALWAYS = frozenset(("timestamp", "level", "event", "logger", "service", "environment"))
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

_text = json.encoder.encode_basestring


def _as_json(value: object) -> Any:
    """What JSON has no word for; fields come cleaned, so few kinds are left."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset):
        return sorted(value, key=text_of)
    return text_of(value)


def _make_encoder() -> Any:
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        encoder = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_json)
        return lambda value, _level: (encoder.encode(value),)
    return make(None, _as_json, _text, None, ":", ",", False, False, False)


_encode = _make_encoder()


class LineFormat:
    """Entries as lines of one service."""

    def __init__(self, *, service: str, environment: str) -> None:
        self._constant = f',"service":{_text(service)},"environment":{_text(environment)}'
        self._loggers: dict[str, str] = {}
        self._stamp = (-1, "")  # a second and its text, one assignment: no thread sees half of a change

    def line(self, entry: Entry) -> str:
        """One JSON object without a line's end: time, level, event, logger, service, environment, ids, fields, exception."""
        logger = self._loggers.get(entry.logger) or self._remember(entry.logger)
        head = (
            f'{{"timestamp":"{self._time(entry.time_ns)}","level":"{level_name(entry.level)}",'
            f'"event":{_text(entry.event)},"logger":{logger}{self._constant}{_ids(entry.ids)}'
        )
        fields = entry.fields
        if fields:
            if not _RESERVED.isdisjoint(fields):
                fields = _renamed(fields, entry)
            head += f",{_inside(fields)}"
        if entry.fault is not None:
            kind, message, stack = entry.fault
            head += f',"exception":{_text(stack)},"exception_type":{_text(kind)},"exception_message":{_text(message)}'
        line = head + "}"
        return line if line.isascii() else _sendable(line)

    def _time(self, time_ns: int) -> str:
        seconds, rest = divmod(time_ns, NS_PER_S)
        second, stamp = self._stamp
        if second != seconds:
            stamp = _iso_second(seconds)
            self._stamp = (seconds, stamp)
        return f"{stamp}.{rest // NS_PER_US:06d}Z"

    def _remember(self, name: str) -> str:
        if len(self._loggers) >= NAMES_MAX:
            self._loggers.clear()
        encoded = self._loggers[name] = _text(name)
        return encoded


class LineWriter:
    """Writes whole lines to a stream, one thread at a time.

    Args:
        stream: text; None is whatever `sys.stdout` is at the time.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self.after_fork()
        _writers.add(self)

    def after_fork(self) -> None:
        """A lock that another thread of the parent may have held."""
        # Re-entrant: a signal handler of the host may log while this thread writes.
        self.lock = threading.RLock()

    def write(self, line: str) -> None:
        """Write a line and its end.

        Raises:
            OSError, ValueError: the stream takes nothing more.
        """
        stream = self._stream or sys.stdout
        if stream is None:  # a program without a console
            return
        with self.lock:
            try:
                stream.write(f"{line}\n")
            except UnicodeEncodeError:
                stream.write(f"{_BEYOND_ASCII.sub(_escaped, line)}\n")
            stream.flush()


def _iso_second(seconds: int) -> str:
    whole = min(max(seconds, 0), SECONDS_MAX)
    return datetime.fromtimestamp(whole, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _ids(ids: Ids) -> str:
    if not ids.trace_id:
        return f',"{LOG_FIELD}":{_text(ids.correlation_id)}' if ids.correlation_id else ""
    joined = f',"trace_id":"{ids.trace_id:032x}","span_id":"{ids.span_id:016x}"'
    return f'{joined},"{LOG_FIELD}":{_text(ids.correlation_id)}' if ids.correlation_id else joined


def _inside(fields: dict[str, Any]) -> str:
    """The fields as JSON without the braces."""
    try:
        return "".join(_encode(fields, 0))[1:-1]
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_plain(fields), ensure_ascii=False, separators=(",", ":"))[1:-1]


def _plain(value: Any) -> Any:
    """Only what JSON has a word for, whatever there is: infinite numbers and odd keys become texts."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {text_of(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return _plain(_as_json(value))


def _renamed(fields: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """The fields without any that would stand where one of ours does: those get an underscore behind their name."""
    ours: dict[str, Any] = {**dict.fromkeys(_ALWAYS), **id_fields(entry.ids)}
    if entry.fault is not None:
        ours.update(dict.fromkeys(("exception", "exception_type", "exception_message")))
    moved: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ours and ours[name] == value:
            continue  # the very id that stands there already
        free = name
        while free in ours or (free != name and free in fields):
            free += "_"
        moved[free] = value
    return moved


def _sendable(line: str) -> str:
    """The line without halves of characters, which no encoding can write."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace").decode()
    return line


def _escaped(character: re.Match[str]) -> str:
    return json.dumps(character.group())[1:-1]


_writers: weakref.WeakSet[LineWriter] = weakref.WeakSet()
_held: list[LineWriter] = []


def _before_fork() -> None:
    """Let no other thread be within a line: its half would stand in the child's buffers too, and be written twice."""
    _held[:] = [writer for writer in list(_writers) if writer.lock.acquire(timeout=FORK_WAIT_S)]


def _in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _in_child() -> None:
    _held.clear()
    for writer in list(_writers):
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
