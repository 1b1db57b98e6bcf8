"""`prometheus_client`'s own steps, without its checks of what was checked before.

An operation asks for three children and leaves two exemplars: with all checks that is a tenth of what an operation costs its
caller. A version of `prometheus_client` that is laid out in another way, and what only looks like a metric, are asked as always.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.samples import Exemplar

Pointer = dict[str, str] | None
"""An exemplar's labels, of which `anyascope.sdk.metrics.exemplars` has made sure."""


def counter_of(metric: Counter, *labels: str) -> Counter:
    """`metric.labels(*labels)`, where the labels are plain texts."""
    child: Counter = _child(metric, labels)
    return child


def histogram_of(metric: Histogram, *labels: str) -> Histogram:
    """The same of a histogram."""
    child: Histogram = _child(metric, labels)
    return child


def gauge_of(metric: Gauge, *labels: str) -> Gauge:
    """The same of a gauge."""
    child: Gauge = _child(metric, labels)
    return child


def count(counter: Counter, pointer: Pointer) -> None:
    """`counter.inc(exemplar=pointer)`."""
    leave: Any = getattr(getattr(counter, "_value", None), "set_exemplar", None) if pointer else None
    if leave is None:
        counter.inc(exemplar=pointer)
        return
    counter.inc()
    leave(Exemplar(pointer or {}, 1, time.time()))


def observe(histogram: Histogram, amount: float, pointer: Pointer) -> None:
    """`histogram.observe(amount, pointer)`; `amount` is a number."""
    bounds: Any = getattr(histogram, "_upper_bounds", None) if pointer else None
    buckets: Any = getattr(histogram, "_buckets", None)
    if not bounds or not buckets:
        histogram.observe(amount, pointer)
        return
    histogram.observe(amount)
    buckets[bisect_left(bounds, amount)].set_exemplar(Exemplar(pointer or {}, amount, time.time()))


def _child(metric: Any, labels: tuple[str, ...]) -> Any:
    try:
        # The parent's dictionary rather than one of ours: a host may `remove` and `clear` children.
        return metric._metrics[labels]  # noqa: SLF001
    except (AttributeError, KeyError, TypeError):
        return metric.labels(*labels)
