"""What a Bitcoin node's error codes mean, in the SDK's own errors; in words: `semconv.bitcoin_rpc`.

Source: Bitcoin Core `src/rpc/protocol.h`; JSON-RPC 2.0, section 5.1.
"""

from __future__ import annotations

from typing import Any

from anyascope.sdk.operations.types import BitcoinError, InsufficientFunds, TransactionFailed

_NO_FUNDS = -6
_TRANSACTION_REFUSED = frozenset((-22, -25, -26, -27))


def error_code(error: BaseException) -> int | None:
    """The node's own code in a client's exception, whatever the client calls it; `None` where the node did not answer."""
    told = _error_object(error)
    for candidate in (
        told.get("code") if told else None,
        getattr(error, "code", None),
        getattr(error, "error_code", None),
        getattr(error, "rpc_code", None),
        getattr(type(error), "RPC_ERROR_CODE", None),  # python-bitcoinlib
    ):
        if isinstance(candidate, int) and not isinstance(candidate, bool):
            return candidate
    return None


def node_message(error: BaseException) -> str:
    """What the node said; the exception's own text where a client keeps nothing else."""
    told = _error_object(error)
    message = told.get("message") if told else getattr(error, "message", None)
    return message if isinstance(message, str) else str(error)


def bitcoin_error_kind(code: int | None, *, is_transfer: bool = False) -> type[BitcoinError]:
    """The SDK's error that this code amounts to; any refusal of a call that moves coins is a failed transaction."""
    if code == _NO_FUNDS:
        return InsufficientFunds
    if code in _TRANSACTION_REFUSED or (is_transfer and code is not None):
        return TransactionFailed
    return BitcoinError


def _error_object(error: BaseException) -> dict[str, Any] | None:
    """The `error` member of the node's answer: an attribute of the exception, or its first argument."""
    for candidate in (getattr(error, "error", None), error.args[0] if error.args else None):
        if isinstance(candidate, dict):
            return candidate
    return None
