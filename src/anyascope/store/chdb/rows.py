"""Nouns to blocks: what a batch looks like in the tables of logs and spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anyascope.model.attributes import Attributes, Resource, Scope
from anyascope.model.logs import LogBatch
from anyascope.model.traces import SpanBatch, SpanEvent, SpanLink
from anyascope.store.chdb.native import (
    Block,
    SharedAttributes,
    attribute_columns,
    identities,
    integers,
    shared_strings,
    strings,
)
from anyascope.store.text import encode_value

T = TypeVar("T")

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
MAP = "Map(String, String)"


class Owners:
    """The resources and scopes of several batches under one numbering, and the row columns that point at them."""

    def __init__(self, batches: Sequence[LogBatch] | Sequence[SpanBatch]) -> None:
        self.resources: list[Resource] = []
        self.scopes: list[Scope] = []
        self.resource_rows: list[int] = []
        self.scope_rows: list[int] = []
        for batch in batches:
            self.resource_rows += shifted(batch.resource_rows, len(self.resources))
            self.scope_rows += shifted(batch.scope_rows, len(self.scopes))
            self.resources += batch.resources
            self.scopes += batch.scopes

    def add_to(self, block: Block) -> None:
        """Append the columns of resource and scope."""
        resources = SharedAttributes.of(resource.attributes for resource in self.resources)
        rows = self.resource_rows
        block.add("resource", MAP, resources.column(rows))
        block.add("resource_kinds", "String", resources.kinds_column(rows))
        for name, texts in (
            ("service", [resource.service for resource in self.resources]),
            ("host", [resource.host for resource in self.resources]),
            ("resource_schema", [resource.schema_url for resource in self.resources]),
        ):
            block.add(name, "String", shared_strings(texts, rows))
        scopes = SharedAttributes.of(scope.attributes for scope in self.scopes)
        rows = self.scope_rows
        block.add("scope_attributes", MAP, scopes.column(rows))
        block.add("scope_kinds", "String", scopes.kinds_column(rows))
        for name, texts in (
            ("scope", [scope.name for scope in self.scopes]),
            ("scope_version", [scope.version for scope in self.scopes]),
            ("scope_schema", [scope.schema_url for scope in self.scopes]),
        ):
            block.add(name, "String", shared_strings(texts, rows))


def shifted(rows: Sequence[int], by: int) -> Sequence[int]:
    """Positions moved up."""
    return [row + by for row in rows] if by else rows


def log_block(batches: Sequence[LogBatch], *, first_sequence: int, now_ns: int) -> bytes:
    """The block of table `logs`.

    Args:
        batches: not empty.
        first_sequence: the number of the first row; the rows get following ones, which keep equal times in order.
        now_ns: the time of a record that says none.
    """
    count = sum(map(len, batches))
    block = Block(count)
    times = integers(merged(batch.times_ns for batch in batches), np.int64)
    observed = integers(merged(batch.observed_ns for batch in batches), np.int64)
    block.numbers("time_ns", "Int64", np.where(times != 0, times, np.where(observed != 0, observed, now_ns)))
    block.numbers("observed_ns", "Int64", observed)
    block.numbers("sequence", "UInt64", np.arange(first_sequence, first_sequence + count, dtype=np.uint64))
    block.numbers("severity", "UInt8", integers(merged(batch.severity_numbers for batch in batches), np.uint8))
    block.strings("severity_text", merged(batch.severity_texts for batch in batches))
    block.strings("body", merged(batch.bodies for batch in batches))
    add_body_values(block, batches)
    block.strings("stream", merged([batch.stream] * len(batch) for batch in batches))
    block.strings("event_name", merged(batch.event_names for batch in batches))
    block.strings("correlation_id", merged(batch.correlation_ids for batch in batches))
    block.numbers("flags", "UInt32", integers(merged(batch.flags for batch in batches), np.uint32))
    block.add("trace_id", "FixedString(16)", identities(merged(b.trace_ids for b in batches), TRACE_ID_BYTES))
    block.add("span_id", "FixedString(8)", identities(merged(b.span_ids for b in batches), SPAN_ID_BYTES))
    attributes = attribute_columns(merged(list[Attributes](batch.attributes) for batch in batches))
    block.add("attributes", MAP, attributes.data)
    block.strings("attribute_kinds", attributes.kinds)
    Owners(batches).add_to(block)
    return block.bytes()


def add_body_values(block: Block, batches: Sequence[LogBatch]) -> None:
    """Append the columns of structured bodies; most records have none."""
    kinds: list[str] = []
    texts: list[str] = []
    for batch in batches:
        batch_kinds, batch_texts = [""] * len(batch), [""] * len(batch)
        for row, value in batch.body_values.items():
            batch_kinds[row], batch_texts[row] = encode_value(value)
        kinds += batch_kinds
        texts += batch_texts
    block.strings("body_kind", kinds)
    block.strings("body_value", texts)


def span_block(batches: Sequence[SpanBatch]) -> bytes:
    """The block of table `spans`; `batches` is not empty."""
    block = Block(sum(map(len, batches)))
    block.numbers("time_ns", "Int64", integers(merged(batch.starts_ns for batch in batches), np.int64))
    durations = integers(merged(batch.durations_ns for batch in batches), np.int64)
    block.numbers("duration_ns", "Int64", np.maximum(durations, 0))
    block.add("trace_id", "FixedString(16)", identities(merged(b.trace_ids for b in batches), TRACE_ID_BYTES))
    block.add("span_id", "FixedString(8)", identities(merged(b.span_ids for b in batches), SPAN_ID_BYTES))
    block.add("parent_id", "FixedString(8)", identities(merged(b.parent_ids for b in batches), SPAN_ID_BYTES))
    block.strings("name", merged(batch.names for batch in batches))
    block.numbers("kind", "UInt8", integers(merged(batch.kinds for batch in batches), np.uint8))
    block.numbers("status", "UInt8", integers(merged(batch.statuses for batch in batches), np.uint8))
    block.strings("status_message", merged(batch.status_messages for batch in batches))
    block.strings("trace_state", merged(batch.trace_states for batch in batches))
    block.numbers("flags", "UInt32", integers(merged(batch.flags for batch in batches), np.uint32))
    block.strings("correlation_id", merged(batch.correlation_ids for batch in batches))
    attributes = attribute_columns(merged(list[Attributes](batch.attributes) for batch in batches))
    block.add("attributes", MAP, attributes.data)
    block.strings("attribute_kinds", attributes.kinds)
    Owners(batches).add_to(block)
    add_events(block, *ragged((len(batch), batch.events) for batch in batches))
    add_links(block, *ragged((len(batch), batch.links) for batch in batches))
    return block.bytes()


def ragged(parts: Iterable[tuple[int, Mapping[int, Sequence[T]]]]) -> tuple[bytes, list[T]]:
    """What few rows have some of: the offsets of all rows, and the items in the order of their rows.

    Args:
        parts: a batch each: how many rows, and the items of those rows that have any.
    """
    counts: list[NDArray[np.uint64]] = []
    items: list[T] = []
    for rows, found in parts:
        lengths = np.zeros(rows, np.uint64)
        for row in sorted(found):
            lengths[row] = len(found[row])
            items.extend(found[row])
        counts.append(lengths)
    return np.cumsum(np.concatenate(counts), dtype=np.uint64).tobytes(), items


def add_events(block: Block, ends: bytes, events: Sequence[SpanEvent]) -> None:
    """Append the arrays of events."""
    attributes = attribute_columns([event.attributes for event in events])
    times = integers([event.time_ns for event in events], np.int64)
    block.add("event_times_ns", "Array(Int64)", ends + times.tobytes())
    block.add("event_names", "Array(String)", ends + strings([event.name for event in events]))
    block.add("event_attributes", f"Array({MAP})", ends + attributes.data)
    block.add("event_kinds", "Array(String)", ends + strings(attributes.kinds))


def add_links(block: Block, ends: bytes, links: Sequence[SpanLink]) -> None:
    """Append the arrays of links."""
    attributes = attribute_columns([link.attributes for link in links])
    traces = identities([link.trace_id for link in links], TRACE_ID_BYTES)
    spans = identities([link.span_id for link in links], SPAN_ID_BYTES)
    block.add("link_trace_ids", "Array(FixedString(16))", ends + traces)
    block.add("link_span_ids", "Array(FixedString(8))", ends + spans)
    block.add("link_states", "Array(String)", ends + strings([link.trace_state for link in links]))
    block.add("link_attributes", f"Array({MAP})", ends + attributes.data)
    block.add("link_kinds", "Array(String)", ends + strings(attributes.kinds))


def merged(columns: Iterable[list[T]]) -> list[T]:
    """The columns of several batches as one."""
    parts = list(columns)
    return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
