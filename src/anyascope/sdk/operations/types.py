"""What custody operations are told about, what they give, and how they fail.

A service may raise these errors or its own: operations are told apart by what happens, not by who raises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BitcoinTransactionData:
    """What is known about a transaction when an operation on it begins.

    Args:
        txid: 64 hex digits as nodes print them; None before the transaction has one.
        amount_sats: what moves, in sats, without the fee; None where it is not known.
        fee_rate_sat_per_vb: sats a virtual byte; None where it is not known.
    """

    txid: str | None = None
    amount_sats: int | None = None
    fee_rate_sat_per_vb: float | None = None


class BitcoinError(Exception):
    """A Bitcoin operation failed."""

    TransactionFailed: ClassVar[type[TransactionFailed]]
    InsufficientFunds: ClassVar[type[InsufficientFunds]]


class TransactionFailed(BitcoinError):  # noqa: N818  # the name that the platform's design gave it
    """A transaction could not be made, signed or sent, or was refused."""

    def __init__(self, message: str = "Transaction failed") -> None:
        super().__init__(message)


class InsufficientFunds(BitcoinError):  # noqa: N818  # the name that the platform's design gave it
    """The wallet holds less than amount and fee."""

    def __init__(self, message: str = "Insufficient funds") -> None:
        super().__init__(message)


class HsmError(Exception):
    """An operation inside a hardware security module failed."""

    OperationFailed: ClassVar[type[OperationFailed]]
    KeyNotFound: ClassVar[type[KeyNotFound]]


class OperationFailed(HsmError):  # noqa: N818  # the name that the platform's design gave it
    """The module refused or could not finish."""

    def __init__(self, message: str = "HSM operation failed") -> None:
        super().__init__(message)


class KeyNotFound(HsmError):  # noqa: N818  # the name that the platform's design gave it
    """The module has no key of this identifier, or does not show it to this session."""

    def __init__(self, message: str = "Key not found") -> None:
        super().__init__(message)


# The design writes them as members of their family: `HsmError.KeyNotFound`.
BitcoinError.TransactionFailed = TransactionFailed
BitcoinError.InsufficientFunds = InsufficientFunds
HsmError.OperationFailed = OperationFailed
HsmError.KeyNotFound = KeyNotFound


class HealthStatus(StrEnum):
    """How a component is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """What a health check found.

    Args:
        status: how the component is.
        check_type: what was looked at, such as `bitcoin_node`.
        duration: seconds that the check took.
        error_message: what is wrong; None where nothing is.
    """

    status: HealthStatus
    check_type: str
    duration: float
    error_message: str | None = None

    def is_healthy(self) -> bool:
        """Whether all is well; degraded is not."""
        return self.status == HealthStatus.HEALTHY
