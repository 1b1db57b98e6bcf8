"""Bitcoin's own time: how high the chains are, for rules that wait for blocks instead of minutes.

The clock is read from the metrics themselves, so that it is the same on the server, in unit tests and in a backtest, and
with every exporter that calls the height `bitcoin_blocks`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels

HEIGHT_METRIC = "bitcoin_blocks"
DOWNLOAD_METRIC = "anya_bitcoin_initial_download"
LABEL_CHAIN = "chain"
LABEL_NODE = "node"
LABEL_COIN = "coin"  # of series of other coins than Bitcoin, whose nodes call their chains `main` and `test`, too
BITCOIN = "bitcoin"
# A node in its initial download goes through the blocks of years in hours: it does not tell the time.
_DOWNLOADING = f"on ({LABEL_CHAIN}, {LABEL_NODE}) {DOWNLOAD_METRIC} == 1"
HEIGHTS_EXPR = f"max by ({LABEL_COIN}, {LABEL_CHAIN}) ({HEIGHT_METRIC} unless {_DOWNLOADING})"
BLOCKS_MAX = 1_000_000  # 19 years
NETWORKS_MAX = 100  # that are remembered while no node tells of them; coins and their test networks are a dozen
REORG_BLOCKS_MAX = 100  # as deep as a coinbase is locked; a height that falls deeper is another chain's

_SPAN = re.compile(r"\s*(\d+)\s+blocks?(?:\s+of\s+(\S+))?\s*")


@dataclass(frozen=True, slots=True)
class BlockSpan:
    """So many blocks.

    Attributes:
        blocks: at least 1.
        chain: whose, as `network_of` names it; empty where the rule does not say, and the alert may.
    """

    blocks: int
    chain: str = ""

    def __str__(self) -> str:
        told = f"{self.blocks} block{'s' if self.blocks > 1 else ''}"
        return f"{told} of {self.chain}" if self.chain else told


@dataclass(frozen=True, slots=True)
class BlockWindow:
    """The time that some blocks took.

    Attributes:
        duration_ms: from when the chain was so many blocks lower, or was first seen, until now.
        blocks: how many came since; fewer than wanted where the chain has not been watched for as long.
    """

    duration_ms: int
    blocks: int


def parse_span(text: str) -> BlockSpan | None:
    """What `3 blocks`, `3 blocks of main` or `3 blocks of litecoin/main` says; None of a text that does not speak of blocks.

    Raises:
        InvalidInputError: it speaks of them in another way, or of too few or too many.
    """
    if "block" not in text.lower():
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InvalidInputError(f"must be like '3 blocks' or '3 blocks of main', got {text!r}")
    blocks = int(found[1]) if len(found[1]) < 10 else BLOCKS_MAX + 1
    if not 1 <= blocks <= BLOCKS_MAX:
        raise InvalidInputError(f"must be 1 to {BLOCKS_MAX} blocks, got {text!r}")
    return BlockSpan(blocks, (found[2] or "").removeprefix(f"{BITCOIN}/"))


def network_of(labels: Mapping[str, str]) -> str:
    """The network that series or an alert with these labels are of: `main`, or `litecoin/main` of another coin.

    Empty where they do not say.
    """
    coin, chain = labels.get(LABEL_COIN, BITCOIN), labels.get(LABEL_CHAIN, "")
    return f"{coin}/{chain}" if chain and coin not in ("", BITCOIN) else chain


def heights_of(elements: Iterable[tuple[Labels, object]]) -> dict[str, int]:
    """Height by network, of an answer to `HEIGHTS_EXPR`. What is no height is left out.

    A node that does not tell its chain has an empty one.
    """
    return {
        network_of(dict(labels)): int(value)
        for labels, value in elements
        if isinstance(value, float) and np.isfinite(value)
    }


@dataclass(slots=True)
class BlockClock:
    """The highest block of each chain so far; it never runs backwards in a reorg, and stands while no node answers.

    Attributes:
        heights: by network.
    """

    heights: dict[str, int] = field(default_factory=dict)

    def note(self, found: Mapping[str, int]) -> None:
        """Take the heights of now. One that is deeper below the last than any reorg is another chain's, which begins.

        Whoever sends series can name chains: of those that nobody tells of now, `NETWORKS_MAX` are kept at most.
        """
        for chain, height in found.items():
            known = self.heights.get(chain)
            if known is None or height > known or known - height > REORG_BLOCKS_MAX:
                self.heights[chain] = height
        silent = [chain for chain in self.heights if chain not in found]
        for chain in silent[: max(len(self.heights) - NETWORKS_MAX, 0)]:
            del self.heights[chain]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock says to alerts.

    Attributes:
        heights: of each alert's chain; not of alerts whose chain is not known, or not how high it is: no block comes for
            them.
        fault: why that is so, and what to do.
    """

    heights: Mapping[Labels, int] = field(default_factory=dict)
    fault: str = ""


def read_clock(span: BlockSpan, alerts: Iterable[Labels], heights: Mapping[str, int]) -> Reading:
    """The heights that count for these alerts.

    The chain is the one that the rule names, else that of the alert's labels `chain` and `coin`, else the only one there is.
    """
    told: dict[Labels, int] = {}
    fault = ""
    for labels in alerts:
        try:
            told[labels] = heights[chain_of(span, dict(labels), heights)]
        except InvalidInputError as error:
            fault = fault or str(error)
    return Reading(told, fault)


def unknown_height(span: BlockSpan) -> str:
    """What is wrong where no height is known, and what to do."""
    return (
        f"{span}: the height of no chain is known: watch a node under collectors.bitcoin, or let its exporter send "
        f"{HEIGHT_METRIC}"
    )


def chain_of(span: BlockSpan, labels: Mapping[str, str], heights: Mapping[str, int]) -> str:
    """The chain that counts, of those whose heights are known.

    Args:
        labels: of what is judged.

    Raises:
        InvalidInputError: it is not known, with what to do.
    """
    wanted = span.chain or network_of(labels)
    named = {chain: height for chain, height in heights.items() if chain} or heights
    if not named:
        raise InvalidInputError(unknown_height(span))
    if wanted in named:
        return wanted
    if len(named) == 1 and (not wanted or "" in named):  # the only one, or one of an exporter that does not name chains
        return next(iter(named))
    known = ", ".join(sorted(named))
    if wanted:
        raise InvalidInputError(
            f"{span}: the height of chain {wanted} is not known, only that of {known}: watch a node of {wanted}"
        )
    raise InvalidInputError(
        f"{span}: it is not said of which chain, and there are {known}: write '{span} of {_likeliest(named)}', or let the "
        f"alert have the label {LABEL_CHAIN}"
    )


def _likeliest(names: Collection[str]) -> str:
    """The one that is meant most often: of Bitcoin's chains, `main` before all others."""
    return min(names, key=lambda name: ("/" in name, name != "main", name))
