"""The keys that sign links: made at the first start, kept in a file for this user alone, exchanged each month."""

from __future__ import annotations

import itertools
import os
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec
import structlog

from anyascope.alerting.escalation.links import LINK_S
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import DeniedError, InvalidInputError, UnavailableError
from anyascope.wire.shapes import shape_of

KEY_FILE: Final = "links.key"  # in the data directory
KEY_BYTES: Final = 32  # HMAC-SHA-256's own strength
ROTATE_S: Final = 30 * 86_400  # who finds an old copy of the file can sign nothing with it
NUMBERS: Final = 2**16
OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO

log = structlog.get_logger("anyascope.alerting")


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    key: bytes
    made_ns: int


class LinkKeys:
    """The newest key signs; those before it verify until the last link of theirs has run out.

    Args:
        directory: where the file lies; None keeps keys in memory, and links end with the process.
    """

    def __init__(self, directory: Path | None, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._keys: list[_Stored] = []

    def open(self) -> None:
        """Read the keys, and make the first one.

        Raises:
            DeniedError: others than its owner may read or write the file.
            InvalidInputError: the file cannot be read, or holds no keys.
            UnavailableError: it cannot be written.
        """
        self._keys = [] if self._directory is None else _read(self._directory / KEY_FILE)
        self.current()

    def current(self) -> tuple[int, bytes]:
        """The key that signs now; a new one where the last one is a month old."""
        now_ns = self._clock.now_ns()
        if not self._keys:
            self._rotate(now_ns)
        elif now_ns - self._keys[-1].made_ns >= ROTATE_S * NS_PER_S:
            try:
                self._rotate(now_ns)
            except UnavailableError as error:
                log.warning("link_key_not_exchanged", reason=str(error))  # a page goes out whatever the disk does
        newest = self._keys[-1]
        return newest.number, newest.key

    def of(self, number: int) -> bytes | None:
        """The key of this number."""
        return next((one.key for one in self._keys if one.number == number), None)

    def _rotate(self, now_ns: int) -> None:
        number = (self._keys[-1].number + 1) % NUMBERS if self._keys else secrets.randbelow(NUMBERS)
        fresh = _Stored(number, secrets.token_bytes(KEY_BYTES), now_ns)
        # A key is of use until LINK_S after its successor was made.
        pairs = itertools.pairwise([*self._keys, fresh])
        kept = [*(one for one, successor in pairs if now_ns - successor.made_ns < LINK_S * NS_PER_S), fresh]
        if self._directory is not None:
            _write(self._directory / KEY_FILE, kept)
        self._keys = kept


def _read(file: Path) -> list[_Stored]:
    try:
        mode = file.stat().st_mode
        text = file.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidInputError(f"the key file {file} cannot be read: {error.strerror}") from error
    if mode & OTHERS_MAY:
        raise DeniedError(f"the key file {file} has mode {stat.S_IMODE(mode):04o}, others may use it: chmod 600 {file}")
    try:
        return shape_of(list[_Stored]).from_json(text)
    except msgspec.MsgspecError as error:
        raise InvalidInputError(
            f"the key file {file} is damaged; delete it, and links sent so far end: {error}"
        ) from error


def _write(file: Path, keys: list[_Stored]) -> None:
    """All or nothing: a crash leaves the old file or the new one."""
    fresh = file.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.encode(keys))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        raise UnavailableError(
            f"the key file {file} cannot be written: {error.strerror}", retry_after_s=60.0
        ) from error
