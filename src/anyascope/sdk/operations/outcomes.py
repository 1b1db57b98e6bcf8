"""What the host's function gave or raised, in the words of spans and metrics."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
from collections.abc import Mapping

from anyascope.sdk.operations.types import BitcoinTransactionData, KeyNotFound, OperationFailed
from anyascope.sdk.values import bounded, error_message
from anyascope.semconv.hsm import pkcs11_error_type, plain_error_type

TXID_CHARS_MAX = 128  # a txid has 64; a raw transaction, which begins beyond 120, is none

CANCELLED = "cancelled: it was given up before it answered, and whether it took effect is not known"
_TXID_NAMES = ("txid", "transaction_id", "tx_id")
_CKR = re.compile(r"CKR_([A-Z0-9_]{1,48})")
_OWN_ERROR_TYPES: tuple[tuple[type[BaseException], str], ...] = (
    (KeyNotFound, "key_not_found"),
    (OperationFailed, "operation_failed"),
)
_GIVEN_UP = (
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    GeneratorExit,
    KeyboardInterrupt,
    SystemExit,
)


def is_cancelled(error: BaseException) -> bool:
    """Whether the operation was given up from outside rather than failed by itself."""
    return isinstance(error, _GIVEN_UP)


def error_text(error: BaseException) -> str:
    """What went wrong, for `error.message`.

    There are two outcomes, success and error. One that was cancelled is an error: of a signature or a payment that may or
    may not have happened, nobody may read `success`; the text says which it was.
    """
    return CANCELLED if is_cancelled(error) else error_message(error)


def hsm_error_type(error: BaseException) -> str:
    """The `error_type` of `hsm_errors_total`, one of a closed set.

    PKCS#11 return codes by their names without `CKR_`, in lower case (`pin_incorrect`, `device_removed`, …), from
    python-pkcs11's exceptions and from texts that name one; `key_not_found`, `operation_failed`, `cancelled`, `timeout`,
    `permission_denied`, `connection_failed`, `io_failed`, `out_of_memory`, `not_supported`, `invalid_argument`; and
    `error` for everything else.
    """
    if is_cancelled(error):
        return "cancelled"
    if known := pkcs11_error_type(error):
        return known
    if any(kind.__name__ == "PyKCS11Error" for kind in type(error).__mro__) and (
        code := _CKR.search(error_message(error))
    ):
        return code[1].lower()
    own = next((name for kind, name in _OWN_ERROR_TYPES if isinstance(error, kind)), "")
    return own or plain_error_type(error)


def transaction_id_in(result: object) -> str | None:
    """The transaction's id in what an operation gave; None where there is none.

    A text is one itself (of at most `TXID_CHARS_MAX` characters and without spaces: no raw transaction, no message);
    else the first of a tuple, or `txid` or `transaction_id` of a mapping or an object. A text that holds a secret is none.
    """
    if result is None or isinstance(result, bool | int | float | bytes):
        return None
    if isinstance(result, tuple) and type(result) is tuple:
        result = result[0] if result else None
    if isinstance(result, str):
        return _as_txid(result)
    if isinstance(result, BitcoinTransactionData):
        return _as_txid(result.txid)
    return next(filter(None, (_as_txid(_member(result, name)) for name in _TXID_NAMES)), None)


def _member(result: object, name: str) -> object:
    return result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)


def _as_txid(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = str.__str__(value)
    if not 0 < len(text) <= TXID_CHARS_MAX or not text.isprintable() or " " in text:
        return None
    return text if bounded(text, TXID_CHARS_MAX) == text else None
