"""What the own API answers about one operation across signals; see `own_api`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anyascope.wire.own_api import AlertView
from anyascope.wire.own_custody import SpendView
from anyascope.wire.own_traces import TraceSummaryView


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """A stage of a custody operation.

    Attributes:
        state: `open` has begun, `missing` was passed over by a later one, `waiting` may still come.
        at: when it began; null where it did not.
        took_ns: from the end of the stage before; null of the first.
    """

    name: Literal["request", "approval", "signing", "broadcast", "confirmation"]
    state: Literal["done", "failed", "open", "missing", "waiting"]
    at: str | None
    took_ns: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetbackView:
    """What did not go straight on: a stage that failed, or what became of a transaction. `is_over`: it was made good."""

    kind: Literal["failed", "stuck", "reorged", "replaced", "conflicted", "abandoned"]
    at: str
    txid: str
    detail: str
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """Something that happened; ids are empty and the duration is null where there is none."""

    at: str
    kind: Literal["span", "log", "audit", "custody", "chain", "metric", "alert"]
    source: str
    title: str
    detail: str
    is_bad: bool
    duration_ns: int | None
    correlation_id: str
    metric: str
    trace_id: str
    span_id: str
    alert_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureView:
    """A series that names a transaction of the operation, and its newest sample."""

    labels: dict[str, str]
    at: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """How much of one kind of data is in the answer.

    Attributes:
        state: `whole`; `cut` where there is more than is given; `late` where the store did not answer in time; `failed`.
        detail: what is missing and why, in words; empty of `whole`.
    """

    name: Literal["logs", "traces", "spends", "metrics"]
    state: Literal["whole", "cut", "late", "failed"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationView:
    """One operation.

    Attributes:
        ids: correlation ids and transactions that belong together, the one asked for first.
        outcome: how it ended by its own word; empty while it is under way, or where it never says.
        is_under_way: whether more may come.
        stages: in their order; empty where it is no custody operation.
        setbacks, entries: the oldest first.
        traces: the newest first.
        alerts: that carry one of the ids, or name one; the most severe first.
        spends: how its transactions compare with what was asked for.
        parts: how complete the answer is.
    """

    ids: list[str]
    outcome: str
    is_under_way: bool
    stages: list[StageView]
    setbacks: list[SetbackView]
    entries: list[EntryView]
    traces: list[TraceSummaryView]
    alerts: list[AlertView]
    spends: list[SpendView]
    figures: list[FigureView]
    parts: list[PartView]
