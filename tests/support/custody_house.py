"""Reconciliation over stores in memory and a hand-turned clock, told what services and nodes would tell it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.custody.figures import UNMATCHED
from anyascope.custody.options import CustodyOptions
from anyascope.custody.reconciliation import Doors, Reconciliation
from anyascope.errors import UnavailableError
from anyascope.model.labels import METRIC_NAME
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import Admission
from anyascope.store.documents.memory import MemoryDocuments
from anyascope.store.memory.logs import MemoryLogs

HOT = "hot"


def txid(number: int) -> str:
    """A transaction's id."""
    return f"{number:064x}"


def audit(action: str, phase: str, *, outcome: str = "", **more: Any) -> dict[str, Any]:
    """The attributes of an audit event as the SDK writes them; `__` in a name stands for a dot."""
    said = {"audit.action": action, "audit.phase": phase, "event.name": f"audit.{action}.{phase}"}
    if outcome:
        said["audit.outcome"] = outcome
    return said | {name.replace("__", "."): value for name, value in more.items() if value is not None}


def node_event(
    event: str, *, number: int, amount: int, wallet: str, at_ns: int, coin: str = "", **more: Any
) -> LogRecord:
    """A record of the Bitcoin collector about one of our transactions."""
    return LogRecord(
        at_ns,
        "",
        event_name=f"bitcoin.transaction.{event}",
        correlation_id=txid(number),
        stream="bitcoin",
        attributes={
            "bitcoin.node": coin or "core",
            **({"bitcoin.coin": coin} if coin else {}),
            "bitcoin.chain": "regtest",
            "bitcoin.wallet": wallet,
            "bitcoin.transaction.id": txid(number),
            "bitcoin.transaction.direction": "withdrawal",
            "bitcoin.transaction.amount_sats": amount,
            "bitcoin.transaction.fee_sats": 200,
            "bitcoin.transaction.spends_ours": True,
            "bitcoin.transaction.in_block": False,
            **{f"bitcoin.transaction.{name}": value for name, value in more.items()},
        },
    )


class Pipe:
    """Intake and Arrivals over a store: what is taken is stored, then told to those who listen."""

    def __init__(self, logs: MemoryLogs) -> None:
        self._logs = logs
        self.listeners: list[Any] = []
        self.batches: list[Any] = []
        self.error: UnavailableError | None = None

    async def logs(self, batches: list[LogBatch], *, source: str) -> Admission:
        del source
        if self.error is not None:
            raise self.error
        await self._logs.write_logs(batches)
        for listener in list(self.listeners):
            listener(batches)
        return Admission(sum(map(len, batches)))

    async def metrics(self, batch: Any, *, source: str) -> Admission:
        del source
        if self.error is not None:
            raise self.error
        self.batches.append(batch)
        return Admission(batch.rows)

    async def spans(self, batches: Any, *, source: str) -> Admission:
        raise NotImplementedError

    def on_logs(self, listener: Any) -> Any:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    on_metrics = on_spans = on_logs


@dataclass
class CustodyHouse:
    """The room with its stores; `kill` and `start` are a crash and the next process."""

    options: CustodyOptions = field(default_factory=lambda: CustodyOptions(is_on=True))
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryLogs(clock=self.clock)
        self.documents = MemoryDocuments(clock=self.clock)
        self.pipe = Pipe(self.store)
        self.room: Reconciliation | None = None
        self.coins: dict[str, str] = {}

    async def start(self) -> None:
        doors = Doors(self.pipe, self.pipe, self.store, self.documents, coins=self._coins_of_nodes)
        self.room = Reconciliation(doors, options=self.options, clock=self.clock, registry=CollectorRegistry())
        await self.room.start()
        await self.clock.advance(0)

    async def _coins_of_nodes(self) -> dict[str, str]:
        return self.coins

    async def kill(self) -> None:
        assert self.room is not None
        await self.room.stop()
        self.room = None

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    # --- what services tell -------------------------------------------------------------------------------------------

    async def tell(self, correlation_id: str, said: dict[str, Any], *, at_s: float = 0.0) -> None:
        at_ns = self.clock.now_ns() + round(at_s * NS_PER_S)
        await self.put(LogRecord(at_ns, "", attributes=said, correlation_id=correlation_id, stream="otlp"))

    async def put(self, record: LogRecord) -> None:
        batch = LogBatch(record.stream)
        batch.add(record)
        await self.pipe.logs([batch], source="test")
        await self.clock.advance(0)

    async def begins(
        self,
        cid: str,
        *,
        amount: int | None = 1_000,
        kind: str = "withdrawal",
        coin: str | None = None,
        at_s: float = 0.0,
    ) -> None:
        said = audit(kind, "intent", custody__operation=kind, amount_sats=amount, coin=coin)
        await self.tell(cid, said, at_s=at_s)

    async def step(self, cid: str, stage: str = "policy", *, outcome: str = "success", at_s: float = 0.0) -> None:
        said = audit(
            f"withdrawal.{stage}", "event", outcome=outcome, custody__operation="withdrawal", custody__stage=stage
        )
        await self.tell(cid, said, at_s=at_s)

    async def signs(
        self, cid: str, *, outcome: str = "success", key: str = "k", name: str | None = None, at_s: float = 0.0
    ) -> None:
        """`name` is that of the signature, where the signer says it."""
        said = audit(
            "hsm_operation", "outcome", outcome=outcome, operation="sign", audit__resource=key, signature_name=name
        )
        await self.tell(cid, said, at_s=at_s)

    async def names(self, cid: str, number: int, *, at_s: float = 0.0) -> None:
        said = audit("withdrawal.transaction", "event", custody__operation="withdrawal", transaction_id=txid(number))
        await self.tell(cid, said, at_s=at_s)

    async def ends(self, cid: str, outcome: str, *, at_s: float = 0.0) -> None:
        said = audit("withdrawal", "outcome", outcome=outcome, custody__operation="withdrawal")
        await self.tell(cid, said, at_s=at_s)

    async def asks(
        self, cid: str, number: int, *, amount: int | None = 1_000, coin: str | None = None, at_s: float = 0.0
    ) -> None:
        """All that an honest withdrawal tells before its broadcast."""
        await self.begins(cid, amount=amount, coin=coin, at_s=at_s)
        await self.step(cid, at_s=at_s)
        await self.signs(cid, at_s=at_s)
        await self.names(cid, number, at_s=at_s)

    # --- what nodes tell ----------------------------------------------------------------------------------------------

    async def sees(
        self,
        number: int,
        *,
        amount: int = 1_000,
        wallet: str = HOT,
        event: str = "seen",
        at_s: float = 0.0,
        coin: str = "",
        **more: Any,
    ) -> None:
        at_ns = self.clock.now_ns() + round(at_s * NS_PER_S)
        record = node_event(event, number=number, amount=amount, wallet=wallet, at_ns=at_ns, coin=coin, **more)
        await self.put(record)

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Events that are stored, oldest first: what, which transaction, what it lacks."""
        return [
            (
                record.event_name.removeprefix("custody.spend."),
                str(record.attributes["bitcoin.transaction.id"]).lstrip("0"),
                tuple(record.attributes["custody.spend.lacks"]),
            )
            for record in self.store._records
            if record.stream == "custody"
        ]

    def states(self) -> list[tuple[str, str]]:
        return [(what, number) for what, number, _ in self.told()]

    def series(self) -> dict[tuple[tuple[str, str], ...], float]:
        """The last stored value of each series; ended ones are gone."""
        found: dict[tuple[tuple[str, str], ...], float] = {}
        for batch in self.pipe.batches:
            samples = batch.samples
            for row, value in zip(samples.rows, samples.values, strict=True):
                found[samples.series[row]] = float(value)
        return {labels: value for labels, value in found.items() if not math.isnan(value)}

    def paging(self) -> dict[str, str]:
        """Transaction -> what it lacks, of the series that page."""
        series = [dict(labels) for labels, value in self.series().items() if value == 1]
        return {one["txid"].lstrip("0"): one["lacks"] for one in series if one[METRIC_NAME] == UNMATCHED}

    def value(self, name: str, **labels: str) -> float | None:
        wanted = {METRIC_NAME: name, **labels}
        found = [value for one, value in self.series().items() if wanted.items() <= dict(one).items()]
        return found[0] if len(found) == 1 else None


@contextlib.asynccontextmanager
async def running_house() -> AsyncIterator[CustodyHouse]:
    """A house whose room runs, until the end."""
    house = CustodyHouse()
    await house.start()
    yield house
    if house.room is not None:
        await house.kill()
