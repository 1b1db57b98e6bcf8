"""Log records: columns on their way in, rows on their way out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from anyascope.model.attributes import Attributes, AttributeValue, Resource, Scope

T = TypeVar("T")


class Severity(IntEnum):
    """The first number of each of OpenTelemetry's severity ranges (1-24); 0 is unspecified."""

    UNSPECIFIED = 0
    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21


def severity_name(number: int) -> str:
    """`INFO`, `INFO2` … as OpenTelemetry's data model names 1-24; empty for 0 and anything else."""
    if not 1 <= number <= 24:
        return ""
    base = Severity((number - 1) // 4 * 4 + 1)
    step = (number - 1) % 4
    return base.name if step == 0 else f"{base.name}{step + 1}"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log line as it is kept and given out.

    `body` is text: a structured body is its JSON, and `body_value` holds the structure.  Ids are raw bytes, empty where
    absent. `stream` says by which road it came (`otlp`, `journal`, `syslog`, `self`).
    """

    time_ns: int
    body: str
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Resource = field(default_factory=Resource)
    scope: Scope = field(default_factory=Scope)
    trace_id: bytes = b""
    span_id: bytes = b""
    correlation_id: str = ""
    stream: str = ""
    event_name: str = ""
    flags: int = 0
    body_value: AttributeValue = None


@dataclass(slots=True)
class LogBatch:
    """Log records as parallel columns, so that 40,000 a second need no object each.

    All lists have one entry a record. `resources` and `scopes` hold distinct values; `resource_rows` and `scope_rows`
    index into them. A room that redacts or enriches owns the batch while it holds it and may replace entries.
    """

    stream: str
    resources: list[Resource] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    resource_rows: list[int] = field(default_factory=list)
    scope_rows: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    observed_ns: list[int] = field(default_factory=list)
    severity_numbers: list[int] = field(default_factory=list)
    severity_texts: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    body_values: dict[int, AttributeValue] = field(default_factory=dict)  # row -> structure; most bodies are text
    attributes: list[dict[str, AttributeValue]] = field(default_factory=list)
    trace_ids: list[bytes] = field(default_factory=list)
    span_ids: list[bytes] = field(default_factory=list)
    correlation_ids: list[str] = field(default_factory=list)
    event_names: list[str] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times_ns)

    def add(self, record: LogRecord) -> None:
        """Append one record. For small batches: hot paths fill the columns themselves."""
        self.resource_rows.append(index_in(self.resources, record.resource))
        self.scope_rows.append(index_in(self.scopes, record.scope))
        if record.body_value is not None:
            self.body_values[len(self.times_ns)] = record.body_value
        self.times_ns.append(record.time_ns)
        self.observed_ns.append(record.observed_ns)
        self.severity_numbers.append(record.severity_number)
        self.severity_texts.append(record.severity_text)
        self.bodies.append(record.body)
        self.attributes.append(dict(record.attributes))
        self.trace_ids.append(record.trace_id)
        self.span_ids.append(record.span_id)
        self.correlation_ids.append(record.correlation_id)
        self.event_names.append(record.event_name)
        self.flags.append(record.flags)

    def record(self, row: int) -> LogRecord:
        """The record of one row."""
        return LogRecord(
            time_ns=self.times_ns[row],
            body=self.bodies[row],
            observed_ns=self.observed_ns[row],
            severity_number=self.severity_numbers[row],
            severity_text=self.severity_texts[row],
            attributes=self.attributes[row],
            resource=self.resources[self.resource_rows[row]],
            scope=self.scopes[self.scope_rows[row]],
            trace_id=self.trace_ids[row],
            span_id=self.span_ids[row],
            correlation_id=self.correlation_ids[row],
            stream=self.stream,
            event_name=self.event_names[row],
            flags=self.flags[row],
            body_value=self.body_values.get(row),
        )


def index_in(known: list[T], item: T) -> int:
    """The place of `item` in `known`, where it is appended first if it is new."""
    if known and known[-1] == item:
        return len(known) - 1
    try:
        return known.index(item)
    except ValueError:
        known.append(item)
        return len(known) - 1
