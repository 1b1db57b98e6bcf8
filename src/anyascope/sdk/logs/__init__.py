"""JSON logs with trace and correlation ids, from structlog and from the standard library alike, without secrets.

    log = structlog.get_logger("custody")                        # or logging.getLogger("custody")
    log.info("withdrawal_signed", wallet_id="w1", amount_sats=50_000)

`anyascope.sdk.init` sets this up; `emit` is how the SDK itself writes, whether or not it was set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyascope.sdk.logs.emitting import emit
from anyascope.sdk.logs.entry import joined_ids
from anyascope.sdk.logs.levels import set_level
from anyascope.sdk.logs.records import caller_fields

if TYPE_CHECKING:
    from anyascope.sdk.logs.records import JsonFormatter
    from anyascope.sdk.logs.setup import initialize_logs, shutdown_logs
    from anyascope.sdk.logs.structured import service_processor

__all__ = [
    "JsonFormatter",
    "caller_fields",
    "emit",
    "initialize_logs",
    "joined_ids",
    "service_processor",
    "set_level",
    "shutdown_logs",
]

# What needs structlog or OpenTelemetry's log SDK loads when it is used: every part of ours imports `emit`.
_HOMES = {
    "JsonFormatter": "records",
    "initialize_logs": "setup",
    "service_processor": "structured",
    "shutdown_logs": "setup",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415  # only the first time that a name is asked for

    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
