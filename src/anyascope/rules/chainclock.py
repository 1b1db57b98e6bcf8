"""The clock of a group's rules: how high the chains are, and how long their last blocks took.

Heights are read from the metrics. When the chain was how high is remembered, and asked of the store once, at the start: a long time
back in steps, and of the last minutes sample by sample. So are the moments between two looks in which several blocks came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from operator import itemgetter

from anyascope.errors import InvalidInputError
from anyascope.frames.samples import SampleFrame
from anyascope.rules.blocks import HEIGHTS_EXPR, BlockClock, BlockSpan, BlockWindow, chain_of, heights_of
from anyascope.rules.evaluate import Evaluator, query_vector
from anyascope.rules.told import heights_told, told_exprs

WINDOW_MS_MIN = 300_000  # windows look at rates over five minutes: a shorter one would see none of them
SLOW_BLOCK_S = 900  # one and a half times Bitcoin's spacing: as far back as so many blocks may reach
WARM_S_MAX = 400 * 86_400
WARM_STEP_S = 60
TOLD_MS = (
    300_000  # that samples are asked for: some hundred of a node, and what a server told that ran for less than a step
)
SEEN_MS = 300_000  # for which a query sees a series that is silent
WARM_STEPS_MAX = 10_000  # of the one question at the start; a month of blocks is then known to within six minutes


class ChainClock:
    """Reads heights and remembers when they were reached; one a group, so that all its rules see the same.

    Args:
        engine: answers expressions.
        heights: known from before.
    """

    def __init__(self, engine: Evaluator, heights: Mapping[str, int] | None = None) -> None:
        self._engine = engine
        self._clock = BlockClock(dict(heights or {}))
        self._reached: dict[str, list[tuple[int, int]]] = {}  # by chain: (height, UTC ms), both rising
        self._blocks_max = 0
        self._read_ms: int | None = None

    @property
    def heights(self) -> Mapping[str, int]:
        """By chain, as they were read last."""
        return self._clock.heights

    async def read(self, time_ms: int) -> Mapping[str, int]:
        """The heights at this time, which is not before the last.

        Raises:
            AnyascopeError: the query failed.
        """
        if time_ms != self._read_ms:
            await self.take(heights_of(await query_vector(self._engine, HEIGHTS_EXPR, time_ms)), time_ms)
        return self._clock.heights

    async def take(self, found: Mapping[str, int], time_ms: int) -> None:
        """Heights of this time that are at hand.

        Raises:
            AnyascopeError: the query for what came since the last failed.
        """
        if self._has_skipped(found, time_ms):
            assert self._read_ms is not None
            for at_ms, heights in await self._told(self._read_ms, time_ms):
                self._note(heights, at_ms)
        self._note(found, time_ms)

    async def window(self, span: BlockSpan, time_ms: int) -> BlockWindow:
        """How long the last so many blocks took, until now; fewer where the chain was not watched for as long.

        Raises:
            InvalidInputError: it is not known which chain is meant, or not how high it is.
            AnyascopeError: a query failed.
        """
        await self._remember(span.blocks, time_ms)
        heights = await self.read(time_ms)
        chain = chain_of(span, {}, heights)
        reached = self._reached.get(chain)
        if not reached:  # known from before a restart, and not seen since
            raise InvalidInputError(f"{span}: no node of chain {chain or 'any'} has told its height yet")
        tip, first = reached[-1][0], reached[0][0]
        _, reached_ms = reached[bisect_left(reached, tip - span.blocks, key=lambda entry: entry[0])]
        return BlockWindow(max(time_ms - reached_ms, WINDOW_MS_MIN), min(tip - first, span.blocks))

    async def _remember(self, blocks: int, time_ms: int) -> None:
        """See to it that so many blocks are remembered, from the store where they came before."""
        if blocks <= self._blocks_max:
            return
        reach_s = min(blocks * SLOW_BLOCK_S, WARM_S_MAX)
        step_s = max(WARM_STEP_S, -(-reach_s // WARM_STEPS_MAX))
        stepped = (await self._engine.instant(f"{HEIGHTS_EXPR}[{reach_s}s:{step_s}s]", time_ms)).frame
        told = await self._told(time_ms - TOLD_MS, time_ms)
        self._blocks_max = blocks
        self._reached.clear()
        past = BlockClock()
        for at_ms, heights in sorted([*_in_steps(stepped), *told], key=itemgetter(0)):
            past.note(heights)
            for chain in heights:
                self._append(chain, past.heights[chain], at_ms)
        self._clock.note(past.heights)
        self._read_ms = None

    async def _told(self, since_ms: int, time_ms: int) -> list[tuple[int, dict[str, int]]]:
        """What nodes told after the one time, at most TOLD_MS ago, until the other."""
        # From further back: else the first node that speaks would be the only one.
        asked = told_exprs(TOLD_MS + SEEN_MS)
        downloads, heights = [(await self._engine.instant(expr, time_ms)).frame for expr in asked]
        since_ms = max(since_ms, time_ms - TOLD_MS)
        return [(at_ms, found) for at_ms, found in heights_told(downloads, heights) if at_ms > since_ms]

    def _has_skipped(self, found: Mapping[str, int], time_ms: int) -> bool:
        """Whether a chain came by several blocks since the last look, or is seen for the first time: the store knows when.

        A rule that looks more rarely than that knows its blocks to its interval.
        """
        if not self._blocks_max or self._read_ms is None or time_ms - self._read_ms > TOLD_MS:
            return False
        return any(height > self._tip_of(chain) + 1 for chain, height in found.items())

    def _tip_of(self, chain: str) -> int:
        reached = self._reached.get(chain)
        return reached[-1][0] if reached else -2

    def _note(self, found: Mapping[str, int], time_ms: int) -> None:
        self._clock.note(found)
        for chain in found if self._blocks_max else ():
            self._append(chain, self._clock.heights[chain], time_ms)
        for chain in self._reached.keys() - self._clock.heights.keys():
            del self._reached[chain]
        self._read_ms = time_ms

    def _append(self, chain: str, height: int, time_ms: int) -> None:
        reached = self._reached.setdefault(chain, [])
        if reached and height < reached[-1][0]:
            reached.clear()  # another chain began behind the same name
        if not reached or height > reached[-1][0]:
            reached.append((height, time_ms))
        old = bisect_left(reached, height - self._blocks_max, key=lambda entry: entry[0])
        if old > self._blocks_max:  # now and then, not with each block
            del reached[: old - 1]


def _in_steps(frame: SampleFrame) -> Iterator[tuple[int, dict[str, int]]]:
    """When a network was how high, of each of its samples; networks one after the other."""
    for row, labels in enumerate(frame.labels):
        part = slice(int(frame.offsets[row]), int(frame.offsets[row + 1]))
        for at_ms, value in zip(frame.times_ms[part].tolist(), frame.values[part].tolist(), strict=True):
            yield at_ms, heights_of([(labels, value)])
