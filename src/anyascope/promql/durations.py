"""Arithmetic in durations: `[5m * 2]`, `offset (step() / 2)`.

Source: Prometheus, "PromQL arithmetic expressions in time durations".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from anyascope.clock import MS_PER_S
from anyascope.promql.errors import QueryError

SECONDS_MAX = 2.0**63 / 1e9  # Go's nanoseconds in 64 bits


@dataclass(frozen=True, slots=True)
class StepLength:
    """`step()` or `range()`: known once the query's steps are."""

    name: str


@dataclass(frozen=True, slots=True)
class Computed:
    """An operator or `min_of`, `max_of`, between two lengths."""

    operator: str
    left: Length
    right: Length


Length: TypeAlias = float | StepLength | Computed
"""Seconds, or how they are computed."""


def _power(left: float, right: float) -> float:
    try:
        found = math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
    return found


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": math.fmod,
    "^": _power,
    "min_of": min,
    "max_of": max,
}


def computed(operator: str, left: Length, right: Length) -> Length:
    """Two lengths combined, at once where both are known.

    Raises:
        QueryError: a division by zero.
    """
    if operator in {"/", "%"} and right == 0:
        raise QueryError("division by zero" if operator == "/" else "modulo by zero")
    if isinstance(left, float) and isinstance(right, float):
        return _OPERATIONS[operator](left, right)
    return Computed(operator, left, right)


def milliseconds_of(length: Length, *, step_ms: int, range_ms: int, is_positive: bool) -> int:
    """How long that is in a query with these steps, over this range.

    Raises:
        QueryError: it is no length, or none that may stand there.
    """
    seconds = _seconds(length, {"step": step_ms / MS_PER_S, "range": range_ms / MS_PER_S})
    if is_positive and not seconds > 0:
        raise QueryError("duration must be greater than 0")
    if not abs(seconds) <= SECONDS_MAX:
        raise QueryError("duration is out of range")
    return milliseconds(seconds)


def milliseconds(seconds: float) -> int:
    """The nearest whole number of milliseconds; halves away from zero."""
    return int(math.copysign(math.floor(abs(seconds) * MS_PER_S + 0.5), seconds))


def _seconds(length: Length, known: dict[str, float]) -> float:
    match length:
        case StepLength(name=name):
            return known[name]
        case Computed(operator=operator, left=left, right=right):
            found = computed(operator, _seconds(left, known), _seconds(right, known))
            assert isinstance(found, float)
            return found
        case _:
            return length
