"""Coins of which nodes and wallets are watched: how series, services and people name them.

Series and events of Bitcoin name no coin, those of its relatives do (docs/adr/0012): a label is `litecoin`, or empty for Bitcoin.
"""

from __future__ import annotations

BITCOIN, LITECOIN = "bitcoin", "litecoin"
_TICKERS = {"btc": BITCOIN, "xbt": BITCOIN, "ltc": LITECOIN}
_SMALLEST_UNITS = {LITECOIN: "litoshis"}


def coin_of_label(label: str) -> str:
    """The coin of a label's value: `bitcoin` where there is none."""
    return label or BITCOIN


def coin_named(text: str) -> str:
    """The coin that a service means by a name or a ticker, in whatever case: `ltc` is `litecoin`; empty for nothing."""
    name = text.strip().lower()
    return _TICKERS.get(name, name)


def smallest_unit(label: str) -> str:
    """In what whole amounts of a coin are told, a hundred-millionth of it: `sats`, `litoshis`."""
    return _SMALLEST_UNITS.get(label, "sats")


def fee_rate_unit(label: str) -> str:
    """In what a coin's fee rates are told: `sat/vB`, `litoshi/vB`."""
    return f"{smallest_unit(label).removesuffix('s')}/vB"


def network_text(label: str, chain: str) -> str:
    """A network as messages name it: `main`, `litecoin main`."""
    return f"{label} {chain}" if label else chain
