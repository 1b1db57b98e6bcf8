"""What was captured, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN_CHARS_MAX = 60  # of one value in a message
SHOWN_FIELDS_MAX = 12  # of one record in a message


@dataclass(frozen=True, slots=True)
class CapturedSpan:
    """A span that ended.

    Attributes:
        name: as it was at the end.
        attributes: all of them.
        status: `UNSET`, `OK` or `ERROR`.
        kind: `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER` or `CONSUMER`.
        trace_id, span_id, parent_id: lower-case hex; the parent's "" for a root.
        start_ns, end_ns: UTC nanoseconds.
        events: name and attributes of each.
        raw: OpenTelemetry's own.
    """

    name: str
    attributes: Mapping[str, Any]
    status: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def fields(self) -> Mapping[str, Any]:
        """What a pattern may ask about: the attributes, and `status` and `kind` where no attribute is named so."""
        return {"status": self.status, "kind": self.kind, **self.attributes}

    def __str__(self) -> str:
        return shown(self.name, self.attributes)


@dataclass(frozen=True, slots=True)
class CapturedLog:
    """A record of structlog or `logging`.

    Attributes:
        event: the message, or structlog's event.
        level: lower case.
        logger: its name.
        own: the caller's fields.
        trace_id, span_id, correlation_id: those that held when it was written; "" where there was none.
        time_ns: UTC nanoseconds.
    """

    event: str
    level: str
    logger: str
    own: Mapping[str, Any]
    trace_id: str = ""
    span_id: str = ""
    correlation_id: str = ""
    time_ns: int = 0

    @property
    def fields(self) -> Mapping[str, Any]:
        """What a pattern may ask about: the caller's fields, the ids, `event`, `level` and `logger`."""
        return {
            "event": self.event,
            "level": self.level,
            "logger": self.logger,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "correlation_id": self.correlation_id,
            **self.own,
        }

    @property
    def name(self) -> str:
        """The event."""
        return self.event

    def __str__(self) -> str:
        return shown(self.event, {"level": self.level, **self.own})


@dataclass(frozen=True, slots=True)
class CapturedSample:
    """A sample that the captured code made or changed.

    Attributes:
        value: of counters, histograms' counts and sums what was added since the capture began; of gauges what stands.
    """

    name: str
    labels: Mapping[str, str]
    value: float

    @property
    def fields(self) -> Mapping[str, Any]:
        """The labels."""
        return self.labels

    def __str__(self) -> str:
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels.items())
        return f"{self.name}{{{labels}}} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Event:
    """An audit or a security event.

    Attributes:
        name: the audit's action, or the security event's type.
        fields: all that is known of it, also by short names: `phase` for `audit.phase`, `severity` for `security.severity`.
        record: the log record that it is.
    """

    name: str
    fields: Mapping[str, Any]
    record: CapturedLog

    def __str__(self) -> str:
        return shown(self.name, {key: value for key, value in self.fields.items() if key not in self._repeated})

    @property
    def _repeated(self) -> set[str]:
        """What the short names say already, and the log record's own."""
        long = {key for key in self.fields if key.startswith(("audit.", "security."))}
        return {"action", "event_type", "event", "event.name", "level", "logger", "trace_id", "span_id", *long}


@dataclass(frozen=True, slots=True)
class CapturedAlert:
    """An alert that a manager took over.

    Attributes:
        name: its title.
        fields: its attributes (`severity` and `category` as texts) and, where no attribute is named so, its labels.
        alert: itself.
    """

    name: str
    fields: Mapping[str, Any]
    alert: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, alert: Any) -> CapturedAlert:
        """An `anyascope.sdk.alerting.Alert`."""
        own = {name: getattr(alert, name) for name in _ALERT_FIELDS}
        own.update(severity=alert.severity.value, category=alert.category.value)
        return cls(alert.title, {**alert.labels, **own}, alert)

    def __str__(self) -> str:
        return shown(self.name, self.fields)


_ALERT_FIELDS = (
    "description",
    "source_component",
    "id",
    "escalation_policy",
    "correlation_id",
    "timestamp",
)


def audit_event_in(record: CapturedLog) -> Event:
    """The audit event that a record is."""
    return _event(record, "audit.", "action")


def security_event_in(record: CapturedLog) -> Event:
    """The security event that a record is."""
    return _event(record, "security.", "event_type")


def _event(record: CapturedLog, prefix: str, name: str) -> Event:
    short = {key.removeprefix(prefix): value for key, value in record.own.items() if key.startswith(prefix)}
    fields = {**short, **record.fields}
    if not fields["correlation_id"]:
        fields["correlation_id"] = short.get("correlation_id", "")
    return Event(str(short.get(name, record.event)), fields, record)


def shown(name: str, fields: Mapping[str, Any]) -> str:
    """A record in one line, cut where it is long."""
    return "  ".join([name, *_shown_fields(fields)])


def _shown_fields(fields: Mapping[str, Any]) -> Iterator[str]:
    for number, (key, value) in enumerate(fields.items()):
        if number == SHOWN_FIELDS_MAX:
            yield f"… and {len(fields) - number} more"
            return
        text = repr(value)
        yield f"{key}={text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + '…'}"
