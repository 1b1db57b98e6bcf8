"""Who signs: an HSM through PKCS#11, or a stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

POINT_BYTES = 65  # an uncompressed point: 0x04, x, y


class SignerError(Exception):
    """The signer cannot sign; the message names PKCS#11's own return code where there is one."""


class Signer(Protocol):
    """Holds keys and signs with them; its methods block and are called from threads."""

    name: str
    provider: str
    is_real: bool

    def public_key(self, key_id: str) -> bytes:
        """The compressed public key (33 bytes) of a secp256k1 key."""

    def sign(self, key_id: str, digest: bytes) -> bytes:
        """The ECDSA signature (r, s; 64 bytes) of a 32-byte digest."""

    def active_keys(self) -> int:
        """How many private keys it holds."""

    def close(self) -> None:
        """Log out."""


class HsmSigner:
    """Signs inside a PKCS#11 token; the private key never leaves it.

    Args:
        module: path of the vendor's PKCS#11 library.
        token_label: the token.
        pin: of its user.
    """

    is_real = True

    def __init__(self, module: str, *, token_label: str, pin: str, provider: str = "softhsm") -> None:
        import pkcs11  # noqa: PLC0415 -- an extra: without it a stand-in signs

        self.name = f"token {token_label!r}"
        self.provider = provider
        self._one_at_a_time = threading.Lock()  # PKCS#11: a session does one operation at a time
        with _told_plainly("open a session"):
            token = pkcs11.lib(module).get_token(token_label=token_label)
            self._session: Any = token.open(user_pin=pin)

    def public_key(self, key_id: str) -> bytes:
        from pkcs11 import Attribute, KeyType, ObjectClass  # noqa: PLC0415 -- see above

        with self._one_at_a_time, _told_plainly(f"read the public key {key_id!r}"):
            key = self._session.get_key(ObjectClass.PUBLIC_KEY, KeyType.EC, label=key_id)
            point = bytes(key[Attribute.EC_POINT])[-POINT_BYTES:]  # without the OCTET STRING's head, where there is one
        return bytes([2 + (point[-1] & 1)]) + point[1:33]

    def sign(self, key_id: str, digest: bytes) -> bytes:
        from pkcs11 import KeyType, Mechanism, ObjectClass  # noqa: PLC0415 -- see above

        with self._one_at_a_time, _told_plainly(f"sign with {key_id!r}"):
            key = self._session.get_key(ObjectClass.PRIVATE_KEY, KeyType.EC, label=key_id)
            return bytes(key.sign(digest, mechanism=Mechanism.ECDSA))

    def active_keys(self) -> int:
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415 -- see above

        with self._one_at_a_time, _told_plainly("count the keys"):
            return sum(1 for _ in self._session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))

    def close(self) -> None:
        with self._one_at_a_time, _told_plainly("close the session"):
            self._session.close()


@contextmanager
def _told_plainly(doing: str) -> Iterator[None]:
    """Many of PKCS#11's faults have an empty message: say what was being done, and the return code's name."""
    from pkcs11.exceptions import PKCS11Error  # noqa: PLC0415 -- see above

    try:
        yield
    except PKCS11Error as error:
        raise SignerError(f"cannot {doing}: {type(error).__name__} {error}".rstrip()) from error
