"""In which order rules are evaluated, and how much of the processor that takes: all groups share one event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from anyascope.clock import NS_PER_S
from anyascope.rules.definition import AlertingRule, Rule
from anyascope.semconv.alerts import severity_of, traits_of

T = TypeVar("T")

OVERTAKEN_MAX = (
    50  # by each step of severity: more rules than one batch concerns, so an alarm passes them, and none starves
)


class Turns:
    """One rule a turn of the event loop, the most severe first.

    An evaluation is a millisecond of work on the loop, and a batch may concern a hundred. In between, all else has its turn:
    answers of nodes, commits, deliveries; on a busy machine they would wait for the whole batch. Who came first goes first,
    but a rule overtakes up to `OVERTAKEN_MAX` others for each step by which it is more severe.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._is_taken = False  # this turn of the loop has had its rule

    async def come(self, rank: int) -> None:
        """Return when it is this one's turn.

        Args:
            rank: of the severity, 0 is the most severe.
        """
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._next)
            return
        order = next(self._order)
        turn = loop.create_future()
        heapq.heappush(self._waiting, (order + rank * OVERTAKEN_MAX, order, turn))
        await turn

    def _next(self) -> None:
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():  # else who waited for it was cancelled
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._next)
                return
        self._is_taken = False


def rank_of(rule: Rule) -> int:
    """How urgent a rule is, 0 the most; one that records, or whose severity is a template, as most alerts are."""
    return traits_of(severity_of(rule.label_texts if isinstance(rule, AlertingRule) else ())).rank


def inherited(ranks: Sequence[int]) -> list[int]:
    """The ranks of rules that are evaluated one after the other: the most severe waits for those before it."""
    return list(itertools.accumulate(reversed(ranks), min))[::-1]


class Work(Generic[T]):
    """Awaits a coroutine once, and knows how long the processor had to do with its own steps.

    What it waits for does not count, nor what others do meanwhile, nor that the machine is busy.

    Args:
        coroutine: what is to be awaited.
        worked_ns: how long the processor has worked in this thread.

    Attributes:
        seconds: of the processor; of what is awaited beside the loop nothing.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], *, worked_ns: Callable[[], int] = time.thread_time_ns
    ) -> None:
        self._coroutine = coroutine
        self._worked_ns = worked_ns
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        step = partial(self._coroutine.send, None)
        while True:
            began_ns = self._worked_ns()
            try:
                awaited = step()
            except StopIteration as end:
                found: T = end.value
                return found
            finally:
                self.seconds += (self._worked_ns() - began_ns) / NS_PER_S
            try:
                answer = yield awaited
            except BaseException as error:  # noqa: BLE001  # it is the coroutine's to answer
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, answer)
