"""What came of an HSM's operation, in the words of PKCS#11: `error_type` and return code of an exception.

Source: PKCS#11 3.2, section 6.1.6 (return values), and its header `pkcs11t.h`; python-pkcs11 names most of its exceptions by the
standard's return codes, and has none for the others: those it raises as `PKCS11Error` with the number in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

OTHER_ERROR: Final = "error"  # an exception that nobody foresaw
TIMEOUT: Final = "timeout"
VENDOR_DEFINED: Final = "vendor_defined"  # every return code from 0x80000000 on; which one, only the return code says

LOGIN_REFUSED: Final = frozenset(
    ("pin_incorrect", "pin_locked", "pin_expired", "pin_invalid", "pin_len_range", "pin_too_weak")
)
"""The error types of a PIN that the token did not take."""

_VENDOR_BIT: Final = 0x8000_0000
_LAST_BIT: Final = (
    0xFFFF_FFFF  # codes are 32 bits wide by the standard; where a module gives more, the upper ones are noise
)

RETURN_CODES: Final[Mapping[int, str]] = {
    0x001: "CANCEL",
    0x002: "HOST_MEMORY",
    0x003: "SLOT_ID_INVALID",
    0x005: "GENERAL_ERROR",
    0x006: "FUNCTION_FAILED",
    0x007: "ARGUMENTS_BAD",
    0x008: "NO_EVENT",
    0x009: "NEED_TO_CREATE_THREADS",
    0x00A: "CANT_LOCK",
    0x010: "ATTRIBUTE_READ_ONLY",
    0x011: "ATTRIBUTE_SENSITIVE",
    0x012: "ATTRIBUTE_TYPE_INVALID",
    0x013: "ATTRIBUTE_VALUE_INVALID",
    0x01B: "ACTION_PROHIBITED",
    0x020: "DATA_INVALID",
    0x021: "DATA_LEN_RANGE",
    0x030: "DEVICE_ERROR",
    0x031: "DEVICE_MEMORY",
    0x032: "DEVICE_REMOVED",
    0x040: "ENCRYPTED_DATA_INVALID",
    0x041: "ENCRYPTED_DATA_LEN_RANGE",
    0x042: "AEAD_DECRYPT_FAILED",
    0x050: "FUNCTION_CANCELED",
    0x051: "FUNCTION_NOT_PARALLEL",
    0x054: "FUNCTION_NOT_SUPPORTED",
    0x060: "KEY_HANDLE_INVALID",
    0x062: "KEY_SIZE_RANGE",
    0x063: "KEY_TYPE_INCONSISTENT",
    0x064: "KEY_NOT_NEEDED",
    0x065: "KEY_CHANGED",
    0x066: "KEY_NEEDED",
    0x067: "KEY_INDIGESTIBLE",
    0x068: "KEY_FUNCTION_NOT_PERMITTED",
    0x069: "KEY_NOT_WRAPPABLE",
    0x06A: "KEY_UNEXTRACTABLE",
    0x070: "MECHANISM_INVALID",
    0x071: "MECHANISM_PARAM_INVALID",
    0x082: "OBJECT_HANDLE_INVALID",
    0x090: "OPERATION_ACTIVE",
    0x091: "OPERATION_NOT_INITIALIZED",
    0x0A0: "PIN_INCORRECT",
    0x0A1: "PIN_INVALID",
    0x0A2: "PIN_LEN_RANGE",
    0x0A3: "PIN_EXPIRED",
    0x0A4: "PIN_LOCKED",
    0x0B0: "SESSION_CLOSED",
    0x0B1: "SESSION_COUNT",
    0x0B3: "SESSION_HANDLE_INVALID",
    0x0B4: "SESSION_PARALLEL_NOT_SUPPORTED",
    0x0B5: "SESSION_READ_ONLY",
    0x0B6: "SESSION_EXISTS",
    0x0B7: "SESSION_READ_ONLY_EXISTS",
    0x0B8: "SESSION_READ_WRITE_SO_EXISTS",
    0x0C0: "SIGNATURE_INVALID",
    0x0C1: "SIGNATURE_LEN_RANGE",
    0x0D0: "TEMPLATE_INCOMPLETE",
    0x0D1: "TEMPLATE_INCONSISTENT",
    0x0E0: "TOKEN_NOT_PRESENT",
    0x0E1: "TOKEN_NOT_RECOGNIZED",
    0x0E2: "TOKEN_WRITE_PROTECTED",
    0x0F0: "UNWRAPPING_KEY_HANDLE_INVALID",
    0x0F1: "UNWRAPPING_KEY_SIZE_RANGE",
    0x0F2: "UNWRAPPING_KEY_TYPE_INCONSISTENT",
    0x100: "USER_ALREADY_LOGGED_IN",
    0x101: "USER_NOT_LOGGED_IN",
    0x102: "USER_PIN_NOT_INITIALIZED",
    0x103: "USER_TYPE_INVALID",
    0x104: "USER_ANOTHER_ALREADY_LOGGED_IN",
    0x105: "USER_TOO_MANY_TYPES",
    0x110: "WRAPPED_KEY_INVALID",
    0x112: "WRAPPED_KEY_LEN_RANGE",
    0x113: "WRAPPING_KEY_HANDLE_INVALID",
    0x114: "WRAPPING_KEY_SIZE_RANGE",
    0x115: "WRAPPING_KEY_TYPE_INCONSISTENT",
    0x120: "RANDOM_SEED_NOT_SUPPORTED",
    0x121: "RANDOM_NO_RNG",
    0x130: "DOMAIN_PARAMS_INVALID",
    0x140: "CURVE_NOT_SUPPORTED",
    0x150: "BUFFER_TOO_SMALL",
    0x160: "SAVED_STATE_INVALID",
    0x170: "INFORMATION_SENSITIVE",
    0x180: "STATE_UNSAVEABLE",
    0x190: "CRYPTOKI_NOT_INITIALIZED",
    0x191: "CRYPTOKI_ALREADY_INITIALIZED",
    0x1A0: "MUTEX_BAD",
    0x1A1: "MUTEX_NOT_LOCKED",
    0x1B0: "NEW_PIN_MODE",
    0x1B1: "NEXT_OTP",
    0x1B5: "EXCEEDED_MAX_ITERATIONS",
    0x1B6: "FIPS_SELF_TEST_FAILED",
    0x1B7: "LIBRARY_LOAD_FAILED",
    0x1B8: "PIN_TOO_WEAK",
    0x1B9: "PUBLIC_KEY_INVALID",
    0x200: "FUNCTION_REJECTED",
    0x201: "TOKEN_RESOURCE_EXCEEDED",
    0x202: "OPERATION_CANCEL_FAILED",
    0x203: "KEY_EXHAUSTED",
    0x204: "PENDING",
    0x205: "SESSION_ASYNC_NOT_SUPPORTED",
    0x206: "SEED_RANDOM_REQUIRED",
    0x207: "OPERATION_NOT_VALIDATED",
    0x208: "TOKEN_NOT_INITIALIZED",
    0x209: "PARAMETER_SET_NOT_SUPPORTED",
}
"""Return code -> its name in the standard, without `CKR_`; `CKR_OK` is left out."""

_NUMBER = re.compile(
    r"[Uu]nmapped error code (0x[0-9a-fA-F]{1,16})"
)  # python-pkcs11's text for what it has no class for
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# python-pkcs11's own findings, which are no return codes, in the words of the design.
_FINDINGS = {"no_such_key": "key_not_found", "no_such_token": "token_not_found", "pkcs11_error": OTHER_ERROR}
# Findings of the library itself, for which the module gave no code.
_NO_CODE = frozenset(("PKCS11Error", "NoSuchKey", "NoSuchToken", "MultipleObjectsReturned", "MultipleTokensReturned"))
_LOADING = "OS exception while loading"  # the operating system cannot load the module; it gave no code
# Where the library's name and that of the standard differ.
_SPELLED = {
    "ANOTHER_USER_ALREADY_LOGGED_IN": "USER_ANOTHER_ALREADY_LOGGED_IN",
    "FUNCTION_CANCELLED": "FUNCTION_CANCELED",
    "TOKEN_NOT_RECOGNISED": "TOKEN_NOT_RECOGNIZED",
}
# Codes for which python-pkcs11 has a text of its own in place of a class or a number.
_TEXTS = {
    "Buffer was too small": 0x150,
    "Initialisation error (already initialized)": 0x191,
    "Initialisation error (not initialized)": 0x190,
    "Parallel not supported": 0xB4,
    "User type invalid": 0x103,
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
    """The return code behind an exception of python-pkcs11, without `CKR_` and in lower case; "" for other exceptions.

    Codes of vendors are all `vendor_defined`, and what is in no standard is `error`: the set stays closed.
    """
    known = _library_class(error)
    if known is None:
        return ""
    if known.__name__ in _NO_CODE and str(error).startswith(_LOADING):
        return RETURN_CODES[0x1B7].lower()
    if known.__name__ in _NO_CODE and (number := _number_of(error)):
        return _name_of(number).lower()
    name = _snake(known)
    return _FINDINGS.get(name) or _spelled(name).lower()


def plain_error_type(error: BaseException) -> str:
    """The `error_type` of an exception of Python itself; `error` for one that nobody foresaw."""
    return next((name for kind, name in _ERROR_TYPES if isinstance(error, kind)), OTHER_ERROR)


def return_code(error: BaseException) -> str:
    """The name in the standard of the code behind an exception of python-pkcs11, such as `CKR_PIN_INCORRECT`; "" for others.

    A code that has no name there is its number: `CKR_VENDOR_DEFINED+0x1` for 0x80000001, else such as `CKR_0x7fff`.
    """
    known = _library_class(error)
    if known is None:
        return ""
    if known.__name__ in _NO_CODE:
        return _code_of(_number_of(error))
    return f"CKR_{_spelled(_snake(known))}"


def told_code(number: int) -> tuple[str, str]:
    """`error_type` and name of a return code, as of an exception that python-pkcs11 would raise for it."""
    return _name_of(number).lower(), _code_of(number)


def _library_class(error: BaseException) -> type[BaseException] | None:
    """The library's own class of an exception, not one that the host derived from it; None for what is not the library's."""
    family = type(error).__mro__
    if not any(kind.__name__ == "PKCS11Error" for kind in family):
        return None
    return next((kind for kind in family if str(kind.__module__).startswith("pkcs11")), family[0])


def _snake(kind: type[BaseException]) -> str:
    return _WORD_START.sub("_", kind.__name__).lower()


def _spelled(name: str) -> str:
    return _SPELLED.get(name.upper(), name.upper())


def _number_of(error: BaseException) -> int:
    """The return code that stands in a text of the library; 0 where there is none."""
    text = str(error)
    if found := _NUMBER.match(text):
        return int(found[1], 16) & _LAST_BIT
    return next((number for begin, number in _TEXTS.items() if text.startswith(begin)), 0)


def _name_of(number: int) -> str:
    if number & _VENDOR_BIT:
        return VENDOR_DEFINED
    return RETURN_CODES.get(number, OTHER_ERROR)


def _code_of(number: int) -> str:
    if number & _VENDOR_BIT:
        return f"CKR_VENDOR_DEFINED+{number - _VENDOR_BIT:#x}"
    if not number:
        return ""
    return f"CKR_{RETURN_CODES.get(number, hex(number))}"
