"""What waits, as it is handed out of the room."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.collect.collectors.bitcoin.transactions.bump import Bump
from anyascope.collect.collectors.bitcoin.transactions.nouns import Owned


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """An own transaction that waits for a block, or lost the one that it was in.

    Attributes:
        wallet: the label of the wallet.
        age_blocks: how many blocks came without it.
        rate: by which it would be mined, sats a virtual byte; None where it is not in the mempool.
        market: the rate of the next three blocks, of a stuck one.
        bump: of a stuck one, where something can be done; `lacks` says why not.
    """

    chain: str
    node: str
    wallet: str
    owned: Owned
    age_blocks: int
    is_in_mempool: bool
    rate: float | None = None
    market: float | None = None
    bump: Bump | None = None
    lacks: str = ""
