"""Which wallets of a node are watched: those that the settings name, or all that are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.options import UNNAMED_WALLET_LABEL, wallet_name_fault
from anyascope.wire.bitcoin.rpc import INVALID_ANSWER, Refusal

WALLETS_MAX = 100  # of one node: some 60 series each, and two calls each in a round
LEFT_OUT_NAMED_MAX = 3  # how many wallets a health message names


@dataclass(frozen=True, slots=True)
class WalletRoll:
    """The wallets of a node, by name; `""` is the wallet without a name.

    Attributes:
        watched: loaded, and to be watched; in the order of their names.
        missing: named by the settings, and not loaded.
        left_out: loaded, but not watched, and why; for people.
    """

    watched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def wallet_label(name: str) -> str:
    """What the series of a wallet carry as `wallet`."""
    return name or UNNAMED_WALLET_LABEL


async def find_wallets(client: RpcClient, wanted: Sequence[str] | None) -> WalletRoll | Refusal:
    """The roll of a node, by `listwallets`.

    Args:
        wanted: names that the settings give; None stands for every loaded wallet.

    Returns:
        A refusal where the node does not say; its code is METHOD_NOT_FOUND where it has no wallets at all
        (built without them, or `disablewallet`).
    """
    told = await client.call("listwallets")
    if isinstance(told, Refusal):
        return told
    if not isinstance(told, list):
        return Refusal(INVALID_ANSWER, "listwallets brought no list")
    return roll_of([name for name in told if isinstance(name, str)], wanted)


def roll_of(loaded: Sequence[str], wanted: Sequence[str] | None) -> WalletRoll:
    """Who is watched of the wallets that are loaded."""
    if wanted is not None:
        there = frozenset(loaded)
        return WalletRoll(
            tuple(sorted(name for name in wanted if name in there)),
            tuple(sorted(name for name in wanted if name not in there)),
        )
    watched: list[str] = []
    left_out: list[str] = []
    for name in sorted(loaded):
        fault = wallet_name_fault(name)
        if not name and UNNAMED_WALLET_LABEL in loaded:
            fault = f"its label would be that of the wallet named {UNNAMED_WALLET_LABEL!r}"
        elif len(watched) >= WALLETS_MAX:
            fault = f"more than {WALLETS_MAX} are loaded; name those to watch in wallets"
        if fault:
            left_out.append(f"{name[:40]!r}: {fault}")
        else:
            watched.append(name)
    if len(left_out) > LEFT_OUT_NAMED_MAX:
        left_out[LEFT_OUT_NAMED_MAX:] = [f"and {len(left_out) - LEFT_OUT_NAMED_MAX} others"]
    return WalletRoll(tuple(watched), left_out=tuple(left_out))
