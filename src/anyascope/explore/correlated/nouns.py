"""What following one operation speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from anyascope.explore.correlated.kinds import EntryKind
from anyascope.model.logs import LogRecord
from anyascope.model.metrics import Exemplar
from anyascope.model.traces import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened.

    Attributes:
        at_ns: of a span, when it began.
        source: the service, job or component that told it.
        duration_ns: of a span; None of all else.
        correlation_id: that it carries; a transaction's id where a node told it.
        metric: of a measurement, its series' name.
        trace_id, span_id, alert_id: hex, empty where it has none.
    """

    at_ns: int
    kind: EntryKind
    title: str
    detail: str
    source: str
    is_bad: bool
    duration_ns: int | None = None
    correlation_id: str = ""
    metric: str = ""
    trace_id: str = ""
    span_id: str = ""
    alert_id: str = ""


class StageName(Enum):
    """The stages of a custody operation, in their order."""

    REQUEST = "request"
    APPROVAL = "approval"
    SIGNING = "signing"
    BROADCAST = "broadcast"
    CONFIRMATION = "confirmation"


class StageState(Enum):
    """How a stage stands: `OPEN` has begun, `MISSING` was passed over by a later one, `WAITING` may still come."""

    DONE = "done"
    FAILED = "failed"
    OPEN = "open"
    MISSING = "missing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        at_ns: when it began; 0 where it did not.
        took_ns: from the end of the stage before, so that what a person took to approve counts; None of the first.
        detail: who, which block, how many confirmations.
    """

    name: StageName
    state: StageState
    at_ns: int = 0
    took_ns: int | None = None
    detail: str = ""


class SetbackKind(Enum):
    """What did not go straight on."""

    FAILED = "failed"
    STUCK = "stuck"
    REORGED = "reorged"
    REPLACED = "replaced"
    CONFLICTED = "conflicted"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Setback:
    """A stage that failed, or what became of a transaction on its way into the chain.

    Attributes:
        txid: empty where it is no transaction's.
        is_over: whether it was made good: tried again and done, mined again, freed, replaced by one that was mined.
    """

    kind: SetbackKind
    at_ns: int
    txid: str
    detail: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the stores hold of an operation.

    Attributes:
        ids: correlation ids and transactions that belong together, the one asked for first.
        records: the oldest first.
    """

    ids: Sequence[str]
    records: Sequence[LogRecord] = ()
    spans: Sequence[Span] = ()
    exemplars: Sequence[Exemplar] = ()
