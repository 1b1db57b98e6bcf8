"""What is known of an HSM: tokens, keys, operations and failures; and the door to whatever knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from anyascope.collect.hsm_options import CanaryOptions
from anyascope.semconv.hsm import LOGIN_REFUSED

# Findings after which the module's process is as good as before. After all others it starts anew, as many modules
# have to be initialised again once their device was away.
HARMLESS = LOGIN_REFUSED | {
    "key_not_found",
    "key_type_inconsistent",
    "key_function_not_permitted",
    "mechanism_invalid",
    "mechanism_param_invalid",
    "signature_invalid",
    "operation_failed",
    "permission_denied",
    "invalid_argument",
    "not_supported",
    "multiple_objects_returned",
    # What the key, or the data, cannot do.
    "action_prohibited",
    "attribute_sensitive",
    "attribute_type_invalid",
    "curve_not_supported",
    "data_invalid",
    "data_len_range",
    "domain_params_invalid",
    "encrypted_data_invalid",
    "encrypted_data_len_range",
    "function_not_supported",
    "function_rejected",
    "key_exhausted",
    "key_size_range",
    "public_key_invalid",
    "random_no_rng",
    "signature_len_range",
}


class HsmFailure(Exception):  # noqa: N818  # a finding that is counted and told, not a fault of this program
    """Something that did not work.

    Attributes:
        error_type: one of the closed set of `semconv.hsm`.
        code: PKCS#11's own return code, such as `CKR_PIN_INCORRECT`; empty where there is none.
        is_harmless: whether the module's process is as good as before.
    """

    def __init__(self, error_type: str, message: str = "", *, code: str = "", is_harmless: bool = False) -> None:
        super().__init__(message or code or error_type)
        self.error_type = error_type
        self.code = code
        self.is_harmless = is_harmless or error_type in HARMLESS


class PinState(Enum):
    """What a token says of a PIN, the user's or the security officer's."""

    OK = "ok"
    LOW = "low"  # a wrong one was entered since the last login
    FINAL_TRY = "final_try"  # one more wrong one locks it
    LOCKED = "locked"
    TO_BE_CHANGED = "to_be_changed"
    UNINITIALIZED = "uninitialized"


@dataclass(frozen=True, slots=True)
class TokenSight:
    """A token as it describes itself. Figures of `counts` that the module does not know are left out.

    Attributes:
        counts: `sessions`, `sessions_max`, `rw_sessions`, `rw_sessions_max`, and bytes: `public_total`, `public_free`,
            `private_total`, `private_free`.
        pin: of the user; None for what has no PIN.
        so_pin: of the security officer; None for what has none.
        mechanisms: empty where there is no such list.
    """

    slot: str
    label: str
    serial: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    hardware: str = ""
    pin: PinState | None = PinState.OK
    mechanisms: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    so_pin: PinState | None = None


@dataclass(frozen=True, slots=True)
class ModuleSight:
    """The process that has the vendor's library loaded.

    Attributes:
        memory_bytes: that it keeps in memory; 0 where that is not known.
        open_files: 0 where that is not known.
        starts: how often it was started since the collector began.
    """

    memory_bytes: int = 0
    open_files: int = 0
    starts: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """The whole HSM at one moment.

    Attributes:
        tokens: all that are present and initialized; the watched one is `watched`, None where it is missing.
        login_words: more of it, such as which file cannot be read.
        warnings: what it says of itself that is not well, though it answers; one sentence each.
        empty: how many more are not initialized.
        module: None for what is behind no library.
        login_held: why no PIN is sent, such as `pin_incorrect`; empty where nothing holds it back.
    """

    library: str = ""
    library_version: str = ""
    slots: int = 0
    tokens: tuple[TokenSight, ...] = ()
    watched: TokenSight | None = None
    login_held: str = ""
    login_words: str = ""
    warnings: tuple[str, ...] = ()
    empty: int = 0
    module: ModuleSight | None = None


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """What tells a key from others. What the token does not tell is empty.

    Attributes:
        kind: `private`, `public` or `secret`.
        key_id: CKA_ID, in hexadecimal.
        parameters: curve (CKA_EC_PARAMS, in hexadecimal), or size in bits.
        fingerprint: of its public part, or of the check value of a secret key.
    """

    kind: str
    key_type: str
    key_id: str = ""
    parameters: str = ""
    fingerprint: str = ""

    @property
    def words(self) -> str:
        """It in words."""
        of_it = f" id {self.key_id}" if self.key_id else ""
        return f"{self.kind} {self.key_type}{of_it} {self.fingerprint[:16] or 'that cannot be read'}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies on the watched token.

    Attributes:
        keys: (class, type) -> count, such as (`private`, `EC`).
        labels: allowed label -> keys that carry it.
        certificates: in DER.
        identities: allowed label -> its keys; all others have the label "".
        too_many: label -> its keys, where they are too many to tell them from one another.
    """

    keys: Mapping[tuple[str, str], int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    certificates: tuple[bytes, ...] = ()
    identities: Mapping[str, tuple[KeyIdentity, ...]] = field(default_factory=dict)
    too_many: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that was tried, and how long it took."""

    kind: str
    seconds: float
    failure: HsmFailure | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that is under way.

    Attributes:
        call: `look`, `login`, or a canary operation such as `canary_sign`.
        since_ns: monotonic nanoseconds.
    """

    call: str
    since_ns: int


class HsmProvider(Protocol):
    """Whatever keeps keys and signs."""

    async def look(self) -> Sight:
        """Ask how it is; logs in where that is needed and nothing holds it back.

        Raises:
            HsmFailure: it does not answer.
        """

    async def inventory(self) -> Inventory | None:
        """List keys and certificates; None where the list is long and goes on at the next call.

        Raises:
            HsmFailure: they cannot be listed.
        """

    async def canary(self) -> tuple[Operation, ...]:
        """Make the operations that were asked for; a failed one is told in its place."""

    def pending(self) -> Pending | None:
        """The call that is waited for; None where none is, and for those that may take long: starting, listing keys."""

    async def release(self, token: TokenSight) -> None:
        """Somebody looked at the token: what holds back the PIN for what was refused before is forgotten.

        Raises:
            UnavailableError: that cannot be kept now.
        """

    def drain(self) -> tuple[Operation, ...]:
        """What was done besides since the last call, such as logins."""

    async def close(self) -> None:
        """Let go of it."""


def wanted(canary: CanaryOptions) -> tuple[tuple[str, str], ...]:
    """The canary's operations, each with its key's label."""
    named = (("sign", canary.sign), ("hmac", canary.hmac), ("encrypt", canary.encrypt))
    return (*((kind, label) for kind, label in named if label), *((("random", ""),) if canary.has_random else ()))


def is_lost(operations: Iterable[Operation]) -> bool:
    """Whether one of them failed so that nothing more can be asked for in this round."""
    return any(one.failure is not None and not one.failure.is_harmless for one in operations)
