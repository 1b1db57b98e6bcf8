"""The few functions of a module that are called past python-pkcs11: what it leaves out, or makes an object of Python for each key.

Source: PKCS#11 2.40, section 5.4; structures in the natural alignment that all modules outside of Windows have.
"""

from __future__ import annotations

import ctypes
from typing import Any

VERSION = ctypes.c_ubyte * 2
_NUMBER, _ADDRESS = ctypes.c_ulong, ctypes.c_void_p
_NAMES = (
    *("Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo", "GetTokenInfo"),
    *("GetMechanismList", "GetMechanismInfo", "InitToken", "InitPIN", "SetPIN", "OpenSession", "CloseSession"),
    *("CloseAllSessions", "GetSessionInfo", "GetOperationState", "SetOperationState", "Login", "Logout"),
    *("CreateObject", "CopyObject", "DestroyObject", "GetObjectSize", "GetAttributeValue", "SetAttributeValue"),
    *("FindObjectsInit", "FindObjects", "FindObjectsFinal"),
)
_CALLED: dict[str, tuple[Any, ...]] = {
    "GetTokenInfo": (_NUMBER, _ADDRESS),
    "Login": (_NUMBER, _NUMBER, _ADDRESS, _NUMBER),
    "GetAttributeValue": (_NUMBER, _NUMBER, _ADDRESS, _NUMBER),
    "FindObjectsInit": (_NUMBER, _ADDRESS, _NUMBER),
    "FindObjects": (_NUMBER, _ADDRESS, _NUMBER, _ADDRESS),
    "FindObjectsFinal": (_NUMBER,),
}


class Functions(ctypes.Structure):
    """The beginning of `CK_FUNCTION_LIST`, up to the last function that is called."""

    _fields_ = (
        ("version", VERSION),
        *((name, ctypes.CFUNCTYPE(_NUMBER, *_CALLED[name]) if name in _CALLED else _ADDRESS) for name in _NAMES),
    )


def functions_of(module: str) -> Any:
    """The functions of a module by its path, the same library that python-pkcs11 loaded and initialised; None where it has none."""
    found = ctypes.POINTER(Functions)()
    if ctypes.CDLL(module).C_GetFunctionList(ctypes.byref(found)) != 0:
        return None
    return found.contents
