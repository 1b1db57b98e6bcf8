"""Helpers that wrap a service's real functions: each run leaves a span, metrics and log lines, and an HSM's an audit trail."""

from anyascope.sdk.operations.bitcoin import BitcoinOperation, trace_bitcoin_operation
from anyascope.sdk.operations.health import HealthCheck, trace_health_check
from anyascope.sdk.operations.hsm import HsmOperation, trace_hsm_operation
from anyascope.sdk.operations.running import Operation
from anyascope.sdk.operations.types import (
    BitcoinError,
    BitcoinTransactionData,
    HealthCheckResult,
    HealthStatus,
    HsmError,
    InsufficientFunds,
    KeyNotFound,
    OperationFailed,
    TransactionFailed,
)

__all__ = [
    "BitcoinError",
    "BitcoinOperation",
    "BitcoinTransactionData",
    "HealthCheck",
    "HealthCheckResult",
    "HealthStatus",
    "HsmError",
    "HsmOperation",
    "InsufficientFunds",
    "KeyNotFound",
    "Operation",
    "OperationFailed",
    "TransactionFailed",
    "trace_bitcoin_operation",
    "trace_health_check",
    "trace_hsm_operation",
]
