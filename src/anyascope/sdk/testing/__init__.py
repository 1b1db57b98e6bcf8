"""For tests of services: everything that the SDK would send, in memory, and contracts that say what must be there.

    def test_a_withdrawal_is_on_record(telemetry):        # the fixture; `with capture() as telemetry:` elsewhere
        withdraw("w1", sats=50_000)
        telemetry.span("bitcoin_operation", operation="send")
        telemetry.audit("withdrawal", phase="outcome")
        assert telemetry.metric("anya_bitcoin_transactions_total", operation_type="send") == 1

Nothing is loaded before it is used: pytest imports the plugin beside this file in every project of the environment.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyascope.clock import ManualClock
    from anyascope.ids import CountedIds
    from anyascope.sdk.testing.capturing import Captured, capture
    from anyascope.sdk.testing.contracts import ContractError, TelemetryContract
    from anyascope.sdk.testing.finding import NotCapturedError
    from anyascope.sdk.testing.patterns import alert, audit, log, metric, same, security, span
    from anyascope.sdk.testing.ready import BITCOIN_OPERATION, CUSTODY_WITHDRAWAL, HEALTH_CHECK, HSM_OPERATION
    from anyascope.sdk.testing.records import CapturedLog, CapturedSample, CapturedSpan

_HOMES = {
    "BITCOIN_OPERATION": "anyascope.sdk.testing.ready",
    "CUSTODY_WITHDRAWAL": "anyascope.sdk.testing.ready",
    "Captured": "anyascope.sdk.testing.capturing",
    "CapturedLog": "anyascope.sdk.testing.records",
    "CapturedSample": "anyascope.sdk.testing.records",
    "CapturedSpan": "anyascope.sdk.testing.records",
    "ContractError": "anyascope.sdk.testing.contracts",
    "CountedIds": "anyascope.ids",
    "HEALTH_CHECK": "anyascope.sdk.testing.ready",
    "HSM_OPERATION": "anyascope.sdk.testing.ready",
    "ManualClock": "anyascope.clock",
    "NotCapturedError": "anyascope.sdk.testing.finding",
    "TelemetryContract": "anyascope.sdk.testing.contracts",
    "alert": "anyascope.sdk.testing.patterns",
    "audit": "anyascope.sdk.testing.patterns",
    "capture": "anyascope.sdk.testing.capturing",
    "log": "anyascope.sdk.testing.patterns",
    "metric": "anyascope.sdk.testing.patterns",
    "same": "anyascope.sdk.testing.patterns",
    "security": "anyascope.sdk.testing.patterns",
    "span": "anyascope.sdk.testing.patterns",
}

__all__ = [
    "BITCOIN_OPERATION",
    "CUSTODY_WITHDRAWAL",
    "HEALTH_CHECK",
    "HSM_OPERATION",
    "Captured",
    "CapturedLog",
    "CapturedSample",
    "CapturedSpan",
    "ContractError",
    "CountedIds",
    "ManualClock",
    "NotCapturedError",
    "TelemetryContract",
    "alert",
    "audit",
    "capture",
    "log",
    "metric",
    "same",
    "security",
    "span",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
