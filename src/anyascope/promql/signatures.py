"""Which functions there are, what they take and give, and which of them must be enabled.

Source: Prometheus, `promql/parser/functions.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anyascope.promql.result import ResultKind

ANY = -1  # as many more arguments as one likes


class Feature(StrEnum):
    """What is off until it is enabled, under Prometheus' names."""

    EXPERIMENTAL_FUNCTIONS = "promql-experimental-functions"
    DURATION_EXPRESSIONS = "promql-duration-expr"
    EXTENDED_RANGES = "promql-extended-range-selectors"
    FILL = "promql-binop-fill-modifiers"
    DELAYED_NAME_REMOVAL = "promql-delayed-name-removal"


EVERY_FEATURE = frozenset(Feature)


def feature_of(text: str) -> Feature:
    """The feature of this name.

    Raises:
        ValueError: there is none.
    """
    try:
        return Feature(text)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Feature)}, got {text!r}") from None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives.

    Attributes:
        arguments: their kinds; where there may be more than these, the last kind repeats.
        returns: the kind of the value.
        optional: how many more arguments than all but the last there may be (`ANY` has no bound); 0 wants exactly those.
        is_experimental: whether it must be enabled.
    """

    arguments: tuple[ResultKind, ...]
    returns: ResultKind = ResultKind.VECTOR
    optional: int = 0
    is_experimental: bool = False

    def wrong_count(self, name: str, count: int) -> str:
        """What is wrong with a call with so many arguments; empty if nothing."""
        wanted = len(self.arguments)
        if not self.optional:
            return f'expected {wanted} argument(s) in call to "{name}", got {count}' if count != wanted else ""
        least, most = wanted - 1, wanted - 1 + self.optional
        if count < least:
            return f'expected at least {least} argument(s) in call to "{name}", got {count}'
        if self.optional > 0 and count > most:
            return f'expected at most {most} argument(s) in call to "{name}", got {count}'
        return ""

    def kind_at(self, index: int) -> ResultKind | None:
        """The kind that an argument must have; None where nobody asks."""
        if index < len(self.arguments):
            return self.arguments[index]
        return self.arguments[-1] if self.optional else None


_V, _S, _M, _T = ResultKind.VECTOR, ResultKind.SCALAR, ResultKind.MATRIX, ResultKind.STRING

_OF_A_VECTOR = """
    abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count
    histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp
"""
_OF_A_RANGE = """
    absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time
    max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time
"""
_OF_A_RANGE_EXPERIMENTAL = """
    first_over_time mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time
"""
_CALENDAR = "day_of_month day_of_week day_of_year days_in_month hour minute month year"

FUNCTIONS: dict[str, Signature] = {
    **dict.fromkeys(_OF_A_VECTOR.split(), Signature((_V,))),
    **dict.fromkeys(_OF_A_RANGE.split(), Signature((_M,))),
    **dict.fromkeys(_OF_A_RANGE_EXPERIMENTAL.split(), Signature((_M,), is_experimental=True)),
    **dict.fromkeys(_CALENDAR.split(), Signature((_V,), optional=1)),
    "clamp": Signature((_V, _S, _S)),
    "clamp_max": Signature((_V, _S)),
    "clamp_min": Signature((_V, _S)),
    "double_exponential_smoothing": Signature((_M, _S, _S), is_experimental=True),
    "end": Signature((), _S, is_experimental=True),
    "histogram_fraction": Signature((_S, _S, _V)),
    "histogram_quantile": Signature((_S, _V)),
    "histogram_quantiles": Signature((_V, _T, _S, _S), optional=9, is_experimental=True),
    "info": Signature((_V, _V), optional=1, is_experimental=True),
    "label_join": Signature((_V, _T, _T, _T), optional=ANY),
    "label_replace": Signature((_V, _T, _T, _T, _T)),
    "max_of": Signature((_S, _S), _S, is_experimental=True),
    "min_of": Signature((_S, _S), _S, is_experimental=True),
    "pi": Signature((), _S),
    "predict_linear": Signature((_M, _S)),
    "quantile_over_time": Signature((_S, _M)),
    "range": Signature((), _S, is_experimental=True),
    "round": Signature((_V, _S), optional=1),
    "scalar": Signature((_V,), _S),
    "sort_by_label": Signature((_V, _T), optional=ANY, is_experimental=True),
    "sort_by_label_desc": Signature((_V, _T), optional=ANY, is_experimental=True),
    "start": Signature((), _S, is_experimental=True),
    "start_timestamp": Signature((_V,), is_experimental=True),
    "step": Signature((), _S, is_experimental=True),
    "time": Signature((), _S),
    "vector": Signature((_S,)),
}
EXPERIMENTAL_AGGREGATIONS = frozenset({"limitk", "limit_ratio"})
