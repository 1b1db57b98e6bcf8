"""Transactions of a mempool, in a shape that thousands of them are read into at once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

_Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]  # JSON has whole numbers without end


class PoolFees(msgspec.Struct):
    """What a transaction pays, in bitcoins."""

    base: float = 0.0


class PoolEntry(msgspec.Struct):
    """A transaction of the mempool, as `getrawmempool` and `getmempoolentry` have it.

    Attributes:
        time: when it came, in seconds of UTC.
        fee: in bitcoins, of nodes until version 0.16; 0 where `fees` has it.
    """

    vsize: _Whole = 0
    time: _Whole = 0
    fees: PoolFees = msgspec.field(default_factory=PoolFees)
    fee: float = 0.0
    is_replaceable: bool = msgspec.field(default=False, name="bip125-replaceable")

    @property
    def fee_btc(self) -> float:
        """What it pays, in bitcoins."""
        return self.fees.base or self.fee
