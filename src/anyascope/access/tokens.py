"""Bearer tokens that live in files, one a file, each opening every door."""

from __future__ import annotations

import hashlib
import hmac
import stat
from collections.abc import Sequence

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import DeniedError, InvalidInputError
from anyascope.model.secret import Secret, SecretFile

TOKEN_CHARS_MIN = 16  # 64 bits in hex: beyond guessing over a network
READ_EVERY_S = 5  # how long a rotated token may be unknown, so that a storm of requests reads no files
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO

log = structlog.get_logger("anyascope.access")


def check_token_file(secret: SecretFile) -> None:
    """See that a token's file is fit for its purpose.

    Raises:
        DeniedError: others than its owner may read or write it.
        InvalidInputError: it cannot be read, or the token in it is too short.
    """
    try:
        mode = secret.path.stat().st_mode
    except OSError as error:
        raise InvalidInputError(f"token file {secret.path} cannot be read: {error.strerror}") from error
    if mode & OTHERS_MAY:
        raise DeniedError(
            f"token file {secret.path} has mode {stat.S_IMODE(mode):04o}, others may use it: chmod 600 {secret.path}"
        )
    length = len(secret.reveal())
    if length < TOKEN_CHARS_MIN:
        raise InvalidInputError(
            f"the token in {secret.path} has {length} characters, at least {TOKEN_CHARS_MIN} are needed: "
            f"openssl rand -hex 32 > {secret.path}"
        )


class Tokens:
    """Tells whether a text is one of the tokens, in a time that does not depend on which."""

    def __init__(self, secrets: Sequence[Secret], *, clock: Clock) -> None:
        self._secrets = tuple(secrets)
        self._clock = clock
        self._digests: list[bytes] = []
        self._read_at_ns: int | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._secrets)

    def accepts(self, text: str) -> bool:
        """Whether this is one of the tokens. A file that cannot be read gives none."""
        given = _digest(text)
        found = False
        for digest in self._known():
            found |= hmac.compare_digest(given, digest)
        return found

    def _known(self) -> list[bytes]:
        now_ns = self._clock.monotonic_ns()
        if self._read_at_ns is None or now_ns - self._read_at_ns >= READ_EVERY_S * NS_PER_S:
            self._digests = [digest for secret in self._secrets if (digest := _read(secret))]
            self._read_at_ns = now_ns
        return self._digests


def _read(secret: Secret) -> bytes:
    try:
        text = secret.reveal()
    except InvalidInputError as error:
        log.warning("token_unreadable", reason=error.message)
        return b""
    return _digest(text) if len(text) >= TOKEN_CHARS_MIN else b""


def _digest(text: str) -> bytes:
    # Digests are of one length, so that comparing them says nothing about the token's own.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
