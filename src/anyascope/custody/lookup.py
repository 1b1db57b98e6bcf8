"""Finds in the log store what was put on record before it was listened to: an offline signature of days ago, a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import replace

from anyascope.clock import NS_PER_S
from anyascope.custody.evidence import (
    AUDIT_ACTION,
    NODE_STREAM,
    SPENT_EVENTS,
    TRANSACTION,
    Sight,
    evidence_of,
    sight_of,
)
from anyascope.custody.nouns import Evidence, Spend
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import AllOf, AnyOf, Condition, FieldEquals, FieldExists, LogQuery, LogReader

PAGE = 1_000  # records a read
RECORDS_MAX = 10_000  # of one question: twice what an operation with the most inputs leaves
JOINED_MAX = 200  # operations that one transaction carries out; a batch of more outputs is told as it stands
AHEAD_NS = 3_600 * NS_PER_S  # how far the clock of a service may be ahead of ours, for its records to be found

_ON_RECORD = AnyOf(
    (
        FieldExists(f"attributes.{AUDIT_ACTION}"),
        FieldExists(f"attributes.{TRANSACTION}"),
        *(FieldEquals("event_name", name) for name in sorted(SPENT_EVENTS)),
    )
)


class Lookup:
    """Asks the log store.

    Each method raises `UnavailableError` where the store cannot be read.
    """

    def __init__(self, logs: LogReader) -> None:
        self._logs = logs

    async def evidence(self, spend: Spend, inherited: Collection[str], *, horizon_s: float) -> list[Evidence]:
        """Everything on record under the correlation ids that named this spend, or the one that it replaces.

        Args:
            inherited: correlation ids that are asked for in any case.
        """
        start_ns, end_ns = spend.seen_ns - int(horizon_s * NS_PER_S), spend.seen_ns + AHEAD_NS
        txids = [txid for txid in (spend.txid, spend.replaces) if txid]
        naming = AnyOf(tuple(FieldEquals(f"attributes.{TRANSACTION}", txid) for txid in txids))
        joined = set(inherited)
        async for record in self._records(naming, start_ns, end_ns):
            if record.correlation_id and len(joined) < JOINED_MAX:
                joined.add(record.correlation_id)
        if not joined:
            return []
        of_these = AnyOf(tuple(FieldEquals("correlation_id", each) for each in sorted(joined)))
        return [
            found
            async for record in self._records(AllOf((of_these, _ON_RECORD)), start_ns, end_ns)
            for found in evidence_of(record)
        ]

    async def sights(self, *, start_ns: int, end_ns: int) -> AsyncIterator[Sight]:
        """The spends that nodes told of between two times, oldest first."""
        ours = AllOf(
            (FieldEquals("stream", NODE_STREAM), FieldEquals("attributes.bitcoin.transaction.spends_ours", "true"))
        )
        async for record in self._records(ours, start_ns, end_ns, records_max=None):
            if (sight := sight_of(record)) is not None:
                yield sight

    async def is_told(self, names: Iterable[str], txid: str, *, start_ns: int, end_ns: int) -> bool:
        """Whether one of these events of ours is stored for a transaction."""
        events = AnyOf(tuple(FieldEquals("event_name", name) for name in names))
        about = FieldEquals("attributes.bitcoin.transaction.id", txid)
        async for _ in self._records(AllOf((events, about)), start_ns, end_ns, records_max=1):
            return True
        return False

    async def _records(
        self, condition: Condition, start_ns: int, end_ns: int, *, records_max: int | None = RECORDS_MAX
    ) -> AsyncIterator[LogRecord]:
        limit = PAGE if records_max is None else min(PAGE, records_max)
        is_rare = records_max is not None  # found by what only a few records carry
        query = LogQuery(condition, max(start_ns, 0), end_ns, limit=limit, newest_first=False, is_rare=is_rare)
        count = 0
        while True:
            page = await self._logs.search(query)
            for record in page.records:
                yield record
            count += len(page.records)
            if page.cursor is None or (records_max is not None and count >= records_max):
                return
            query = replace(query, cursor=page.cursor)
