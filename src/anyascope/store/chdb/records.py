"""Rows of answers as nouns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from anyascope.model.attributes import AttributeValue, Resource, Scope
from anyascope.model.logs import LogRecord
from anyascope.model.traces import Span, SpanEvent, SpanLink
from anyascope.store.text import attributes_from, decode_value

Row = Mapping[str, Any]
NO_SPAN_ID, NO_TRACE_ID = bytes(8), bytes(16)


class Owned:
    """Makes resources and scopes of rows, equal ones once."""

    def __init__(self) -> None:
        self._resources: dict[tuple[Any, ...], Resource] = {}
        self._scopes: dict[tuple[Any, ...], Scope] = {}

    def resource(self, row: Row) -> Resource:
        """The row's resource."""
        key = (
            tuple(row["resource_keys"]),
            tuple(row["resource_texts"]),
            row["resource_kinds"],
            row["resource_schema"],
        )
        found = self._resources.get(key)
        if found is None:
            found = self._resources[key] = Resource(attributes_from(*key[:3]), schema_url=key[3])
        return found

    def scope(self, row: Row) -> Scope:
        """The row's scope."""
        key = (
            row["scope"],
            row["scope_version"],
            tuple(row["scope_keys"]),
            tuple(row["scope_texts"]),
            row["scope_kinds"],
            row["scope_schema"],
        )
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = Scope(key[0], key[1], attributes_from(*key[2:5]), schema_url=key[5])
        return found


def rows_of(table: pa.Table) -> Iterator[Row]:
    """The rows of a table, by column name."""
    names = table.column_names
    columns = [column.to_pylist() for column in table.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def attributes_of(row: Row) -> dict[str, AttributeValue]:
    """The row's own attributes."""
    return attributes_from(row["attribute_keys"], row["attribute_texts"], row["attribute_kinds"])


def identity(stored: bytes) -> bytes:
    """An id as it was sent: all zero stands for absent."""
    return stored if any(stored) else b""


def log_records(table: pa.Table) -> list[LogRecord]:
    """The records of `logs_search`."""
    owned = Owned()
    return [
        LogRecord(
            time_ns=row["time_ns"],
            body=row["body"],
            observed_ns=row["observed_ns"],
            severity_number=row["severity"],
            severity_text=row["severity_text"],
            attributes=attributes_of(row),
            resource=owned.resource(row),
            scope=owned.scope(row),
            trace_id=identity(row["trace_id"]),
            span_id=identity(row["span_id"]),
            correlation_id=row["correlation_id"],
            stream=row["stream"],
            event_name=row["event_name"],
            flags=row["flags"],
            body_value=decode_value(row["body_kind"], row["body_value"]) if row["body_kind"] else None,
        )
        for row in rows_of(table)
    ]


def spans(table: pa.Table) -> list[Span]:
    """The spans of `spans_of`, in its order."""
    owned = Owned()
    return [span_of(row, owned) for row in rows_of(table)]


def span_of(row: Row, owned: Owned) -> Span:
    """One span."""
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        name=row["name"],
        start_ns=row["time_ns"],
        duration_ns=row["duration_ns"],
        parent_id=identity(row["parent_id"]),
        kind=row["kind"],
        status=row["status"],
        status_message=row["status_message"],
        trace_state=row["trace_state"],
        flags=row["flags"],
        attributes=attributes_of(row),
        events=events_of(row),
        links=links_of(row),
        resource=owned.resource(row),
        scope=owned.scope(row),
        correlation_id=row["correlation_id"],
    )


def events_of(row: Row) -> Sequence[SpanEvent]:
    """The events of a span's row."""
    columns = (row[name] for name in ("event_times_ns", "event_names", "event_keys", "event_texts", "event_kinds"))
    return tuple(
        SpanEvent(time_ns, name, attributes_from(keys, texts, kinds))
        for time_ns, name, keys, texts, kinds in zip(*columns, strict=True)
    )


def links_of(row: Row) -> Sequence[SpanLink]:
    """The links of a span's row."""
    names = ("link_trace_ids", "link_span_ids", "link_states", "link_keys", "link_texts", "link_kinds")
    return tuple(
        SpanLink(trace_id, span_id, state, attributes_from(keys, texts, kinds))
        for trace_id, span_id, state, keys, texts, kinds in zip(*(row[name] for name in names), strict=True)
    )
