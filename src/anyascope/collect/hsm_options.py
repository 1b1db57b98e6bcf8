"""What the HSM collector can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret

# A failure must be told within 2 s of its beginning. A look takes a millisecond of the library, hardly any of a device; a
# signature takes 73 ms of a YubiHSM 2, which is the slowest.
INTERVAL_S = 1.0
LATE_AFTER_S = 0.5  # slow devices sign in 100 to 300 ms; with a look a second, what hangs is told after 1.5 s
TIMEOUT_S = 5.0  # a signature takes milliseconds, 200 ms in slow cards; what takes 5 s hangs
INVENTORY_INTERVAL_S = 300.0  # keys change by ceremony; listing thousands of them keeps a card busy for seconds


@dataclass(frozen=True, slots=True)
class Pkcs11Options:
    """A token behind a PKCS#11 module.

    Attributes:
        module: the vendor's shared library.
        token: the label of the token that is watched; empty is the only one there is.
        serial: its serial number, where the label alone does not say which one; empty for any.
        pin: of the user; None leaves private keys and the canary's keys out of reach.
        environment: what the module's process gets beside the server's own variables.
    """

    module: Path
    token: str = ""
    serial: str = ""
    pin: Secret | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class SignerKind(Enum):
    """How a signer is spoken to."""

    PKCS11 = "pkcs11"
    VAULT = "vault"
    WEB3SIGNER = "web3signer"


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """A signer behind HTTP.

    Attributes:
        address: scheme, host and port, without a slash at the end.
        mount: where Vault has its Transit engine.
    """

    kind: SignerKind
    address: str
    mount: str = ""
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True)
class CanaryOptions:
    """Operations that are made to see that they work.

    Attributes:
        sign, hmac, encrypt: labels of keys that serve for nothing else; empty leaves the operation out.
        has_random: whether random bytes are asked for.
        interval_s: seconds between two runs.
    """

    sign: str = ""
    hmac: str = ""
    encrypt: str = ""
    has_random: bool = True
    interval_s: float = INTERVAL_S


@dataclass(frozen=True, slots=True)
class HsmOptions:
    """One HSM.

    Attributes:
        name: label `hsm` of its series, and part of its component's name.
        provider: label `provider`, such as `softhsm`, `yubihsm`, `cloudhsm`, `luna`, `ncipher`.
        interval_s: seconds between two looks.
        late_after_s: after how long without an answer a call is told to be late; it is waited for on.
        timeout_s: how long one call may take; then its process is killed.
        key_labels: the only labels of keys that leave; of all others only counts do.
    """

    name: str
    provider: str
    source: Pkcs11Options | RemoteOptions
    interval_s: float = INTERVAL_S
    late_after_s: float = LATE_AFTER_S
    timeout_s: float = TIMEOUT_S
    inventory_interval_s: float = INVENTORY_INTERVAL_S
    key_labels: tuple[str, ...] = ()
    canary: CanaryOptions = field(default_factory=CanaryOptions)
