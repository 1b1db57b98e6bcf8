"""Who asks a query, what runs now, and how what runs is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from anyascope.promql.errors import QueryCancelledError, QueryTimeoutError

Origin = Mapping[str, Mapping[str, str]]
"""Who asks, as Prometheus' query log has it: `httpRequest` or `ruleGroup`, with what is known of it."""

_origin: ContextVar[Origin] = ContextVar("query_origin", default={})  # noqa: B039 — nobody writes to it


@contextmanager
def asked_by(origin: Origin) -> Iterator[None]:
    """Queries within are asked by this."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> Origin:
    """Who asks what is asked here."""
    return _origin.get()


@dataclass(slots=True)
class Leash:
    """Holds an evaluation, which runs on a thread of its own and looks at it again and again.

    Attributes:
        deadline_s: when its time is over, on the clock of `time.monotonic`.
        is_cut: whether nobody waits for it any more.
    """

    deadline_s: float
    is_cut: bool = False

    def check(self) -> None:
        """Raise where the evaluation is to end.

        Raises:
            QueryCancelledError: nobody waits for it.
            QueryTimeoutError: its time is over.
        """
        if self.is_cut:
            raise QueryCancelledError("query was canceled in expression evaluation")
        if time.monotonic() > self.deadline_s:
            raise QueryTimeoutError("query timed out in expression evaluation")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was asked.

    Attributes:
        text: the query.
        start_ms, end_ms, step_ms: its steps; an instant query has one, and `step_ms` 0.
        origin: who asks.
        asked_ns: when, in UTC nanoseconds.
    """

    text: str
    start_ms: int
    end_ms: int
    step_ms: int
    asked_ns: int
    origin: Origin = field(default_factory=current_origin)
