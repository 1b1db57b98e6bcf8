"""How much is kept on disk, and for how long: whole partitions are dropped, the rest is cut by time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.errors import UnavailableError
from anyascope.store.api.retention import RetentionPolicy, SignalUsage
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.metrics import ChdbMetrics
from anyascope.store.chdb.snapshots import Snapshots

NS_PER_DAY = 86_400 * NS_PER_S
CUT_SLACK_NS = NS_PER_DAY  # what is older than its bound by less waits for its partition: a cut rewrites the rest
CLEAN_POLL_S = 0.2  # between two looks at deletions that run
CLEAN_AGAIN_S = 60.0  # one that fails is tried again by the engine; a person should look meanwhile
CUTS_MAX = 20  # steps towards a bound on bytes in one run; the next run goes on


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds telemetry.

    Attributes:
        column: its time.
        unit_ns: of that column.
        days: that one of its partitions covers.
    """

    name: str
    column: str
    unit_ns: int
    days: int


SAMPLES = Table("samples", "time_ms", NS_PER_MS, 7)
HISTOGRAMS = Table("histograms", "time_ms", NS_PER_MS, 7)
EXEMPLARS = Table("exemplars", "time_ms", NS_PER_MS, 7)
LOGS = Table("logs", "time_ns", 1, 1)
SPANS = Table("spans", "time_ns", 1, 1)
SIGNALS: Mapping[str, tuple[Table, ...]] = {
    "metrics": (SAMPLES, HISTOGRAMS, EXEMPLARS),
    "logs": (LOGS,),
    "traces": (SPANS,),
}
BESIDE: Mapping[str, tuple[str, ...]] = {  # tables that grow with the signal's variety, not with time
    "metrics": ("series", "series_seen", "metadata"),
    "logs": (),
    "traces": ("operations",),
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition on disk."""

    table: Table
    name: str  # its first day, YYYYMMDD
    disk_bytes: int

    @property
    def end_ns(self) -> int:
        """When the time that it covers ends, exclusive."""
        day = dt.datetime.strptime(self.name, "%Y%m%d").replace(tzinfo=dt.UTC)
        return int(day.timestamp()) * NS_PER_S + self.table.days * NS_PER_DAY


@dataclass(frozen=True, slots=True)
class Extent:
    """Rows of a table and the stretch of time that they cover; (0, 0) where there is none."""

    rows: int
    oldest_ns: int
    newest_ns: int


class ChdbKeeper:
    """A `StoreKeeper` over the engine's tables."""

    def __init__(self, engine: Engine, metrics: ChdbMetrics, *, snapshots: Snapshots, clock: Clock) -> None:
        self._engine = engine
        self._metrics = metrics
        self._snapshots = snapshots
        self._clock = clock

    async def usage(self) -> Mapping[str, SignalUsage]:
        table = await self._engine.ask("usage")
        disk_bytes = dict(zip(table["table"].to_pylist(), table["disk_bytes"].to_pylist(), strict=True))
        usage: dict[str, SignalUsage] = {}
        for signal, tables in SIGNALS.items():
            extents = [await self._extent(each) for each in tables]
            filled = [extent for extent in extents if extent.rows]
            names = [each.name for each in tables] + list(BESIDE[signal])
            if signal == "metrics":
                filled += self._waiting()
            usage[signal] = SignalUsage(
                rows=sum(extent.rows for extent in filled),
                disk_bytes=sum(disk_bytes.get(name, 0) for name in names),
                oldest_ns=min((extent.oldest_ns for extent in filled), default=0),
                newest_ns=max((extent.newest_ns for extent in filled), default=0),
            )
        return usage

    def _waiting(self) -> list[Extent]:
        """What is in the journal and not in the tables yet."""
        rows, oldest_ms, newest_ms = self._metrics.waiting_ms()
        return [Extent(rows, oldest_ms * NS_PER_MS, newest_ms * NS_PER_MS)] if rows else []

    async def _extent(self, table: Table) -> Extent:
        found = await self._engine.question(
            "extent",
            f"SELECT count() AS held, min({table.column}) AS oldest, max({table.column}) AS newest FROM {table.name}",  # noqa: S608
        )
        row = found.to_pylist()[0]
        return Extent(row["held"], row["oldest"] * table.unit_ns, row["newest"] * table.unit_ns)

    async def apply_retention(self, policies: Mapping[str, RetentionPolicy]) -> int:
        freed = 0
        if "metrics" in policies:
            await self._metrics.flush()
        for signal, tables in SIGNALS.items():
            policy = policies.get(signal)
            if policy is None:
                continue
            before = self._bytes(await self._partitions(tables))
            horizon_ns = self._clock.now_ns() - policy.age_days * NS_PER_DAY
            await self._drop_older(tables, horizon_ns)
            if policy.disk_bytes_max:
                await self._shrink(tables, policy.disk_bytes_max)
            freed += max(before - self._bytes(await self._partitions(tables)), 0)
            if signal == "metrics":
                await self._follow(horizon_ns)
        return freed

    async def _follow(self, horizon_ns: int) -> None:
        """Let memory forget what the disk no longer has."""
        extents = [await self._extent(table) for table in SIGNALS["metrics"]]
        oldest_ns = min((extent.oldest_ns for extent in extents if extent.rows), default=horizon_ns)
        await self._metrics.forget_before(max(horizon_ns, oldest_ns) // NS_PER_MS)

    async def _partitions(self, tables: Sequence[Table]) -> list[Partition]:
        """The partitions of these tables, the oldest first."""
        by_name = {table.name: table for table in tables}
        found = await self._engine.ask("partitions", {"tables": list(by_name)})
        columns = (found[name].to_pylist() for name in ("table", "partition_id", "disk_bytes")) if len(found) else ()
        rows = zip(*columns, strict=True)
        partitions = [Partition(by_name[name], partition, size) for name, partition, size in rows]
        return sorted(partitions, key=lambda partition: (partition.end_ns, partition.table.name))

    @staticmethod
    def _bytes(partitions: Sequence[Partition]) -> int:
        return sum(partition.disk_bytes for partition in partitions)

    async def _drop_older(self, tables: Sequence[Table], horizon_ns: int) -> None:
        for partition in await self._partitions(tables):
            if partition.end_ns <= horizon_ns:
                await self._drop(partition)
        for table in tables:
            extent = await self._extent(table)
            if extent.rows and extent.oldest_ns < horizon_ns - CUT_SLACK_NS:
                await self._cut(table, horizon_ns)

    async def _shrink(self, tables: Sequence[Table], disk_bytes_max: int) -> None:
        for _ in range(CUTS_MAX):
            partitions = await self._partitions(tables)
            excess = self._bytes(partitions) - disk_bytes_max
            if excess <= 0:
                return
            oldest, newest_end_ns = partitions[0], partitions[-1].end_ns
            if oldest.end_ns < newest_end_ns:
                await self._drop(oldest)
                continue
            # Only the newest partitions are left: cut the oldest part of the largest table.
            largest = max(partitions, key=lambda partition: partition.disk_bytes)
            extent = await self._extent(largest.table)
            share = min(excess / largest.disk_bytes, 1.0)
            cut_ns = extent.oldest_ns + round((extent.newest_ns + 1 - extent.oldest_ns) * share) + largest.table.unit_ns
            await self._cut(largest.table, cut_ns)

    async def _drop(self, partition: Partition) -> None:
        assert partition.name.isdigit()
        await self._engine.command(f"ALTER TABLE {partition.table.name} DROP PARTITION ID '{partition.name}'")

    async def _cut(self, table: Table, before_ns: int) -> None:
        """Remove rows by time, rewriting the parts that hold them."""
        await self._engine.command(
            f"ALTER TABLE {table.name} DELETE WHERE {table.column} < {before_ns // table.unit_ns:d}"
            " SETTINGS mutations_sync = 1"
        )

    def trouble(self) -> str:
        return self._metrics.trouble

    async def faults(self) -> list[str]:
        table = await self._engine.ask("detached")
        return [
            *self._metrics.found,
            *(
                f"part {row['name']} of table {row['table']} is damaged ({row['reason']}) and was set aside: its rows are missing"
                for row in table.to_pylist()
            ),
        ]

    async def clean(self) -> None:
        # A deletion answers after it has rewritten its parts: only one that a stop cut off may still be under way.
        while waiting := (await self._engine.ask("mutations")).to_pylist():
            failing = next((row for row in waiting if row["reason"]), None)
            if failing is not None:
                message = f"a deletion in table {failing['table']} fails: {failing['reason']}"
                raise UnavailableError(message, retry_after_s=CLEAN_AGAIN_S)
            await asyncio.sleep(CLEAN_POLL_S)

    async def snapshot(self, *, skips_head: bool = False) -> str:
        if not skips_head:
            await self._metrics.flush()
        return await self._snapshots.make()
