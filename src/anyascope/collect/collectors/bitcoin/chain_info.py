"""What a node says of its chain, asked once for all who look at the node at the same time."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Protocol

from anyascope.clock import NS_PER_S, Clock
from anyascope.wire.bitcoin.rpc import INVALID_ANSWER, Refusal

SHARED_S = 1.0  # how old an answer may be that another watch of the node asked for, while no block came
_CHAIN = re.compile(r"[a-z0-9_-]{1,32}")  # it becomes a label's value


class Caller(Protocol):
    """Calls the node."""

    async def call(self, method: str, *params: Any) -> Any | Refusal:
        """What one call brought."""
        ...


class ChainInfo:
    """`getblockchaininfo` of one node. Each watch gets an answer once, and none from before a block that it was told of."""

    def __init__(self, client: Caller, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._answer: asyncio.Task[dict[str, Any] | Refusal] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._asked_ns = 0
        self._had_by: set[str] = set()

    def outdate(self) -> None:
        """A block came or went, or may have: who asks from now on gets another answer."""
        self._answer = None

    async def close(self) -> None:
        """Give up what is asked now; nobody asks any more."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def ask(self, watch: str) -> dict[str, Any] | Refusal:
        """The answer; a refusal also where it names no chain.

        Args:
            watch: who asks.
        """
        if self._answer is None or watch in self._had_by or self._is_old(self._answer):
            self._answer = asyncio.create_task(self._ask())
            self._asked_ns = self._clock.monotonic_ns()
            self._had_by = set()
            self._running.add(self._answer)
            self._answer.add_done_callback(self._running.discard)
        self._had_by.add(watch)
        return await asyncio.shield(self._answer)

    def _is_old(self, answer: asyncio.Task[Any]) -> bool:
        return answer.done() and self._clock.monotonic_ns() - self._asked_ns >= SHARED_S * NS_PER_S

    async def _ask(self) -> dict[str, Any] | Refusal:
        told = await self._client.call("getblockchaininfo")
        if isinstance(told, Refusal):
            return told
        chain = told.get("chain") if isinstance(told, dict) else None
        if not isinstance(chain, str) or not _CHAIN.fullmatch(chain):
            return Refusal(INVALID_ANSWER, "getblockchaininfo says nothing of a chain")
        return dict(told)
