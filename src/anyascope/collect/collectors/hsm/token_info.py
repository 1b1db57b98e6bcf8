"""`CK_TOKEN_INFO` as the module fills it in: python-pkcs11 leaves session counts and memory out.

Source: PKCS#11 2.40, sections 3.2 and 5.4; structures in the natural alignment that all modules outside of Windows have.
"""

from __future__ import annotations

import ctypes
from typing import Any

UNAVAILABLE = (1 << (8 * ctypes.sizeof(ctypes.c_ulong))) - 1  # CK_UNAVAILABLE_INFORMATION
_EFFECTIVELY_INFINITE = 0  # as a limit of sessions
_VERSION = ctypes.c_ubyte * 2
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
        ("hardwareVersion", _VERSION),
        ("firmwareVersion", _VERSION),
        ("utcTime", ctypes.c_char * 16),
    )


class _FunctionList(ctypes.Structure):
    """The beginning of `CK_FUNCTION_LIST`, up to the one function that is called."""

    _fields_ = (
        ("version", _VERSION),
        *(
            (name, ctypes.c_void_p)
            for name in ("Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo")
        ),
        ("GetTokenInfo", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p)),
    )


def token_counts(module: str, slot: int) -> dict[str, int]:
    """Sessions, their limits and memory in bytes, of the token in a slot; what the module does not know is left out.

    Args:
        module: the path that python-pkcs11 loaded and initialised; the same library is asked.
    """
    functions = ctypes.POINTER(_FunctionList)()
    if ctypes.CDLL(module).C_GetFunctionList(ctypes.byref(functions)) != 0:
        return {}
    info = _TokenInfo()
    if functions.contents.GetTokenInfo(slot, ctypes.addressof(info)) != 0:
        return {}
    return known_counts({name: getattr(info, field) for name, field in _FIELDS if name})


def known_counts(values: dict[str, Any]) -> dict[str, int]:
    """Without what is unavailable or without limit."""
    return {
        name: int(value)
        for name, value in values.items()
        if value != UNAVAILABLE and not (name.endswith("sessions_max") and value == _EFFECTIVELY_INFINITE)
    }
