"""What an engine allows itself and its callers."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.promql.signatures import Feature

QUERY_CHARACTERS_MAX = 64 * 1024  # the longest expressions of published rule packs are under 4 kB
QUERY_DEPTH_MAX = 120  # levels of a tree, three Python frames each; nothing that a person writes
LOOKBACK_MS = 300_000  # Prometheus' default: five missed scrapes of a minute
SUBQUERY_STEP_MS = 60_000  # Prometheus' default evaluation interval, which is the default step of subqueries
STEPS_MAX = 11_000  # Prometheus' limit: a week at 60 s, a year at 1 h
SERIES_MAX = 100_000  # of one selector; a chart of more says nothing, and their labels alone are 50 MB
SAMPLES_MAX = 50_000_000  # Prometheus' default; 800 MB at 16 B a sample
TIMEOUT_S = 120.0  # Prometheus' default
CONCURRENCY_MAX = 8  # evaluations at once; each may hold a core, and memory up to its sample limit
INLINE_SAMPLES_MAX = 20_000  # about a millisecond of numpy: less than it costs to hand over to a thread and back
PLANS_MAX = 2_000  # parsed queries kept; some kB each, more than the rules and panels of one installation


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may take; past any of these it ends with `LimitExceededError`.

    Attributes:
        samples_max: samples read, and values that any intermediate result holds.
        series_max: series that one selector may match.
        timeout_s: from the call until the answer, waiting included.
    """

    samples_max: int = SAMPLES_MAX
    series_max: int = SERIES_MAX
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine evaluates.

    Attributes:
        lookback_ms: how far back an instant selector looks for a sample (left bound exclusive).
        subquery_step_ms: the step of subqueries that name none.
        steps_max: points a series that a range query may ask for.
        concurrency_max: queries evaluated at the same time; the others wait.
        limits: of queries that bring none of their own.
        features: what is off by default in Prometheus and on here: experimental functions and syntax, and metric names
            dropped at the very end of a query instead of at each function that changes the meaning of values.
    """

    lookback_ms: int = LOOKBACK_MS
    subquery_step_ms: int = SUBQUERY_STEP_MS
    steps_max: int = STEPS_MAX
    concurrency_max: int = CONCURRENCY_MAX
    limits: QueryLimits = QueryLimits()
    features: frozenset[Feature] = frozenset()
