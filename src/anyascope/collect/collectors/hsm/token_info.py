"""`CK_TOKEN_INFO` as the module fills it in: python-pkcs11 leaves session counts and memory out.

Source: PKCS#11 2.40, section 3.2.
"""

from __future__ import annotations

import ctypes
from typing import Any

from anyascope.collect.collectors.hsm.functions import VERSION, functions_of

UNAVAILABLE = (1 << (8 * ctypes.sizeof(ctypes.c_ulong))) - 1  # CK_UNAVAILABLE_INFORMATION
_EFFECTIVELY_INFINITE = 0  # as a limit of sessions
_FIELDS = (
    ("sessions_max", "ulMaxSessionCount"),
    ("sessions", "ulSessionCount"),
    ("rw_sessions_max", "ulMaxRwSessionCount"),
    ("rw_sessions", "ulRwSessionCount"),
    ("", "ulMaxPinLen"),
    ("", "ulMinPinLen"),
    ("public_total", "ulTotalPublicMemory"),
    ("public_free", "ulFreePublicMemory"),
    ("private_total", "ulTotalPrivateMemory"),
    ("private_free", "ulFreePrivateMemory"),
)


class _TokenInfo(ctypes.Structure):
    _fields_ = (  # ctypes' own way to declare a structure
        ("label", ctypes.c_char * 32),
        ("manufacturerID", ctypes.c_char * 32),
        ("model", ctypes.c_char * 16),
        ("serialNumber", ctypes.c_char * 16),
        ("flags", ctypes.c_ulong),
        *((name, ctypes.c_ulong) for _, name in _FIELDS),
        ("hardwareVersion", VERSION),
        ("firmwareVersion", VERSION),
        ("utcTime", ctypes.c_char * 16),
    )


def token_counts(module: str, slot: int) -> dict[str, int]:
    """Sessions, their limits and memory in bytes, of the token in a slot; what the module does not know is left out.

    Args:
        module: the path that python-pkcs11 loaded and initialised; the same library is asked.
    """
    functions = functions_of(module)
    info = _TokenInfo()
    if functions is None or functions.GetTokenInfo(slot, ctypes.addressof(info)) != 0:
        return {}
    return known_counts({name: getattr(info, field) for name, field in _FIELDS if name})


def known_counts(values: dict[str, Any]) -> dict[str, int]:
    """Without what is unavailable or without limit."""
    return {
        name: int(value)
        for name, value in values.items()
        if value != UNAVAILABLE and not (name.endswith("sessions_max") and value == _EFFECTIVELY_INFINITE)
    }
