"""Posts that arrive while one is being stored are stored together by the next commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from anyascope.model.alerts import Alert

ALERTS_PER_COMMIT_MAX = 5_000  # 0.3 s of work; whoever waits behind it waits no longer


@dataclass(frozen=True, slots=True)
class Post:
    """Alerts that one caller handed over, and waits for."""

    alerts: Sequence[Alert]
    answer: asyncio.Future[None]


class Gatherer:
    """Hands posts on in batches: one batch at a time, each with everything that waited meanwhile.

    Args:
        take: makes a batch durable and gives, for each of its posts, None or why it was refused. What it raises is the
            answer to all of them.
    """

    def __init__(self, take: Callable[[Sequence[Post]], Awaitable[Sequence[Exception | None]]]) -> None:
        self._take = take
        self._waiting: list[Post] = []
        self._taker: asyncio.Task[None] | None = None

    async def hand_over(self, alerts: Sequence[Alert]) -> None:
        """Return once these are durable, or raise why they are not. A caller who is cancelled may leave them taken."""
        loop = asyncio.get_running_loop()
        post = Post(alerts, loop.create_future())
        self._waiting.append(post)
        if self._taker is None:
            self._taker = loop.create_task(self._take_all())
        await post.answer

    async def finish(self) -> None:
        """Wait until nobody waits."""
        while self._taker is not None:
            await asyncio.wait([self._taker])

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                await self._take_some(self._next_batch())
        finally:
            self._taker = None

    def _next_batch(self) -> list[Post]:
        count = alerts = 0
        while count < len(self._waiting) and alerts < ALERTS_PER_COMMIT_MAX:
            alerts += len(self._waiting[count].alerts)
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _take_some(self, batch: Sequence[Post]) -> None:
        faults: Sequence[Exception | None]
        try:
            faults = await self._take(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            faults = [error for _ in batch]
        for post, fault in zip(batch, faults, strict=True):
            if post.answer.done():
                continue  # its caller was cancelled and no longer asks
            if fault is None:
                post.answer.set_result(None)
            else:
                post.answer.set_exception(fault)
