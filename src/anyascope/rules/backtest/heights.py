"""How high the chains were at each step of the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from anyascope.model.labels import Labels
from anyascope.promql.result import QueryResult
from anyascope.rules.blocks import HEIGHTS_EXPR, BlockClock, BlockSpan, Reading, heights_of, read_clock

CHUNK_STEPS = 2_000  # asked of the engine at once


class RangeAsker(Protocol):
    """What answers an expression at many steps."""

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> QueryResult:
        """The answers at steps."""


class HeightSteps:
    """The clock of one rule, taken through the steps in order; does nothing for a rule that counts no blocks.

    Args:
        span: what the rule waits for.
        engine: answers over history.
        steps_ms: all steps.
        offset_ms: how far before a step the rule looks.
    """

    def __init__(self, span: BlockSpan | None, engine: RangeAsker, steps_ms: range, *, offset_ms: int) -> None:
        self._span = span
        self._engine = engine
        self._steps_ms = steps_ms
        self._offset_ms = offset_ms
        self._clock = BlockClock()
        self._waiting: dict[int, dict[str, int]] = {}
        self._asked = 0

    async def advance(self, time_ms: int) -> None:
        """Go on to this step; the heights of those that were left out are taken in too.

        Raises:
            AnyascopeError: the query failed.
        """
        if self._span is None:
            return
        while self._asked < len(self._steps_ms) and self._steps_ms[self._asked] <= time_ms:
            await self._ask(self._steps_ms[self._asked : self._asked + CHUNK_STEPS])
        for at_ms in [at_ms for at_ms in self._waiting if at_ms <= time_ms]:
            self._clock.note(self._waiting.pop(at_ms))

    def reading(self, alerts: Iterable[Labels]) -> Reading:
        """The heights that count for these alerts at the step."""
        return Reading() if self._span is None else read_clock(self._span, alerts, self._clock.heights)

    async def _ask(self, steps: range) -> None:
        self._waiting |= await heights_over(self._engine, steps, offset_ms=self._offset_ms)
        self._asked += len(steps)


async def heights_over(engine: RangeAsker, steps: range, *, offset_ms: int) -> dict[int, dict[str, int]]:
    """The heights at each step that has some, looked at `offset_ms` before it, in order.

    Raises:
        AnyascopeError: the query failed.
    """
    result = await engine.range(HEIGHTS_EXPR, steps[0] - offset_ms, steps[-1] - offset_ms, steps.step)
    found: dict[int, list[tuple[Labels, float]]] = {}
    frame = result.frame
    for row, labels in enumerate(frame.labels):
        part = slice(int(frame.offsets[row]), int(frame.offsets[row + 1]))
        for at_ms, value in zip(frame.times_ms[part].tolist(), frame.values[part].tolist(), strict=True):
            found.setdefault(at_ms + offset_ms, []).append((labels, value))
    return {at_ms: heights_of(found[at_ms]) for at_ms in sorted(found)}
