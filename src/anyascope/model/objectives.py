"""Service level objectives as they are told: what was promised, and which burns alert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """While the budget burns faster than `factor` over the long window, and still does over the short one."""

    severity: str
    factor: float
    long_window: str
    short_window: str


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective of a rule file.

    Attributes:
        objective_ratio: the wanted share of good events, 0 to 1.
        window: as it is written, such as `30d` or `1008 blocks`; `window_s` is how long that takes on average.
        total, bad, good: selectors of counters; one of `bad` and `good` is empty.
        by: labels whose values have a budget each.
        line: where it stands in its file, from 1.
    """

    name: str
    objective_ratio: float
    window: str
    window_s: int
    total: str
    bad: str
    good: str
    by: tuple[str, ...]
    burns: tuple[BurnAlert, ...]
    line: int
