"""How long a custody operation's stages take, and how it ends.

Beside the metrics that every service has, these are registered where the first custody operation begins.
"""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from anyascope.sdk.metrics import AnyaMetrics, bounded_label, trace_exemplar

# A policy answers within a second, a person within hours, six confirmations within an hour, a cold wallet within days.
STAGE_BUCKETS_S = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0)


@dataclass(frozen=True, slots=True)
class _Metrics:
    operations: Counter
    stages: Histogram


_known: weakref.WeakKeyDictionary[CollectorRegistry, _Metrics] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _metrics() -> _Metrics:
    registry = AnyaMetrics.global_().registry
    found = _known.get(registry)
    if found is not None:
        return found
    with _lock:
        found = _known.get(registry)
        if found is None:
            found = _known[registry] = _made(registry)
        return found


def _made(registry: CollectorRegistry) -> _Metrics:
    return _Metrics(
        operations=Counter(
            "anya_custody_operations_total",
            "Custody operations by kind and by what became of them: started, success, error, refused, cancelled, expired, "
            "reopened.",
            ["kind", "status"],
            registry=registry,
        ),
        stages=Histogram(
            "anya_custody_stage_duration_seconds",
            "Time from the end of a custody operation's stage, or its start, to the end of the next one: waiting included.",
            ["kind", "stage"],
            buckets=STAGE_BUCKETS_S,
            registry=registry,
        ),
    )


def count(kind: str, status: str) -> None:
    """Count an operation that began or ended."""
    _metrics().operations.labels(bounded_label("kind", kind), status).inc(exemplar=trace_exemplar())


def stage(kind: str, name: str, duration_s: float) -> None:
    """Record how long a stage took."""
    labels = bounded_label("kind", kind), bounded_label("stage", name)
    _metrics().stages.labels(*labels).observe(duration_s, trace_exemplar())
