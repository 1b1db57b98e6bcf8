"""Keys and certificates of an open session, listed in slices of time, so that thousands of them hold up nothing else."""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from anyascope.collect.collectors.hsm.fingerprints import (
    BYTES_MAX,
    ID,
    PUBLIC_INFO,
    asked_of,
    fingerprint_of,
    parameters_of,
)
from anyascope.semconv.hsm import RETURN_CODES, told_code

CERTIFICATES_MAX = 200  # of a token; a card holds tens
CERTIFICATE_BYTES_MAX = 16_384  # a chain's largest is 4 kB
IDENTITIES_MAX = 200  # of one label, and of all keys without one of the labels; of more none is told from another
UNKNOWN = "unknown"
_HANDLES_A_CALL = 1_000
_HANDLES_MAX = 200_000  # of a class; the largest network devices hold about that many
_LABEL_BYTES_MAX = 512  # a longer one is none of those that may leave

_CLASS, _LABEL, _VALUE, _KEY_TYPE = 0x000, 0x003, 0x011, 0x100
_CERTIFICATE, _PUBLIC, _PRIVATE, _SECRET = 1, 2, 3, 4
_KEY_CLASSES = {_PRIVATE: "private", _PUBLIC: "public", _SECRET: "secret"}
_CODES = {name: number for number, name in RETURN_CODES.items()}
# Answers of which what could be told is told, and one of an object that was deleted since it was found.
_PARTLY = {0, _CODES["ATTRIBUTE_SENSITIVE"], _CODES["ATTRIBUTE_TYPE_INVALID"], _CODES["BUFFER_TOO_SMALL"]}
_GONE = _CODES["OBJECT_HANDLE_INVALID"]
_UNTOLD = ctypes.c_ulong(-1).value  # no type of a key; modules that do not tell it leave what was there


class CallFailed(Exception):  # noqa: N818  # a finding, not a fault of this program
    """A function gave a return code that is an error."""

    def __init__(self, call: str, number: int) -> None:
        self.error_type, self.code = told_code(number)
        super().__init__(f"C_{call}: {self.code}")


class _Attribute(ctypes.Structure):
    _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("size", ctypes.c_ulong))


class Listing:
    """One list of what lies on a token, begun and not ended.

    Args:
        functions: of the module.
        session: its handle.
        labels: the only ones that leave; all other keys are of the label "".
        type_names: key type -> its name.
    """

    def __init__(self, functions: Any, session: int, *, labels: Sequence[str], type_names: dict[int, str]) -> None:
        self._functions = functions
        self._session = session
        self._type_names = type_names
        self._keys: Counter[tuple[str, str]] = Counter()
        self._named: Counter[str] = Counter(dict.fromkeys(labels, 0))
        self._identities: dict[str, list[list[str]]] = {}
        self._too_many: Counter[str] = Counter()
        self._certificates: list[str] = []
        self._steps = self._walk()

    def go_on(self, *, for_s: float) -> dict[str, Any] | None:
        """The list, or None where it is not complete after that many seconds.

        Raises:
            CallFailed: the module refused something.
        """
        until = time.monotonic() + for_s
        for _ in self._steps:
            if time.monotonic() >= until:
                return None
        return {
            "keys": [[*pair, count] for pair, count in self._keys.items()],
            "labels": dict(self._named),
            "identities": self._identities,
            "too_many": dict(self._too_many),
            "certificates": self._certificates,
        }

    def _walk(self) -> Iterator[None]:
        for kind, name in _KEY_CLASSES.items():
            for handle in self._found(kind):
                self._count(handle, name)
                yield
        for handle in self._found(_CERTIFICATE):
            if len(self._certificates) < CERTIFICATES_MAX:
                self._read_certificate(handle)
            yield

    def _found(self, kind: int) -> list[int]:
        """All objects of a class. The search is ended before anything else is asked: a session has one at a time."""
        wanted = ctypes.c_ulong(kind)
        template = _Attribute(_CLASS, ctypes.addressof(wanted), ctypes.sizeof(wanted))
        self._call("FindObjectsInit", self._session, ctypes.addressof(template), 1)
        handles: list[int] = []
        some, count = (ctypes.c_ulong * _HANDLES_A_CALL)(), ctypes.c_ulong()
        try:
            while len(handles) < _HANDLES_MAX:
                self._call(
                    "FindObjects", self._session, ctypes.addressof(some), _HANDLES_A_CALL, ctypes.addressof(count)
                )
                if not count.value:
                    break
                handles += some[: min(count.value, _HANDLES_A_CALL)]
        finally:
            self._functions.FindObjectsFinal(self._session)
        return handles

    def _count(self, handle: int, kind: str) -> None:
        key_type, label = ctypes.c_ulong(_UNTOLD), ctypes.create_string_buffer(_LABEL_BYTES_MAX)
        asked = (_Attribute * 2)(
            _Attribute(_KEY_TYPE, ctypes.addressof(key_type), ctypes.sizeof(key_type)),
            _Attribute(_LABEL, ctypes.addressof(label), _LABEL_BYTES_MAX),
        )
        if self._ask(handle, asked) == _GONE:
            return
        told, number = UNKNOWN, _UNTOLD
        if asked[0].size == ctypes.sizeof(key_type) and key_type.value != _UNTOLD:
            number = key_type.value
            told = self._type_names.get(number, hex(number))
        self._keys[kind, told] += 1
        name = ""
        if asked[1].size <= _LABEL_BYTES_MAX:
            name = label.raw[: asked[1].size].decode("utf-8", "replace")
        if name in self._named:
            self._named[name] += 1
        self._identify(handle, (kind, told), number, label=name if name in self._named else "")

    def _identify(self, handle: int, pair: tuple[str, str], key_type: int, *, label: str) -> None:
        found = self._identities.setdefault(label, [])
        if label in self._too_many or len(found) >= IDENTITIES_MAX:
            self._too_many[label] += 1 + len(found)
            found.clear()  # which of them are listed first is nobody's promise
            return
        told = self._told(handle, asked_of(key_type, is_secret=pair[0] == "secret"))
        fingerprint = fingerprint_of(told)
        if not fingerprint and pair[0] != "secret":
            fingerprint = fingerprint_of(self._told(handle, (PUBLIC_INFO,)))
        found.append([*pair, told.get(ID, b"").hex(), parameters_of(told), fingerprint])

    def _told(self, handle: int, types: Sequence[int]) -> dict[int, bytes]:
        """What a key says of itself. One attribute that a library makes an error of takes no other with it, nor the list."""
        given, told = self._read(handle, types)
        if given not in _PARTLY and given != _GONE:
            told = {}
            for one in types:
                given, found = self._read(handle, (one,))
                told |= found if given == 0 else {}
        return told

    def _read(self, handle: int, types: Sequence[int]) -> tuple[int, dict[int, bytes]]:
        buffers = [ctypes.create_string_buffer(BYTES_MAX[one]) for one in types]
        asked = (_Attribute * len(types))(
            *(_Attribute(one, ctypes.addressof(at), len(at)) for one, at in zip(types, buffers, strict=True))
        )
        given: int = self._functions.GetAttributeValue(self._session, handle, ctypes.addressof(asked), len(asked))
        told = {}
        for one, at, buffer in zip(types, asked, buffers, strict=True):
            # What is not told has a size that cannot be; libraries that say nothing leave the buffer's own.
            if 0 < at.size < len(buffer):
                told[one] = buffer.raw[: at.size]
        return given, told

    def _read_certificate(self, handle: int) -> None:
        value = ctypes.create_string_buffer(CERTIFICATE_BYTES_MAX)
        asked = (_Attribute * 1)(_Attribute(_VALUE, ctypes.addressof(value), CERTIFICATE_BYTES_MAX))
        # One that stands elsewhere (CKA_URL) has no value here.
        if self._ask(handle, asked) == 0 and 0 < asked[0].size <= CERTIFICATE_BYTES_MAX:
            self._certificates.append(value.raw[: asked[0].size].hex())

    def _ask(self, handle: int, asked: Any) -> int:
        given: int = self._functions.GetAttributeValue(self._session, handle, ctypes.addressof(asked), len(asked))
        if given not in _PARTLY and given != _GONE:
            raise CallFailed("GetAttributeValue", given)
        return given

    def _call(self, name: str, *arguments: Any) -> None:
        if given := getattr(self._functions, name)(*arguments):
            raise CallFailed(name, given)
