"""What the own API answers about service level objectives; see `own_api`."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.wire.own_api import AlertView


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnView:
    """A severity's alert: it fires while the budget burns faster than `factor` over both windows.

    Attributes:
        long_rate, short_rate: how fast it burns over them now; null where that is not known.
    """

    severity: str
    factor: float
    long_window: str
    short_window: str
    long_rate: float | None
    short_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """One budget: of the whole objective, or of one value of its `by` labels.

    Attributes:
        labels: that tell it from the others of the objective; empty where there is one.
        error_ratio: share of bad events in the window; null where nothing is known.
        remaining_ratio: of the budget; 1 untouched, 0 used up, negative when the objective is missed.
        covered_s: for how much of the window there are samples.
    """

    labels: dict[str, str]
    error_ratio: float | None
    remaining_ratio: float | None
    covered_s: float | None
    burns: list[BurnView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SloView:
    """An objective and how it stands.

    Attributes:
        window: as it is written; `window_s` is how long it is now, `window_blocks` of how many blocks (null where it is a time).
        total, bad, good: selectors; one of `bad` and `good` is empty.
        file, line: where it stands.
        error: why it cannot be judged; empty where it can.
        evaluated_at: null before the first evaluation.
        alerts: its burns that are pending, firing or lately resolved.
    """

    name: str
    objective_ratio: float
    window: str
    window_s: float
    window_blocks: float | None
    total: str
    bad: str
    good: str
    by: list[str]
    file: str
    line: int
    error: str
    evaluated_at: str | None
    budgets: list[BudgetView]
    alerts: list[AlertView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlosView:
    """Every objective of the rule files, in their order."""

    slos: list[SloView]
