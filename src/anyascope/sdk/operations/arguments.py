"""What an operation is told when it is declared, or finds out when the decorated function is called."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from anyascope.sdk.guard import quoted, report_misuse, tell_once
from anyascope.sdk.operations.outcomes import TXID_CHARS_MAX
from anyascope.sdk.operations.types import BitcoinTransactionData
from anyascope.sdk.values import UNKNOWN, identifier, rate, sats

Name = str | bytes | int | uuid.UUID | enum.Enum | Callable[..., object]
"""A name, or what makes it of the arguments of the decorated function's call: `lambda request: request.wallet_id`."""

Data = (
    BitcoinTransactionData | Mapping[str, Any] | Callable[..., BitcoinTransactionData | Mapping[str, Any] | None] | None
)
"""What is known of a transaction, or what makes it of the arguments of the call."""

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Of a call; empty for a block."""

_FIELDS = ("txid", "amount_sats", "fee_rate_sat_per_vb")


class Given:
    """One argument of a declaration: a value that is made safe once, or a function that is asked at every call."""

    __slots__ = ("_ask", "_value", "_what")

    def __init__(self, value: object, what: str) -> None:
        self._what = what
        self._ask = value if type(value) is not str and callable(value) else None
        self._value = identifier(value, what) if self._ask is None else UNKNOWN

    def name(self, arguments: Arguments) -> str:
        """The name for a call with these arguments, bounded and without secrets."""
        if self._ask is None:
            return self._value
        return identifier(asked(self._ask, arguments, self._what), self._what)


def asked(ask: Callable[..., object], arguments: Arguments, what: str) -> object:
    """What the host's function says about a call; None, and one line, where it raises."""
    try:
        return ask(*arguments[0], **arguments[1])
    except Exception as error:  # noqa: BLE001  # the host's function, called for our sake alone
        tell_once(f"finding {what} by the arguments of the call", error)
        return UNKNOWN if what != "transaction_data" else None


def transaction_of(data: object) -> BitcoinTransactionData | None:
    """What is known of the transaction, each field made safe; what cannot be right is left out."""
    if data is None:
        return None
    try:
        txid, amount, fee = (_field(data, name) for name in _FIELDS)
    except Exception as error:  # noqa: BLE001  # the host's own object
        tell_once("reading transaction_data", error)
        return None
    if txid is None and amount is None and fee is None and type(data) is not BitcoinTransactionData:
        report_misuse(f"transaction_data must be BitcoinTransactionData, got {quoted(data)}")
        return None
    safe_txid, safe_amount, safe_fee = _txid(txid), sats(amount, "amount_sats"), rate(fee, "fee_rate_sat_per_vb")
    if type(data) is BitcoinTransactionData and safe_txid is txid and safe_amount is amount and safe_fee is fee:
        return data  # frozen, and sound as it is
    return BitcoinTransactionData(txid=safe_txid, amount_sats=safe_amount, fee_rate_sat_per_vb=safe_fee)


def _field(data: object, name: str) -> object:
    return data.get(name) if isinstance(data, Mapping) else getattr(data, name, None)


def _txid(value: object) -> str | None:
    if value is None or (type(value) is str and not value):
        return None
    return identifier(value, "txid")[:TXID_CHARS_MAX]
