"""The calls that are not cheap: they walk the block index, read a block or the mempool. Once a block, or once a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.branches import Branch
from anyascope.collect.collectors.bitcoin.chain_figures import (
    tell_deployments,
    tell_latest_block,
    tell_tips,
    tell_transactions,
)
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.pace import window_to_ask
from anyascope.collect.collectors.bitcoin.pool_figures import tell_ages, tell_rests
from anyascope.collect.collectors.bitcoin.pool_histogram import tell_groups
from anyascope.collect.collectors.bitcoin.pool_reader import PoolReader, PoolSight
from anyascope.collect.collectors.bitcoin.sheet import Facts, Sheet, dicts_of, facts_of

SELDOM_S = 60.0  # while no block comes, and in initial download, when one comes all the time


class SeldomFacts:
    """What one node answered last."""

    def __init__(self, *, clock: Clock, mempool_expiry_s: float) -> None:
        self._clock = clock
        self._expiry_s = mempool_expiry_s
        self._reader = PoolReader(clock=clock, expiry_s=mempool_expiry_s)
        self._told: dict[str, Any] = {}
        self._pool: PoolSight | None = None
        self._asked_at: tuple[str, int] | None = None

    def forget(self) -> None:
        """It is another chain."""
        self._told, self._pool, self._asked_at = {}, None, None
        self._reader.forget()

    def hear(self, txid: str, is_added: bool) -> None:  # noqa: FBT001  # as the feed tells it
        """The mempool took a transaction, or lost it without a block."""
        self._reader.hear(txid, is_added)

    @property
    def remarks(self) -> list[str]:
        """What is not told of the mempool, or rarely, since it is large; one each."""
        rare = (
            f"{each.method} takes {each.took_s:.1f} s: made once in {each.rest_s:.0f} s"
            for each in self._reader.slow_calls
        )
        return [*rare, *([f"lacks {self._reader.lacks}"] if self._reader.lacks else [])]

    @property
    def block(self) -> Facts:
        """Of the best block, by `getblockstats`."""
        return facts_of(self._told.get("getblockstats"))

    @property
    def chain(self) -> Facts:
        """Of the last blocks, by `getchaintxstats`."""
        return facts_of(self._told.get("getchaintxstats"))

    async def refresh(self, branch: Branch, inquiry: Inquiry, *, is_downloading: bool) -> None:
        """Ask where it is time to."""
        now_ns = self._clock.monotonic_ns()
        if self._asked_at is not None:
            tip, at_ns = self._asked_at
            if (tip == branch.tip or is_downloading) and now_ns - at_ns < SELDOM_S * NS_PER_S:
                return
        self._asked_at = (branch.tip, now_ns)
        asked = {
            "getchaintips": await inquiry.ask("getchaintips"),
            "getdeploymentinfo": await inquiry.ask("getdeploymentinfo"),
            "getchaintxstats": await inquiry.ask("getchaintxstats", window_to_ask(branch.height)),
            "getblockstats": await inquiry.ask("getblockstats", branch.tip) if branch.height > 0 else None,
        }
        self._pool = None if is_downloading else await self._reader.read(inquiry)
        self._told = {method: told for method, told in asked.items() if told is not None}

    def tell(self, sheet: Sheet, info: Mapping[str, Any]) -> None:
        """As points; `info` is the answer of `getblockchaininfo`, which had the deployments until version 22."""
        if "getchaintips" in self._told:
            tell_tips(sheet, dicts_of(self._told["getchaintips"]))
        deployments = facts_of(self._told.get("getdeploymentinfo")).get("deployments") or info.get("softforks")
        tell_deployments(sheet, facts_of(deployments))
        tell_transactions(sheet, self.chain)
        if self.block:
            tell_latest_block(sheet, self.block)
        if self._pool is not None and self._pool.groups is not None:
            tell_groups(sheet, self._pool.groups)
        tell_ages(sheet, None if self._pool is None else self._pool.ages, expiry_s=self._expiry_s)
        tell_rests(sheet, self._reader.slow_calls)
