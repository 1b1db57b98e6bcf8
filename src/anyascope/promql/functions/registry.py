"""Which kernel a function's name means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from anyascope.frames.histogram import NativeHistogram
from anyascope.promql.columns import Bools, Floats
from anyascope.promql.functions import counters, natives, over_time, regression
from anyascope.promql.values import Windows

Kernel: TypeAlias = Callable[[Windows, Sequence[Floats]], tuple[Floats, Bools]]
"""From a range vector and the scalars beside it (float64[steps] each) to values and where there are any."""

RANGE: dict[str, Kernel] = {
    "avg_over_time": over_time.avg_over_time,
    "changes": over_time.changes,
    "count_over_time": over_time.count_over_time,
    "delta": counters.delta,
    "deriv": regression.deriv,
    "double_exponential_smoothing": over_time.double_exponential_smoothing,
    "first_over_time": over_time.first_over_time,
    "idelta": counters.idelta,
    "increase": counters.increase,
    "irate": counters.irate,
    "last_over_time": over_time.last_over_time,
    "mad_over_time": over_time.mad_over_time,
    "max_over_time": over_time.max_over_time,
    "min_over_time": over_time.min_over_time,
    "present_over_time": over_time.present_over_time,
    "quantile_over_time": over_time.quantile_over_time,
    "rate": counters.rate,
    "resets": over_time.resets,
    "stddev_over_time": over_time.stddev_over_time,
    "stdvar_over_time": over_time.stdvar_over_time,
    "sum_over_time": over_time.sum_over_time,
    "ts_of_first_over_time": over_time.ts_of_first_over_time,
    "ts_of_last_over_time": over_time.ts_of_last_over_time,
    "ts_of_max_over_time": over_time.ts_of_max_over_time,
    "ts_of_min_over_time": over_time.ts_of_min_over_time,
}

# These act like an offset: what they give is a sample as it was stored.
NAME_KEEPING = frozenset({"last_over_time", "first_over_time"})

# Of one native histogram; of floats they make nothing.
OF_ONE_HISTOGRAM: dict[str, Callable[[NativeHistogram], float]] = {
    "histogram_avg": natives.average,
    "histogram_count": lambda histogram: histogram.count,
    "histogram_stddev": lambda histogram: natives.variance(histogram) ** 0.5,
    "histogram_stdvar": natives.variance,
    "histogram_sum": lambda histogram: histogram.sum,
}
