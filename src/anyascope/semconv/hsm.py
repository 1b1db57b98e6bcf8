"""What came of an HSM's operation, in the words of PKCS#11: `error_type` and return code of an exception.

Source: PKCS#11 3.1, section 5.1; python-pkcs11 names its exceptions by the standard's return codes.
"""

from __future__ import annotations

import re
from typing import Final

OTHER_ERROR: Final = "error"  # an exception that nobody foresaw
TIMEOUT: Final = "timeout"

LOGIN_REFUSED: Final = frozenset(("pin_incorrect", "pin_locked", "pin_expired", "pin_invalid", "pin_len_range"))
"""The error types of a PIN that the token did not take."""

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# python-pkcs11's own findings, which are no return codes, in the words of the design.
_FINDINGS = {"no_such_key": "key_not_found", "no_such_token": "token_not_found", "pkcs11_error": OTHER_ERROR}
# Findings of the library itself, for which the module gave no code.
_NO_CODE = frozenset(("PKCS11Error", "NoSuchKey", "NoSuchToken", "MultipleObjectsReturned", "MultipleTokensReturned"))
# Where the library's name and that of the standard differ.
_SPELLED = {
    "ANOTHER_USER_ALREADY_LOGGED_IN": "USER_ANOTHER_ALREADY_LOGGED_IN",
    "FUNCTION_CANCELLED": "FUNCTION_CANCELED",
    "TOKEN_NOT_RECOGNISED": "TOKEN_NOT_RECOGNIZED",
}
_ERROR_TYPES: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, TIMEOUT),
    (PermissionError, "permission_denied"),
    (ConnectionError, "connection_failed"),
    (OSError, "io_failed"),
    (MemoryError, "out_of_memory"),
    (NotImplementedError, "not_supported"),
    (TypeError, "invalid_argument"),
    (ValueError, "invalid_argument"),
)


def pkcs11_error_type(error: BaseException) -> str:
    """The return code behind an exception of python-pkcs11, without `CKR_` and in lower case; "" for other exceptions."""
    family = type(error).__mro__
    if not any(kind.__name__ == "PKCS11Error" for kind in family):
        return ""
    # The library's class, not one that the host derived from it: the set stays closed.
    known = next((kind for kind in family if kind.__module__.startswith("pkcs11")), family[0])
    name = _WORD_START.sub("_", known.__name__).lower()
    return _FINDINGS.get(name, name)


def plain_error_type(error: BaseException) -> str:
    """The `error_type` of an exception of Python itself; `error` for one that nobody foresaw."""
    return next((name for kind, name in _ERROR_TYPES if isinstance(error, kind)), OTHER_ERROR)


def return_code(error: BaseException) -> str:
    """The name in the standard of the code behind an exception of python-pkcs11, such as `CKR_PIN_INCORRECT`; "" for others."""
    known = next((kind for kind in type(error).__mro__ if str(kind.__module__).startswith("pkcs11")), None)
    if known is None or known.__name__ in _NO_CODE:
        return ""
    name = pkcs11_error_type(error).upper()
    return f"CKR_{_SPELLED.get(name, name)}" if name else ""
