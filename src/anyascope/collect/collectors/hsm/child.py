"""The program that loads a vendor's module, so that the server does not: it may hang, crash or print.

A request is a line of JSON on standard input, its answer one on standard output. The PIN comes that way alone. The parent
ends this process by SIGKILL when an answer is late.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from anyascope.collect.collectors.hsm.functions import functions_of
from anyascope.collect.collectors.hsm.listing import CallFailed, Listing
from anyascope.collect.collectors.hsm.token_info import token_counts
from anyascope.semconv.hsm import pkcs11_error_type, plain_error_type, return_code

RANDOM_BYTES = 32
DATA_BYTES_MAX = (
    2 * 1024**3
)  # of memory; libraries take some tens of megabytes, and one that leaks must not take the machine's
ASKS_EACH_TIME = "the key wants the PIN for each operation (CKA_ALWAYS_AUTHENTICATE)"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_MESSAGE_CHARS_MAX = 1_000  # a loader names a long path twice before it says what is wrong

_USER = 1  # CKU_USER
# How libraries refuse a session that only reads; AWS CloudHSM's says the first.
_NO_READING = frozenset(("function_failed", "function_not_supported", "arguments_bad"))

Answer = dict[str, Any]


class _Differs(Exception):  # noqa: N818  # told by its type
    """The module answered, and wrongly."""

    def __init__(self, error_type: str, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.error_type = error_type
        self.code = code


class _OfKey(_Differs):
    """What is wrong lies with the key: the session is as good as before."""


class Module:
    """A loaded module and, after `open`, one session."""

    def __init__(self, path: str) -> None:
        # Here, so that its absence is an answer like any other.
        import pkcs11  # noqa: PLC0415

        self._path = path
        self._pkcs11 = pkcs11
        self._lib = pkcs11.lib(path)
        self._session: Any = None
        self._place: tuple[Any, ...] = ()  # slot and serial number of the token that the session is on
        self._is_ready = False  # the session is logged in, or needs no login
        self._listing: Listing | None = None

    def look(self, token: str, serial: str) -> Answer:
        """Slots, tokens and which one is watched: by its label, its serial number, or both; the only one where neither is said."""
        watched, present, empty = self._find(token, serial)
        if not watched:
            self.renew()  # modules see new tokens only when they start
            watched, present, empty = self._find(token, serial)
        place = (watched[0]["slot"], watched[0]["serial"]) if len(watched) == 1 else ()
        if self._session is not None and self._place != place:
            self._close()  # another token lies in its place, or it is in another slot
        return {
            "library": self._lib.manufacturer_id,
            "library_version": _version(self._lib.library_version),
            "slots": len(self._lib.get_slots()),
            "tokens": present,
            "empty": empty,
            "watched": watched[0]["slot"] if len(watched) == 1 else None,
            "is_ambiguous": len(watched) > 1,
            "is_open": self._session is not None and self._is_ready,
            **_own_size(),
        }

    def renew(self) -> Answer:
        """End the library and initialise it again. Its sessions end with it."""
        self._session = self._listing = None
        self._lib.reinitialize()
        return {}

    def open(self, slot: int, serial: str, needs_login: bool) -> Answer:  # noqa: FBT001  # as it comes through the pipe
        """Open the one session. What is in the slot must be the token that was looked at.

        It only reads; where the library knows no such sessions, as that of AWS CloudHSM, it is one that writes.
        """
        if self._session is not None:
            self._close()  # nobody logged in over it
        slots = self._lib.get_slots(token_present=True)
        token = next((one.get_token() for one in slots if one.slot_id == slot), None)
        if token is None or _serial(token) != serial:
            raise _Differs("token_not_present", "the token went out of its place")
        try:
            self._session = token.open()
        except self._pkcs11.PKCS11Error as refusal:
            if pkcs11_error_type(refusal) not in _NO_READING:
                raise
            self._session = token.open(rw=True)
        self._place, self._is_ready = (slot, serial), not needs_login
        return {}

    def login(self, pin: str) -> Answer:
        """Send the PIN, once, over the session that is open: what fails before that uses no try up."""
        sent = ctypes.create_string_buffer(pin.encode())
        size = len(sent) - 1
        if number := self._functions().Login(int(self._session.handle), _USER, ctypes.addressof(sent), size):
            raise CallFailed("Login", number)
        self._is_ready = True
        return {}

    def inventory(self, labels: list[str], slice_s: float) -> Answer:
        """Counts of keys by class and type, of allowed labels, and certificates; `{"more": true}` after `slice_s` where there is more."""
        if self._listing is None:
            names = {int(one): one.name for one in self._pkcs11.KeyType}
            self._listing = Listing(self._functions(), int(self._session.handle), labels=labels, type_names=names)
        try:
            found = self._listing.go_on(for_s=slice_s)
        except BaseException:
            self._listing = None
            raise
        if found is None:
            return {"more": True}
        self._listing = None
        return found

    def canary(self, kind: str, label: str) -> Answer:
        """One operation and what belongs to it, each timed."""
        steps: list[Answer] = []
        work = {"sign": self._sign, "hmac": self._hmac, "encrypt": self._encrypt, "random": self._random}[kind]
        work(label, steps)
        return {"steps": steps}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        self._listing = None
        session, self._session = self._session, None
        with contextlib.suppress(self._pkcs11.PKCS11Error):
            session.close()

    def _functions(self) -> Any:
        """Those that are called past python-pkcs11."""
        functions = functions_of(self._path)
        if functions is None:
            raise _Differs("general_error", "the module does not give its functions")
        return functions

    def _find(self, label: str, serial: str) -> tuple[list[Answer], list[Answer], int]:
        """The tokens that are meant, all that are there, and how many more are not initialized."""
        tokens = []
        for slot in self._lib.get_slots(token_present=True):
            # A token that is being pulled out must not hide the others; it counts as absent.
            with contextlib.suppress(self._pkcs11.PKCS11Error):
                tokens.append(self._token(slot))
        present = [found for found in tokens if found["is_initialized"]]
        meant = [one for one in present if label in ("", one["label"]) and serial in ("", one["serial"])]
        return meant, present, len(tokens) - len(present)

    def _token(self, slot: Any) -> Answer:
        token = slot.get_token()
        return {
            "slot": slot.slot_id,
            "label": token.label,
            "serial": _serial(token),
            "manufacturer": token.manufacturer_id,
            "model": token.model,
            "firmware": _version(token.firmware_version),
            "hardware": _version(token.hardware_version),
            "flags": int(token.flags),
            "is_initialized": bool(token.flags & self._pkcs11.TokenFlag.TOKEN_INITIALIZED),
            "mechanisms": sorted(_name_of(one) for one in slot.get_mechanisms()),
            "counts": token_counts(self._path, slot.slot_id),
        }

    def _key(self, kind: str, label: str, use: str) -> Any:
        key = self._session.get_key(object_class=self._pkcs11.ObjectClass[kind], label=label)
        # python-pkcs11 leaves out what the key's own attributes do not allow, and what its type cannot do.
        if not hasattr(key, use):
            words = f"the key {label!r} of type {_name_of(key.key_type)} may not {use} (CKA_{use.upper()} is not set)"
            raise _Differs("key_function_not_permitted", words, code="CKR_KEY_FUNCTION_NOT_PERMITTED")
        return key

    def _sign(self, label: str, steps: list[Answer]) -> None:
        data = os.urandom(RANDOM_BYTES)
        mechanism = None

        def sign() -> bytes:
            nonlocal data, mechanism
            key = self._key("PRIVATE_KEY", label, "sign")
            mechanism = self._mechanism_of(key)
            data = hashlib.sha256(data).digest()
            try:
                return bytes(key.sign(data, mechanism=mechanism))
            except self._pkcs11.UserNotLoggedIn as refusal:
                if self._asks_each_time(key):
                    raise _OfKey("user_not_logged_in", ASKS_EACH_TIME, code=return_code(refusal)) from refusal
                raise

        signature = _step(steps, "sign", sign)
        if signature is None:
            return

        def verify() -> None:
            if not self._key("PUBLIC_KEY", label, "verify").verify(data, signature, mechanism=mechanism):
                raise _Differs("signature_invalid", "the token does not take the signature that it made")

        _step(steps, "verify", verify)

    def _asks_each_time(self, key: Any) -> bool:
        try:
            return bool(key[self._pkcs11.Attribute.ALWAYS_AUTHENTICATE])
        except self._pkcs11.PKCS11Error:
            return False

    def _mechanism_of(self, key: Any) -> Any:
        mechanism = self._pkcs11.Mechanism
        by_type = {"EC": mechanism.ECDSA, "RSA": mechanism.SHA256_RSA_PKCS, "EC_EDWARDS": mechanism.EDDSA}
        return by_type.get(_name_of(key.key_type))

    def _hmac(self, label: str, steps: list[Answer]) -> None:
        data = os.urandom(RANDOM_BYTES)

        def hmac() -> None:
            key, mechanism = self._key("SECRET_KEY", label, "sign"), self._pkcs11.Mechanism.SHA256_HMAC
            first = bytes(key.sign(data, mechanism=mechanism))
            if first != bytes(key.sign(data, mechanism=mechanism)):
                raise _Differs("operation_failed", "two HMACs of the same data differ")

        _step(steps, "hmac", hmac)

    def _encrypt(self, label: str, steps: list[Answer]) -> None:
        data, vector = os.urandom(RANDOM_BYTES), os.urandom(16)
        how = {"mechanism": self._pkcs11.Mechanism.AES_CBC_PAD, "mechanism_param": vector}
        found = _step(steps, "encrypt", lambda: bytes(self._key("SECRET_KEY", label, "encrypt").encrypt(data, **how)))
        if found is None:
            return

        def decrypt() -> None:
            if bytes(self._key("SECRET_KEY", label, "decrypt").decrypt(found, **how)) != data:
                raise _Differs("operation_failed", "what was decrypted is not what was encrypted")

        _step(steps, "decrypt", decrypt)

    def _random(self, _label: str, steps: list[Answer]) -> None:
        def random() -> None:
            first = bytes(self._session.generate_random(8 * RANDOM_BYTES))
            if first == bytes(self._session.generate_random(8 * RANDOM_BYTES)):
                raise _Differs("operation_failed", "two draws of random bytes are the same")

        _step(steps, "random", random)


def _step(steps: list[Answer], name: str, work: Callable[[], Any]) -> Any:
    """What the work gives, None where it failed; either way a timed step is noted."""
    started = time.perf_counter()
    try:
        result = work()
    except Exception as error:  # noqa: BLE001  # whatever a module raises is a finding
        steps.append({"kind": name, "seconds": time.perf_counter() - started, **_told(error)})
        return None
    steps.append({"kind": name, "seconds": time.perf_counter() - started})
    return result


def _told(error: BaseException) -> Answer:
    """An exception as an answer. Its text is the library's own or ours: neither holds a PIN or a key."""
    known = error.error_type if isinstance(error, _Differs | CallFailed) else pkcs11_error_type(error)
    if isinstance(error, ImportError):
        known = "not_supported"
    return {
        "error_type": known or plain_error_type(error),
        "code": error.code if isinstance(error, CallFailed | _Differs) else return_code(error),
        "message": str(error)[:_MESSAGE_CHARS_MAX],
        "is_harmless": isinstance(error, _OfKey),
    }


def _serial(token: Any) -> str:
    return bytes(token.serial).decode("utf-8", "replace").strip("\x00 ")


def _own_size() -> Answer:
    """What this process takes, and so the library in it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        return {"memory_bytes": pages * resource.getpagesize(), "open_files": files}
    except (OSError, ValueError, IndexError):
        return {}


def _version(pair: Any) -> str:
    return ".".join(str(part) for part in pair)


def _name_of(value: Any) -> str:
    """The name of a constant; vendors' own are numbers."""
    return str(getattr(value, "name", None) or hex(int(value)))


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end."""
    module: Module | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if request["call"] == "load":
                module = Module(*request["with"])
                answer: Answer = {}
            else:
                answer = getattr(module, request["call"])(*request["with"])
        except Exception as error:  # noqa: BLE001  # whatever a module raises is an answer
            answer = _told(error)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Run as a child."""
    _guard_itself()
    # Modules print, and read what is not theirs. Requests and answers have descriptors of their own.
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(requests, answers)


def _guard_itself() -> None:
    """Leave no dump with the PIN in it, let nobody look into this process, and do not outlive the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = DATA_BYTES_MAX if hard == resource.RLIM_INFINITY else min(DATA_BYTES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # rather this than the server
    control = ctypes.CDLL(None).prctl
    control(_PR_SET_PDEATHSIG, signal.SIGKILL)  # also while the module hangs
    # Dumps that are piped to a program (systemd-coredump) know no limit of size. This ends those, and ptrace of the same user.
    control(_PR_SET_DUMPABLE, 0)


if __name__ == "__main__":
    main()
