"""Pages and buckets of a log search, alike in every store."""

from __future__ import annotations

from collections.abc import Sequence

from anyascope.errors import InvalidInputError, LimitExceededError
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import BUCKETS_MAX, LogCursor, LogQuery


def cursor_after(page: Sequence[LogRecord], before: LogCursor | None) -> LogCursor:
    """The cursor that goes on after this page, which is not empty."""
    time_ns = page[-1].time_ns
    skip = sum(record.time_ns == time_ns for record in page)
    if before is not None and before.time_ns == time_ns:
        skip += before.skip
    return LogCursor(time_ns, skip)


def bucket_starts(query: LogQuery, bucket_ns: int) -> range:
    """The starts of the buckets that cover the query's stretch.

    Raises:
        InvalidInputError: `bucket_ns` is not positive.
        LimitExceededError: they would be more than BUCKETS_MAX.
    """
    if bucket_ns <= 0:
        raise InvalidInputError(f"bucket_ns must be positive, got {bucket_ns}")
    starts = range(query.start_ns // bucket_ns * bucket_ns, query.end_ns, bucket_ns)
    if len(starts) > BUCKETS_MAX:
        raise LimitExceededError(f"a histogram has at most {BUCKETS_MAX} buckets, asked for {len(starts)}")
    return starts
