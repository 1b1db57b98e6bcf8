"""Spans on disk."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from anyascope.model.traces import Span, SpanBatch, SpanStatus
from anyascope.store.api.spans import TraceQuery
from anyascope.store.chdb.conditions import Builder, pairs_of
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.native import Block
from anyascope.store.chdb.records import spans
from anyascope.store.chdb.rows import span_block

ON_LOOP_ROWS_MAX = 500  # beyond, blocks are built on a worker thread: 500 rows take 2 ms
OPERATIONS_MAX = 100_000  # (service, name, kind); names that hold an id would fill memory
TIME_NS_MAX = 2**63 - 1
TRACE_ID_BYTES = 16


def pairs_of_maps(column: str) -> str:
    """`key=value` of an array of maps, exactly as the schema's index has it."""
    inner = "arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(m), mapValues(m))"
    return f"arrayFlatten(arrayMap(m -> {inner}, {column}))"


MAPS = ("attributes", "resource", "scope_attributes")
ARRAYS_OF_MAPS = ("event_attributes", "link_attributes")
SPAN_PAIRS = f"arrayConcat({', '.join([*map(pairs_of, MAPS), *map(pairs_of_maps, ARRAYS_OF_MAPS)])})"

log = structlog.get_logger("anyascope.store")


class ChdbSpans:
    """Writer and reader of spans."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._operations: dict[str, set[tuple[str, int]]] = {}
        self._known = 0

    async def load(self) -> None:
        """Fill the menu of operations from disk."""
        table = await self._engine.ask("operations_all")
        for row in table.to_pylist():
            self._learn(row["service"], row["name"], row["kind"])

    def _learn(self, service: str, name: str, kind: int) -> None:
        names = self._operations.setdefault(service, set())
        if (name, kind) not in names:
            names.add((name, kind))
            self._known += 1

    async def write_spans(self, batches: Sequence[SpanBatch], *, token: str = "") -> None:
        filled = [batch for batch in batches if len(batch)]
        if not filled:
            return
        await self._write_operations(filled)
        rows = sum(map(len, filled))
        block = await self._engine.work(lambda: span_block(filled)) if rows > ON_LOOP_ROWS_MAX else span_block(filled)
        await self._engine.insert("spans", block, rows=rows, token=token)

    async def _write_operations(self, batches: Sequence[SpanBatch]) -> None:
        fresh: set[tuple[str, str, int]] = set()
        for batch in batches:
            services = [resource.service for resource in batch.resources]
            for row, name, kind in set(zip(batch.resource_rows, batch.names, batch.kinds, strict=True)):
                if (name, int(kind)) not in self._operations.get(services[row], ()):
                    fresh.add((services[row], name, int(kind)))
        if not fresh:
            return
        room = max(OPERATIONS_MAX - self._known, 0)
        kept = sorted(fresh)[:room]
        if len(kept) < len(fresh):
            log.warning("operations_not_listed", operations=len(fresh) - len(kept), operations_max=OPERATIONS_MAX)
        if not kept:
            return
        block = Block(len(kept))
        block.strings("service", [service for service, _, _ in kept])
        block.strings("name", [name for _, name, _ in kept])
        block.add("kind", "UInt8", bytes(kind & 0xFF for _, _, kind in kept))
        await self._engine.insert("operations", block.bytes(), rows=len(kept))
        for service, name, kind in kept:
            self._learn(service, name, kind)

    async def find_traces(self, query: TraceQuery) -> list[bytes]:
        builder = Builder()
        conditions = trace_conditions(query, builder)
        table = await self._engine.ask(
            "traces_find",
            builder.parameters
            | {
                "start_ns": max(query.start_ns, -TIME_NS_MAX),
                "end_ns": min(query.end_ns, TIME_NS_MAX),
                "limit": query.limit,
            },
            parts={"condition": " AND ".join(conditions) or "1"},
        )
        return list(table["trace_id"].to_pylist()) if len(table) else []

    async def spans_of(self, trace_ids: Sequence[bytes], *, spans_max: int = 100_000) -> list[Span]:
        wanted = [trace_id.hex() for trace_id in dict.fromkeys(trace_ids) if len(trace_id) == TRACE_ID_BYTES]
        if not wanted:
            return []
        table = await self._engine.ask("spans_of", {"trace_ids": wanted, "limit": spans_max})
        if len(table) > ON_LOOP_ROWS_MAX:
            return await self._engine.compute(lambda: spans(table))
        return spans(table)

    async def services(self) -> list[str]:
        return sorted(self._operations)

    async def operations(self, service: str) -> list[tuple[str, int]]:
        return sorted(self._operations.get(service, ()))


def trace_conditions(query: TraceQuery, builder: Builder) -> list[str]:
    """What one span must meet, as SQL."""
    conditions: list[str] = []
    if query.service:
        conditions.append(f"service = {builder.text(query.service)}")
    if query.operation:
        conditions.append(f"name = {builder.text(query.operation)}")
    if query.duration_ns_min:
        conditions.append(f"duration_ns >= {builder.integer(query.duration_ns_min)}")
    if query.duration_ns_max:
        conditions.append(f"duration_ns <= {builder.integer(query.duration_ns_max)}")
    if query.errors_only:
        conditions.append(f"status = {builder.integer(SpanStatus.ERROR)}")
    conditions += [has_tag(builder, key, value) for key, value in query.tags.items()]
    return conditions


def has_tag(builder: Builder, key: str, value: str) -> str:
    """Whether a tag stands anywhere in the span: the index says where to look, the maps decide."""
    name, text = builder.text(key), builder.text(value)
    places = [f"(mapContains({column}, {name}) AND {column}[{name}] = {text})" for column in MAPS]
    places += [
        f"arrayExists(m -> mapContains(m, {name}) AND m[{name}] = {text}, {column})" for column in ARRAYS_OF_MAPS
    ]
    return f"({builder.has_pair(SPAN_PAIRS, key, value)} AND ({' OR '.join(places)}))"
