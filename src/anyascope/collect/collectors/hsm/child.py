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
from collections import Counter
from collections.abc import Callable
from typing import Any, TextIO

from anyascope.collect.collectors.hsm.token_info import token_counts
from anyascope.semconv.hsm import pkcs11_error_type, plain_error_type, return_code

CERTIFICATES_MAX = 200  # of a token; a card holds tens
CERTIFICATE_BYTES_MAX = 16_384  # a chain's largest is 4 kB
RANDOM_BYTES = 32
UNKNOWN = "unknown"
_PR_SET_PDEATHSIG = 1
_MESSAGE_CHARS_MAX = 1_000  # a loader names a long path twice before it says what is wrong

Answer = dict[str, Any]


class _Differs(Exception):  # noqa: N818  # told by its type
    """The module answered, and wrongly."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class Module:
    """A loaded module and, after `login`, one open session."""

    def __init__(self, path: str) -> None:
        # Here, so that its absence is an answer like any other.
        import pkcs11  # noqa: PLC0415

        self._path = path
        self._pkcs11 = pkcs11
        self._lib = pkcs11.lib(path)
        self._session: Any = None

    def look(self, token: str) -> Answer:
        """Slots, tokens and which one is watched."""
        watched, present = self._find(token)
        if not watched:
            # Modules see new tokens only when they start. Sessions end with it; one on a token that is gone is of no use.
            self._session = None
            self._lib.reinitialize()
            watched, present = self._find(token)
        return {
            "library": self._lib.manufacturer_id,
            "library_version": _version(self._lib.library_version),
            "slots": len(self._lib.get_slots()),
            "tokens": present,
            "watched": watched[0]["slot"] if len(watched) == 1 else None,
            "is_ambiguous": len(watched) > 1,
            "is_open": self._session is not None,
        }

    def open(self, slot: int, pin: str | None) -> Answer:
        """Open the one session, logged in where there is a PIN."""
        found = next(one for one in self._lib.get_slots(token_present=True) if one.slot_id == slot)
        self._session = found.get_token().open(user_pin=pin)
        return {}

    def inventory(self, labels: list[str]) -> Answer:
        """Counts of keys by class and type, of allowed labels, and certificates."""
        attribute, classes = self._pkcs11.Attribute, self._pkcs11.ObjectClass
        keys: Counter[tuple[str, str]] = Counter()
        named: Counter[str] = Counter(dict.fromkeys(labels, 0))
        for kind, name in (
            (classes.PRIVATE_KEY, "private"),
            (classes.PUBLIC_KEY, "public"),
            (classes.SECRET_KEY, "secret"),
        ):
            for key in self._session.get_objects({attribute.CLASS: kind}):
                keys[name, self._said(key, "key_type")] += 1
                if (label := self._said(key, "label")) in named:
                    named[label] += 1
        certificates: list[str] = []
        for found in self._session.get_objects({attribute.CLASS: classes.CERTIFICATE}):
            value = bytes(found[attribute.VALUE])
            if len(value) <= CERTIFICATE_BYTES_MAX and len(certificates) < CERTIFICATES_MAX:
                certificates.append(value.hex())
        return {
            "keys": [[*pair, count] for pair, count in keys.items()],
            "labels": dict(named),
            "certificates": certificates,
        }

    def canary(self, kind: str, label: str) -> Answer:
        """One operation and what belongs to it, each timed."""
        steps: list[Answer] = []
        work = {"sign": self._sign, "hmac": self._hmac, "encrypt": self._encrypt, "random": self._random}[kind]
        work(label, steps)
        return {"steps": steps}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _find(self, label: str) -> tuple[list[Answer], list[Answer]]:
        """The tokens with this label, and all that are there; an empty label is that of each."""
        tokens = []
        for slot in self._lib.get_slots(token_present=True):
            # A token that is being pulled out must not hide the others; it counts as absent.
            with contextlib.suppress(self._pkcs11.PKCS11Error):
                tokens.append(self._token(slot))
        present = [found for found in tokens if found["is_initialized"]]
        return [found for found in present if label in ("", found["label"])], present

    def _token(self, slot: Any) -> Answer:
        token = slot.get_token()
        return {
            "slot": slot.slot_id,
            "label": token.label,
            "serial": bytes(token.serial).decode("utf-8", "replace").strip("\x00 "),
            "manufacturer": token.manufacturer_id,
            "model": token.model,
            "firmware": _version(token.firmware_version),
            "hardware": _version(token.hardware_version),
            "flags": int(token.flags),
            "is_initialized": bool(token.flags & self._pkcs11.TokenFlag.TOKEN_INITIALIZED),
            "mechanisms": sorted(_name_of(one) for one in slot.get_mechanisms()),
            "counts": token_counts(self._path, slot.slot_id),
        }

    def _said(self, key: Any, attribute: str) -> str:
        """An attribute as a text; `unknown` where the module does not tell it, or tells what the standard does not know."""
        try:
            value = getattr(key, attribute)
        except (self._pkcs11.PKCS11Error, ValueError):
            return UNKNOWN
        return value if isinstance(value, str) else _name_of(value)

    def _key(self, kind: str, label: str) -> Any:
        return self._session.get_key(object_class=self._pkcs11.ObjectClass[kind], label=label)

    def _sign(self, label: str, steps: list[Answer]) -> None:
        data = os.urandom(RANDOM_BYTES)
        mechanism = None

        def sign() -> bytes:
            nonlocal data, mechanism
            key = self._key("PRIVATE_KEY", label)
            mechanism = self._mechanism_of(key)
            data = hashlib.sha256(data).digest()
            return bytes(key.sign(data, mechanism=mechanism))

        signature = _step(steps, "sign", sign)
        if signature is None:
            return

        def verify() -> None:
            if not self._key("PUBLIC_KEY", label).verify(data, signature, mechanism=mechanism):
                raise _Differs("signature_invalid", "the token does not take the signature that it made")

        _step(steps, "verify", verify)

    def _mechanism_of(self, key: Any) -> Any:
        mechanism = self._pkcs11.Mechanism
        by_type = {"EC": mechanism.ECDSA, "RSA": mechanism.SHA256_RSA_PKCS, "EC_EDWARDS": mechanism.EDDSA}
        return by_type.get(_name_of(key.key_type))

    def _hmac(self, label: str, steps: list[Answer]) -> None:
        data = os.urandom(RANDOM_BYTES)

        def hmac() -> None:
            key, mechanism = self._key("SECRET_KEY", label), self._pkcs11.Mechanism.SHA256_HMAC
            first = bytes(key.sign(data, mechanism=mechanism))
            if first != bytes(key.sign(data, mechanism=mechanism)):
                raise _Differs("operation_failed", "two HMACs of the same data differ")

        _step(steps, "hmac", hmac)

    def _encrypt(self, label: str, steps: list[Answer]) -> None:
        data, vector = os.urandom(RANDOM_BYTES), os.urandom(16)
        how = {"mechanism": self._pkcs11.Mechanism.AES_CBC_PAD, "mechanism_param": vector}
        found = _step(steps, "encrypt", lambda: bytes(self._key("SECRET_KEY", label).encrypt(data, **how)))
        if found is None:
            return

        def decrypt() -> None:
            if bytes(self._key("SECRET_KEY", label).decrypt(found, **how)) != data:
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
    known = error.error_type if isinstance(error, _Differs) else pkcs11_error_type(error)
    if isinstance(error, ImportError):
        known = "not_supported"
    return {
        "error_type": known or plain_error_type(error),
        "code": return_code(error),
        "message": str(error)[:_MESSAGE_CHARS_MAX],
    }


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
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash of the module must not write the PIN to the disk
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # also while the module hangs
    # Modules print. Answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
