"""Whether a PIN may be sent: never twice the same wrong one, and never so many that the token locks.

What was sent is written down before it is sent, one record a token: all HSMs of the settings that use the same token share it,
and a server that starts anew reads it. No PIN is written: of each one that was not taken, 16 bits of a slow salted hash. Whoever
reads them learns hardly anything of a wrong PIN, and one in 65,536 other PINs is held back without need.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.hsm.nouns import PinState, TokenSight
from anyascope.errors import InvalidInputError, UnavailableError
from anyascope.model.documents import Json, Put
from anyascope.model.secret import Secret, SecretFile
from anyascope.semconv.hsm import LOGIN_REFUSED
from anyascope.store.api.documents import DocumentStore

DOCUMENT_KIND = "collect.hsm.pin"
# How many PINs that were not taken, or got no answer, are sent between two good logins to a token that tells no count: cards lock
# at the third.
SENDS_MAX = 2
TRIALS_MAX = 50  # remembered a token; somebody who sets the fifty-first wrong PIN has to look at the token first
SCRYPT_COST = 2**14  # 16 MiB and 40 ms a PIN: all PINs of eight digits take a core 46 days
DIGEST_BYTES = 2
SALT_BYTES = 16
PIN_CHANGING = "pin_changing"
FILE_SETTLED_S = 1.0  # after its last change a file counts as written; a second of a rotation costs nobody anything

# Answers that come before the PIN is looked at: they use no try.
_UNSEEN = frozenset(
    (
        "session_count",
        "slot_id_invalid",
        "token_not_present",
        "token_not_recognized",
        "device_removed",
        "cryptoki_not_initialized",
        "user_already_logged_in",
        "user_another_already_logged_in",
        "user_pin_not_initialized",
        "not_supported",
    )
)
_HOLDING = (PinState.FINAL_TRY, PinState.LOCKED, PinState.UNINITIALIZED)


@dataclass(frozen=True, slots=True)
class Trial:
    """A PIN that was sent and not taken.

    Attributes:
        digest: of the PIN, in hex.
        error_type: how it was refused; empty where no answer came, or one that says nothing of the PIN.
        sends: since the last good login of anybody with this record.
    """

    digest: str
    error_type: str = ""
    sends: int = 0


class PinGate:
    """Decides over logins to one token. Between `holds` and `answered` its `turn` must be held.

    Args:
        key: of the token's record.
        cost: of the hash; a power of 2.
    """

    def __init__(self, key: str, *, documents: DocumentStore, cost: int = SCRYPT_COST) -> None:
        self.turn = asyncio.Lock()
        self._key = key
        self._documents = documents
        self._cost = cost
        self._salt = os.urandom(SALT_BYTES)
        self._trials: dict[str, Trial] = {}
        self._digests: dict[str, str] = {}  # PIN -> its digest; a second of hashing saved at each look
        self._good = ""  # digest of the PIN that was taken last, in this life alone
        self._is_loaded = False

    @property
    def is_suspicious(self) -> bool:
        """Whether PINs were sent and not taken since the last good login."""
        return any(one.sends for one in self._trials.values())

    async def holds(self, pin: str, state: PinState) -> str:
        """Why this PIN must not be sent to the token in this state; empty where it may.

        A token that counts a wrong try which is none of ours gets no PIN: somebody else is using its tries up.
        """
        if state in _HOLDING:
            return f"pin_{state.value}"
        if not await self._load():
            return "no_record"
        return self._refuses(await self._digest(pin), state)

    async def sending(self, pin: str) -> bool:
        """Write down that the PIN goes out now; whether that could be done."""
        digest = await self._digest(pin)
        if digest == self._good:
            return True
        trial = self._trials.get(digest, Trial(digest))
        self._trials[digest] = replace(trial, sends=trial.sends + 1)
        if await self._commit():
            return True
        self._unsend(digest)
        return False

    async def answered(self, pin: str, error_type: str) -> None:
        """A login came to this; an empty type is success."""
        digest = await self._digest(pin)
        if not error_type:
            self._good = digest
            self._trials.pop(digest, None)
            # It cleared the token's count; what was refused stays so.
            self._trials = {key: replace(one, sends=0) for key, one in self._trials.items() if one.error_type}
        elif error_type in LOGIN_REFUSED:
            self._good = ""
            trial = self._trials.get(digest, Trial(digest, sends=1))
            self._trials[digest] = replace(trial, error_type=error_type)
        elif error_type in _UNSEEN and digest in self._trials:
            self._unsend(digest)
        else:
            return
        await self._commit()

    async def release(self) -> None:
        """Forget what was refused: somebody looked at the token, and takes the tries upon himself.

        Raises:
            UnavailableError: it cannot be written now.
        """
        async with self.turn:
            if not await self._load():
                raise UnavailableError("the record of PINs cannot be read now", retry_after_s=1.0)
            if self._trials:
                await self._documents.commit([Put(DOCUMENT_KIND, self._key, to_json(self._salt, {}))])
                self._trials = {}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _refuses(self, digest: str, state: PinState) -> str:
        trial = self._trials.get(digest)
        if trial is not None and trial.error_type:
            return trial.error_type
        sends = sum(one.sends for one in self._trials.values())
        if state is PinState.LOW and not sends:
            return "pin_low"
        # A token that tells its count tells the last try, too.
        is_safe = state is PinState.LOW or digest == self._good or sends < SENDS_MAX
        if is_safe and len(self._trials) < TRIALS_MAX:
            return ""
        return "pin_unanswered" if trial is not None else "pins_refused"

    def _unsend(self, digest: str) -> None:
        trial = self._trials[digest]
        if trial.sends > 1 or trial.error_type:
            self._trials[digest] = replace(trial, sends=trial.sends - 1)
        else:
            del self._trials[digest]

    async def _digest(self, pin: str) -> str:
        if pin not in self._digests:
            made = await asyncio.to_thread(
                hashlib.scrypt, pin.encode(), salt=self._salt, n=self._cost, r=8, p=1, dklen=DIGEST_BYTES
            )
            while len(self._digests) >= TRIALS_MAX:
                del self._digests[next(iter(self._digests))]
            self._digests[pin] = made.hex()
        return self._digests[pin]

    async def _load(self) -> bool:
        if not self._is_loaded:
            try:
                document = await self._documents.get(DOCUMENT_KIND, self._key)
            except UnavailableError:
                return False
            if document is not None:
                self._salt, self._trials = from_json(document.body, self._salt)
            self._is_loaded = True
        return True

    async def _commit(self) -> bool:
        with contextlib.suppress(UnavailableError):
            await self._documents.commit([Put(DOCUMENT_KIND, self._key, to_json(self._salt, self._trials))])
            return True
        return False


class PinGates:
    """The gates of all tokens; one lives as long as the server, over reloads."""

    def __init__(self, documents: DocumentStore, *, cost: int = SCRYPT_COST) -> None:
        self._documents = documents
        self._cost = cost
        self._gates: dict[str, PinGate] = {}

    def of(self, token: TokenSight) -> PinGate:
        """The gate of a token, whichever HSM of the settings, slot or module leads to it."""
        key = f"{token.model}/{token.serial or token.label}"
        if key not in self._gates:
            self._gates[key] = PinGate(key, documents=self._documents, cost=self._cost)
        return self._gates[key]


class PinUnreadError(Exception):
    """There is no PIN to send now.

    Attributes:
        reason: `pin_unreadable`, `pin_empty` or `pin_changing`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_pin(source: Secret, *, now_ns: int) -> str:
    """The PIN. An empty one, or one that is being written, is none: half a PIN would use up a try.

    Raises:
        PinUnreadError: with what to mend.
    """
    try:
        pin = source.reveal()
        written_ns = source.path.stat().st_mtime_ns if isinstance(source, SecretFile) else 0
    except (InvalidInputError, OSError) as error:
        raise PinUnreadError("pin_unreadable", str(error)) from error
    if not pin:
        raise PinUnreadError("pin_empty", "there is nothing in it")
    if 0 <= now_ns - written_ns < FILE_SETTLED_S * NS_PER_S:
        raise PinUnreadError(PIN_CHANGING, "its file was written this moment and is read again")
    return pin


def to_json(salt: bytes, trials: Mapping[str, Trial]) -> dict[str, Json]:
    """A token's record as it is kept."""
    rows: list[Json] = [[one.digest, one.error_type, one.sends] for one in trials.values()]
    return {"salt": salt.hex(), "trials": rows}


def from_json(body: Mapping[str, Json], new_salt: bytes) -> tuple[bytes, dict[str, Trial]]:
    """Salt and trials of a token's record; what has another form is left out."""
    salt, rows = body.get("salt"), body.get("trials")
    try:
        known = bytes.fromhex(salt) if isinstance(salt, str) else b""
    except ValueError:
        known = b""
    if len(known) != SALT_BYTES or not isinstance(rows, list):
        return new_salt, {}
    trials = {}
    for row in rows:
        if isinstance(row, list) and len(row) == 3 and isinstance(row[2], int):
            trials[str(row[0])] = Trial(str(row[0]), str(row[1]), row[2])
    return known, trials
