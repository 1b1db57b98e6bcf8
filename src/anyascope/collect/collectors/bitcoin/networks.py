"""The networks that are known by their genesis block: whose coin, and how fast blocks should come.

The chains of Bitcoin's relatives are called `main`, `test` and `regtest`, too: only the genesis block tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anyascope.semconv.coins import LITECOIN

BITCOIN_SPACING_S = 600.0
LITECOIN_SPACING_S = 150.0


@dataclass(frozen=True, slots=True)
class Network:
    """One network.

    Attributes:
        spacing_s: from block to block, as it aims at; None where blocks come when somebody asks for them.
        coin: what its series carry as `coin`; empty for Bitcoin, whose series carry none.
    """

    spacing_s: float | None = None
    coin: str = ""


_BITCOIN = Network(BITCOIN_SPACING_S)
_LITECOIN = Network(LITECOIN_SPACING_S, LITECOIN)
_UNKNOWN = Network()
_NETWORKS: Mapping[str, Network] = {
    "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": _BITCOIN,  # main
    "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943": _BITCOIN,  # test
    "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043": _BITCOIN,  # testnet4
    "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6": _BITCOIN,  # signet
    "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2": _LITECOIN,  # main
    "4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0": _LITECOIN,  # test
    "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9": Network(coin=LITECOIN),  # regtest
}


def network_of(genesis: str) -> Network:
    """The network of this genesis block; one of Bitcoin's without a spacing where it is not known."""
    return _NETWORKS.get(genesis, _UNKNOWN)
