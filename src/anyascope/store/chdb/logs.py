"""Logs on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from anyascope.clock import NS_PER_S, Clock
from anyascope.model.logs import LogBatch
from anyascope.store.api.logs import LogBucket, LogPage, LogQuery
from anyascope.store.chdb.binding import Parameter
from anyascope.store.chdb.conditions import Builder
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.records import log_records
from anyascope.store.chdb.rows import log_block
from anyascope.store.paging import bucket_starts, cursor_after
from anyascope.store.text import SEVERITY_RANGES

ON_LOOP_ROWS_MAX = 500  # beyond, blocks are built on a worker thread: 500 rows take 2 ms
FIRST_STRETCH_NS = 60 * NS_PER_S  # the newest minute answers most pages; each further look reaches 16 times as far
STRETCH_GROWTH = 16
TIME_NS_MAX = 2**63 - 1


class ChdbLogs:
    """Writer and reader of logs."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        # Counts on from the time of opening in nanoseconds: no earlier run can have come as far.
        self._sequence = clock.now_ns()

    async def write_logs(self, batches: Sequence[LogBatch], *, token: str = "") -> None:
        filled = [batch for batch in batches if len(batch)]
        if not filled:
            return
        rows = sum(map(len, filled))
        first_sequence, now_ns = self._sequence, self._clock.now_ns()
        self._sequence += rows
        if rows > ON_LOOP_ROWS_MAX:
            block = await self._engine.work(lambda: log_block(filled, first_sequence=first_sequence, now_ns=now_ns))
        else:
            block = log_block(filled, first_sequence=first_sequence, now_ns=now_ns)
        await self._engine.insert("logs", block, rows=rows, token=token)

    async def search(self, query: LogQuery) -> LogPage:
        skip = 0
        start_ns, end_ns = stored_stretch(query)
        if query.cursor is not None:
            skip = query.cursor.skip
            if query.newest_first:
                end_ns = min(end_ns, query.cursor.time_ns + 1)
            else:
                start_ns = max(start_ns, query.cursor.time_ns)
        wanted = skip + query.limit + 1
        tables: list[pa.Table] = []
        found = 0
        parts = stretches(start_ns, end_ns, newest_first=query.newest_first)
        for begin_ns, until_ns in [(start_ns, end_ns)] if query.is_rare else parts:
            table = await self._page(query, start_ns=begin_ns, end_ns=until_ns, limit=wanted - found)
            found += len(table)
            tables.append(table)
            if found >= wanted:
                break
        if not found:
            return LogPage(())
        page = pa.concat_tables([table for table in tables if len(table)]).slice(skip, query.limit)
        records = log_records(page)
        if found < wanted or not records:
            return LogPage(records)
        return LogPage(records, cursor_after(records, query.cursor))

    async def _page(self, query: LogQuery, *, start_ns: int, end_ns: int, limit: int) -> pa.Table:
        builder = Builder()
        condition = builder.condition(query.condition)
        return await self._engine.ask(
            "logs_search",
            builder.parameters | {"start_ns": start_ns, "end_ns": end_ns, "limit": limit},
            parts={"condition": condition, "direction": "DESC" if query.newest_first else "ASC"},
        )

    async def histogram(self, query: LogQuery, *, bucket_ns: int) -> list[LogBucket]:
        starts = bucket_starts(query, bucket_ns)
        table = await self._over("logs_histogram", query, Builder(), {"bucket_ns": bucket_ns})
        counts: dict[int, dict[str, int]] = {start_ns: {} for start_ns in starts}
        for row in table.to_pylist():
            number = row["severity_range"]
            name = SEVERITY_RANGES[number - 1] if number else ""
            counts[row["start_ns"]][name] = row["records"]
        return [LogBucket(start_ns, counts[start_ns]) for start_ns in starts]

    async def top_values(self, field: str, query: LogQuery, *, limit: int = 10) -> list[tuple[str, int]]:
        builder = Builder()
        field_sql = builder.field(field)
        table = await self._over("logs_top_values", query, builder, {"limit": limit}, field_sql=field_sql)
        return list(zip(table["text"].to_pylist(), table["records"].to_pylist(), strict=True)) if len(table) else []

    async def fields(self, query: LogQuery, *, limit: int = 100) -> list[tuple[str, int]]:
        table = await self._over("logs_fields", query, Builder(), {"limit": limit})
        return list(zip(table["key"].to_pylist(), table["records"].to_pylist(), strict=True)) if len(table) else []

    async def _over(
        self, name: str, query: LogQuery, builder: Builder, values: dict[str, Parameter], *, field_sql: str = ""
    ) -> pa.Table:
        """Ask a statement over all records of a query."""
        condition = builder.condition(query.condition)
        start_ns, end_ns = stored_stretch(query)
        return await self._engine.ask(
            name,
            builder.parameters | values | {"start_ns": start_ns, "end_ns": end_ns},
            parts={"condition": condition, "field": field_sql},
        )


def stored_stretch(query: LogQuery) -> tuple[int, int]:
    """The query's stretch, cut to times that can be stored."""
    return max(query.start_ns, -TIME_NS_MAX), min(query.end_ns, TIME_NS_MAX)


def stretches(start_ns: int, end_ns: int, *, newest_first: bool) -> Iterator[tuple[int, int]]:
    """The stretch in parts, small ones first from where the page begins, so that a page seldom reads everything."""
    length = FIRST_STRETCH_NS
    while start_ns < end_ns:
        if newest_first:
            begin_ns = max(start_ns, end_ns - length)
            yield begin_ns, end_ns
            end_ns = begin_ns
        else:
            until_ns = min(end_ns, start_ns + length)
            yield start_ns, until_ns
            start_ns = until_ns
        length *= STRETCH_GROWTH
