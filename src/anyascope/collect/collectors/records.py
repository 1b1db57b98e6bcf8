"""A host's log entries as records: journal entries and syslog lines, taken apart; pure."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from anyascope.errors import InvalidInputError
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.logs import LogRecord, Severity

BODY_CHARS_MAX = 64 * 1024  # journald itself cuts lines at 48 kB; longer ones are core dumps
DIGITS_MAX = 18  # of a number, which any program of the host may write: microseconds have 16, and 64 bits hold 18

_NS_PER_US = 1_000
_NS_PER_S = 1_000_000_000
_DAY_S = 86_400

# RFC 5424 severities 0 to 7, as OpenTelemetry's data model maps them.
_SEVERITIES: tuple[tuple[int, str], ...] = (
    (Severity.FATAL, "emerg"),
    (Severity.ERROR + 2, "alert"),
    (Severity.ERROR + 1, "crit"),
    (Severity.ERROR, "err"),
    (Severity.WARN, "warning"),
    (Severity.INFO + 1, "notice"),
    (Severity.INFO, "info"),
    (Severity.DEBUG, "debug"),
)


def severity_of(priority: str) -> tuple[int, str]:
    """Number and text of a syslog priority `0` to `7`; unspecified for anything else.

    Source: OpenTelemetry log data model, appendix B (Syslog).
    """
    level = _number(priority)
    if level is None or level >= len(_SEVERITIES):
        return 0, ""
    number, text = _SEVERITIES[level]
    return int(number), text


def journal_record(entry: Mapping[str, Any], *, observed_ns: int) -> LogRecord:
    """The record of one journal entry as `journalctl -o json` prints it.

    Source: systemd.journal-fields(7); OpenTelemetry semantic conventions for hosts, processes and services.
    """
    number, text = severity_of(_text(entry.get("PRIORITY")))
    unit = _text(entry.get("_SYSTEMD_UNIT"))
    identifier = _text(entry.get("SYSLOG_IDENTIFIER")) or _text(entry.get("_COMM"))
    attributes: dict[str, AttributeValue] = {}
    for key, name in (
        ("SYSLOG_IDENTIFIER", "syslog.identifier"),
        ("_SYSTEMD_UNIT", "systemd.unit"),
        ("_TRANSPORT", "journald.transport"),
        ("_COMM", "process.executable.name"),
        ("CODE_FUNC", "code.function.name"),
        ("MESSAGE_ID", "journald.message_id"),
    ):
        if entry.get(key):
            attributes[name] = _text(entry[key])
    pid = _number(_text(entry.get("_PID")) or _text(entry.get("SYSLOG_PID")))
    if pid is not None:
        attributes["process.pid"] = pid
    stamp_us = _number(_text(entry.get("_SOURCE_REALTIME_TIMESTAMP")) or _text(entry.get("__REALTIME_TIMESTAMP")))
    return LogRecord(
        time_ns=observed_ns if stamp_us is None else stamp_us * _NS_PER_US,
        body=_text(entry.get("MESSAGE"))[:BODY_CHARS_MAX],
        observed_ns=observed_ns,
        severity_number=number,
        severity_text=text,
        attributes=attributes,
        resource=_resource(unit.removesuffix(".service") or identifier, _text(entry.get("_HOSTNAME"))),
        stream="journal",
    )


def parse_journal_line(line: bytes) -> Mapping[str, Any]:
    """One line of `journalctl -o json`.

    Raises:
        InvalidInputError: it is no JSON object.
    """
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise InvalidInputError(f"a journal entry is no JSON: {error}") from error
    if not isinstance(entry, dict):
        raise InvalidInputError("a journal entry is no JSON object")
    return entry


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        # Bytes that are no text come as a list of numbers; a field that occurs twice as a list of texts.
        if all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0])
    return "" if value is None else str(value)


def _number(text: str) -> int | None:
    """A decimal number; None of anything else, such as the digits of other scripts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX else None


def _resource(service: str, host: str) -> Resource:
    found: dict[str, AttributeValue] = {}
    if service:
        found["service.name"] = service
    if host:
        found["host.name"] = host
    return Resource(found)


_LINE = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)?"
    r"(?:(?P<iso>\d{4}-\d\d-\d\dT\S+)|(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d))"
    r" (?P<host>\S+) (?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: ?(?P<text>.*)",
    re.DOTALL,
)
_MONTHS = {
    name: at
    for at, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}


def syslog_record(line: str, *, observed_ns: int) -> LogRecord:
    """The record of one line of a syslog file; a line in no known form is kept whole.

    Times without a year are of the year that puts them last before now; without a zone they are local.

    Source: RFC 3164, section 4.1; rsyslog's default and traditional file formats.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return LogRecord(time_ns=observed_ns, body=line[:BODY_CHARS_MAX], observed_ns=observed_ns, stream="syslog")
    priority = found["priority"]
    number, text = severity_of(str(int(priority) % 8)) if priority else (0, "")
    attributes: dict[str, AttributeValue] = {"syslog.identifier": found["program"]}
    pid = _number(found["pid"] or "")
    if pid is not None:
        attributes["process.pid"] = pid
    return LogRecord(
        time_ns=_time_ns(found, observed_ns),
        body=found["text"][:BODY_CHARS_MAX],
        observed_ns=observed_ns,
        severity_number=number,
        severity_text=text,
        attributes=attributes,
        resource=_resource(found["program"], found["host"]),
        stream="syslog",
    )


def _time_ns(found: re.Match[str], observed_ns: int) -> int:
    try:
        if found["iso"]:
            moment = dt.datetime.fromisoformat(found["iso"])
            return round(moment.timestamp() * 1e6) * _NS_PER_US
        now = dt.datetime.fromtimestamp(observed_ns / _NS_PER_S).astimezone()
        hours, minutes, seconds = (int(part) for part in found["clock"].split(":"))
        moment = dt.datetime(
            now.year, _MONTHS[found["month"]], int(found["day"]), hours, minutes, seconds, tzinfo=now.tzinfo
        )
        if moment.timestamp() > now.timestamp() + _DAY_S:
            moment = moment.replace(year=now.year - 1)
        return int(moment.timestamp()) * _NS_PER_S
    except (ValueError, KeyError, OverflowError):
        return observed_ns
