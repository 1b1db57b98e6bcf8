"""The door to logs, and the conditions that select them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

from anyascope.model.logs import LogBatch, LogRecord

BUCKETS_MAX = 11_000  # bars of a histogram; what Prometheus allows as points of a graph

# --- conditions: built by `explore` from the search language, never from text by anybody else -------------------------
#
# A field is one of LOG_FIELDS, or `attributes.<key>`, or `resource.<key>`, or a bare key, which means the attribute of
# that name or, where a record lacks it, the resource's. A value is compared as text: 5 is "5", true is "true".

LOG_FIELDS = frozenset(
    ("service", "host", "stream", "severity", "trace_id", "span_id", "correlation_id", "event_name", "scope", "body")
)


@dataclass(frozen=True, slots=True)
class Words:
    """The body holds all of these words, whole and in any case; a word is a run of letters and digits.

    Everything beyond ASCII counts as a letter. A text without a word asks for nothing and holds.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """The body holds this text, in any case."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldEquals:
    """The field has this value, to the letter; a missing field is empty text.

    `severity` is compared in any case and fits the range's name (`ERROR`), the number's own (`ERROR2`) and the text that
    was sent. Ids are hex.
    """

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class FieldMatches:
    """The field's whole value matches this RE2 expression; `body` is searched instead of matched whole.

    A missing field is empty text. The value of `severity` is the range's name, or the text that was sent where there is
    no number.
    """

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class FieldExists:
    """The field is there and not empty."""

    field: str


class Comparison(Enum):
    """How a number is compared."""

    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class FieldCompares:
    """The field is a number and compares so."""

    field: str
    comparison: Comparison
    value: float


@dataclass(frozen=True, slots=True)
class SeverityAtLeast:
    """OpenTelemetry's severity number is this or more."""

    number: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds; true where there is none."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds; false where there is none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    condition: Condition


Condition: TypeAlias = (
    Words | Phrase | FieldEquals | FieldMatches | FieldExists | FieldCompares | SeverityAtLeast | AllOf | AnyOf | Not
)

EVERYTHING = AllOf()


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Where a page ended: the last record's time and how many records of that very time were already given."""

    time_ns: int
    skip: int


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which records. Times are UTC nanoseconds, `start_ns` inclusive, `end_ns` exclusive.

    Attributes:
        is_rare: few records meet the condition, and an index finds them: the whole stretch is read at once, not in parts from
            where the page begins.
    """

    condition: Condition
    start_ns: int
    end_ns: int
    limit: int = 100
    newest_first: bool = True
    cursor: LogCursor | None = None
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class LogPage:
    """Records in the order asked for; `cursor` is None at the end."""

    records: Sequence[LogRecord]
    cursor: LogCursor | None = None


@dataclass(frozen=True, slots=True)
class LogBucket:
    """One bar of a histogram: records by severity range name (`ERROR`, `INFO` …, empty for unspecified)."""

    start_ns: int
    counts: Mapping[str, int] = field(default_factory=dict)


class LogWriter(Protocol):
    """Keeps logs. A record without a time gets its observed time, or the time of writing where it has neither."""

    async def write_logs(self, batches: Sequence[LogBatch], *, token: str = "") -> None:
        """Return once all batches survive `kill -9`; see `MetricWriter.write_metrics`."""


class LogReader(Protocol):
    """Gives logs out."""

    async def search(self, query: LogQuery) -> LogPage:
        """The records that meet the condition."""

    async def histogram(self, query: LogQuery, *, bucket_ns: int) -> list[LogBucket]:
        """Counts in buckets aligned to multiples of `bucket_ns`, empty ones included; limit and cursor play no part.

        Raises:
            LimitExceededError: there would be more than BUCKETS_MAX buckets.
        """

    async def top_values(self, field: str, query: LogQuery, *, limit: int = 10) -> list[tuple[str, int]]:
        """The commonest values of a field among the records, with counts, equal counts by value.

        Missing and empty ones are not counted; limit and cursor of the query play no part.
        """

    async def fields(self, query: LogQuery, *, limit: int = 100) -> list[tuple[str, int]]:
        """Which attribute and resource keys (as `attributes.k`, `resource.k`) the records have, commonest first."""
