"""The coins of a wallet, as `listunspent` writes them.

Source: Bitcoin Core `src/wallet/rpc/coins.cpp`.
"""

from __future__ import annotations

import msgspec

SATS = 100_000_000  # in a bitcoin


class Unspent(msgspec.Struct, gc=False, rename={"script": "scriptPubKey", "redeem": "redeemScript"}):
    """One coin, as far as it is needed.

    Attributes:
        amount: in bitcoins. A double has the whole sats of all bitcoins: the nearest sat is the one that was meant.
        script, redeem, witnessScript: scripts in hex; the latter two where the wallet knows them.
        desc: the descriptor of its output, where the wallet can solve it.
        safe: false for what others sent and no block confirms.
    """

    amount: float
    script: str = ""
    redeem: str = ""
    witnessScript: str = ""  # noqa: N815  # as the node writes it
    desc: str = ""
    safe: bool = True

    @property
    def sats(self) -> int:
        """Whole sats."""
        return round(self.amount * SATS)
