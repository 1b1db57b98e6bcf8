"""The service's own memory, a SQLite file that both processes share: what was asked for and how far it came."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

BUSY_S = 10.0  # the other process writes for milliseconds
CONFIRMATIONS_FINAL = 3

SCHEMA = """
create table if not exists withdrawals (
    id text primary key,
    wallet_id text not null,
    address text not null,
    amount_sat integer not null,
    state text not null,
    reason text not null default '',
    context text not null default '',
    signed text not null default '',
    txid text not null default '',
    confirmations integer not null default 0,
    block_hash text not null default '',
    changed_s real not null
);
create table if not exists deposits (
    txid text not null,
    wallet_id text not null,
    amount_sat integer not null,
    confirmations integer not null,
    context text not null,
    primary key (txid, wallet_id)
);
create table if not exists failures (part text primary key, ratio real not null, delay_s real not null);
"""


class State(Enum):
    """How far a withdrawal has come."""

    REQUESTED = "requested"
    AWAITS_APPROVAL = "awaits_approval"
    SIGNED = "signed"  # not known to be on its way yet
    BROADCAST = "broadcast"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One withdrawal.

    Attributes:
        context: the custody operation's durable context, by which any process goes on with its trace.
        signed: the signed transaction, written before it is sent: after a crash it is sent again, never signed again.
        block_hash: the block that it was last seen in; another one means a reorganisation.
    """

    id: str
    wallet_id: str
    address: str
    amount_sat: int
    state: State
    reason: str = ""
    context: str = ""
    signed: str = ""
    txid: str = ""
    confirmations: int = 0
    block_hash: str = ""
    changed_s: float = 0.0


class Part(Enum):
    """What can be made to fail."""

    POLICY = "policy"
    SIGNER = "signer"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Failure:
    """How a part misbehaves: which share of its calls fails, and how much slower all of them are."""

    part: Part
    ratio: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that came in."""

    txid: str
    wallet_id: str
    amount_sat: int
    confirmations: int
    context: str


_WITHDRAWAL = ", ".join(field.name for field in fields(Withdrawal))


def _withdrawal_of(row: tuple[Any, ...]) -> Withdrawal:
    columns = dict(zip((field.name for field in fields(Withdrawal)), row, strict=True))
    return Withdrawal(**{**columns, "state": State(columns["state"])})


class Book:
    """Reads and writes the file; every method is one transaction of microseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as store:
            store.execute("pragma journal_mode = wal")
            store.executescript(SCHEMA)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)

    def add_withdrawal(self, *, wallet_id: str, address: str, amount_sat: int, context: str) -> Withdrawal:
        """A new withdrawal, written."""
        new = Withdrawal(str(uuid.uuid4()), wallet_id, address, amount_sat, State.REQUESTED, context=context)
        with closing(self._open()) as store:
            store.execute(
                "insert into withdrawals (id, wallet_id, address, amount_sat, state, context, changed_s)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (new.id, wallet_id, address, amount_sat, new.state.value, context, time.time()),
            )
        return new

    def change(self, withdrawal_id: str, **columns: Any) -> Withdrawal:
        """Write some columns of a withdrawal and give it as it is then."""
        known = {name: value.value if isinstance(value, State) else value for name, value in columns.items()}
        known["changed_s"] = time.time()
        assignments = ", ".join(f"{name} = ?" for name in known)
        with closing(self._open()) as store:
            store.execute(f"update withdrawals set {assignments} where id = ?", (*known.values(), withdrawal_id))  # noqa: S608 -- names are the code's own
        found = self.withdrawal(withdrawal_id)
        assert found is not None
        return found

    def withdrawal(self, withdrawal_id: str) -> Withdrawal | None:
        """One withdrawal, or None."""
        found = self._withdrawals("where id = ?", (withdrawal_id,))
        return found[0] if found else None

    def withdrawals(self, *states: State, limit: int = 1_000) -> Sequence[Withdrawal]:
        """Those in one of these states, oldest first."""
        marks = ", ".join("?" for _ in states)
        chosen = tuple(state.value for state in states)
        return self._withdrawals(f"where state in ({marks}) order by changed_s limit ?", (*chosen, limit))

    def newest(self, limit: int = 20) -> Sequence[Withdrawal]:
        """What changed last, newest first."""
        return self._withdrawals("order by changed_s desc limit ?", (limit,))

    def _withdrawals(self, tail: str, values: tuple[Any, ...]) -> list[Withdrawal]:
        with closing(self._open()) as store:
            rows = store.execute(f"select {_WITHDRAWAL} from withdrawals {tail}", values).fetchall()  # noqa: S608 -- names are the code's own
        return [_withdrawal_of(row) for row in rows]

    def deposit(self, txid: str, wallet_id: str) -> Deposit | None:
        """A deposit that is known already, or None."""
        with closing(self._open()) as store:
            row = store.execute(
                "select txid, wallet_id, amount_sat, confirmations, context from deposits"
                " where txid = ? and wallet_id = ?",
                (txid, wallet_id),
            ).fetchone()
        return Deposit(*row) if row else None

    def keep_deposit(self, deposit: Deposit) -> None:
        """Write a deposit as it is now."""
        with closing(self._open()) as store:
            store.execute(
                "insert or replace into deposits values (?, ?, ?, ?, ?)",
                (deposit.txid, deposit.wallet_id, deposit.amount_sat, deposit.confirmations, deposit.context),
            )

    def failure(self, part: Part) -> Failure | None:
        """How a part was told to misbehave, or None."""
        with closing(self._open()) as store:
            row = store.execute("select ratio, delay_s from failures where part = ?", (part.value,)).fetchone()
        return Failure(part, *row) if row else None

    def order_failure(self, failure: Failure) -> None:
        """Let a part misbehave in both processes."""
        with closing(self._open()) as store:
            row = (failure.part.value, failure.ratio, failure.delay_s)
            store.execute("insert or replace into failures values (?, ?, ?)", row)

    def clear_failures(self) -> None:
        """Let every part behave."""
        with closing(self._open()) as store:
            store.execute("delete from failures")
