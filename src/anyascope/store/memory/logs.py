"""Logs in memory."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from anyascope.clock import Clock
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.store.api.logs import LogBucket, LogCursor, LogPage, LogQuery
from anyascope.store.api.matching import field_text, predicate_of
from anyascope.store.paging import bucket_starts, cursor_after
from anyascope.store.text import severity_range
from anyascope.store.tokens import Tokens


class MemoryLogs:
    """Writer and reader of logs."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._records: list[LogRecord] = []  # by time, equal times in the order of arrival
        self._tokens = Tokens()

    async def write_logs(self, batches: Sequence[LogBatch], *, token: str = "") -> None:
        if self._tokens.has(token):
            return
        self._tokens.add(token)
        for batch in batches:
            for row in range(len(batch)):
                record = batch.record(row)
                time_ns = record.time_ns or record.observed_ns or self._clock.now_ns()
                bisect.insort(self._records, replace(record, time_ns=time_ns), key=time_of)

    def _matching(self, query: LogQuery) -> Iterable[LogRecord]:
        begin = bisect.bisect_left(self._records, query.start_ns, key=time_of)
        end = bisect.bisect_left(self._records, query.end_ns, key=time_of)
        return filter(predicate_of(query.condition), self._records[begin:end])

    async def search(self, query: LogQuery) -> LogPage:
        records = list(self._matching(query))
        if query.newest_first:
            records.reverse()
        if query.cursor is not None:
            records = beyond(records, query.cursor, newest_first=query.newest_first)
        page = records[: query.limit]
        if len(records) <= query.limit or not page:
            return LogPage(page)
        return LogPage(page, cursor_after(page, query.cursor))

    async def histogram(self, query: LogQuery, *, bucket_ns: int) -> list[LogBucket]:
        starts = bucket_starts(query, bucket_ns)
        counts: dict[int, Counter[str]] = {start: Counter() for start in starts}
        for record in self._matching(query):
            counts[record.time_ns // bucket_ns * bucket_ns][severity_range(record.severity_number)] += 1
        return [LogBucket(start, dict(counts[start])) for start in starts]

    async def top_values(self, field: str, query: LogQuery, *, limit: int = 10) -> list[tuple[str, int]]:
        return commonest(Counter(filter(None, map(field_text(field), self._matching(query)))), limit)

    async def fields(self, query: LogQuery, *, limit: int = 100) -> list[tuple[str, int]]:
        counts: Counter[str] = Counter()
        for record in self._matching(query):
            counts.update(f"attributes.{key}" for key in record.attributes)
            counts.update(f"resource.{key}" for key in record.resource.attributes)
        return commonest(counts, limit)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def rows(self) -> int:
        """Records held."""
        return len(self._records)

    def stretch_ns(self) -> tuple[int, int]:
        """(oldest, newest) time held, (0, 0) where there is nothing."""
        return (self._records[0].time_ns, self._records[-1].time_ns) if self._records else (0, 0)

    def drop_before(self, time_ns: int) -> None:
        """Remove everything older than this time."""
        del self._records[: bisect.bisect_left(self._records, time_ns, key=time_of)]


def time_of(record: LogRecord) -> int:
    """By what records are kept in order."""
    return record.time_ns


def beyond(records: list[LogRecord], cursor: LogCursor, *, newest_first: bool) -> list[LogRecord]:
    """Those of the ordered records that stand after the cursor."""
    sign = -1 if newest_first else 1
    begin = bisect.bisect_left(records, sign * cursor.time_ns, key=lambda record: sign * record.time_ns)
    end = bisect.bisect_right(records, sign * cursor.time_ns, key=lambda record: sign * record.time_ns)
    return records[min(begin + cursor.skip, end) :]


def commonest(counts: Counter[str], limit: int) -> list[tuple[str, int]]:
    """The largest counts, equal ones by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
