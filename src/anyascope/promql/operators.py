"""What operators make of two numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anyascope.promql.columns import Bools, Floats

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,  # the sign of the left operand, as Go's math.Mod
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def compute(operator: str, left: Floats, right: Floats) -> tuple[Floats, Bools | None]:
    """The result of an operator, and of a comparison where it holds (its result is the left operand)."""
    with np.errstate(all="ignore"):
        if operator in ARITHMETIC:
            return ARITHMETIC[operator](left, right), None
        return left, COMPARISON[operator](left, right)
