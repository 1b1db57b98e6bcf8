"""Health checks: how a component is, as a span, a gauge and a log line where something is wrong."""

from __future__ import annotations

import functools
import logging
import socket
from collections.abc import Mapping
from typing import Any

from anyascope.sdk.guard import quoted, report_misuse
from anyascope.sdk.operations import measures
from anyascope.sdk.operations.arguments import Arguments, Given, Name
from anyascope.sdk.operations.running import NS_PER_MS, Operation
from anyascope.sdk.operations.traced import Traced
from anyascope.sdk.operations.types import HealthCheckResult, HealthStatus
from anyascope.sdk.values import MESSAGE_CHARS_MAX, UNKNOWN, bounded, identifier, printed

SPAN_NAME = "health_check"

SCORES = {HealthStatus.HEALTHY: 1.0, HealthStatus.DEGRADED: 0.5, HealthStatus.UNHEALTHY: 0.0}
"""What `component_health` shows."""

# How checks commonly say it; what is not here is misuse.
_WORDS = {
    **dict.fromkeys(("healthy", "ok", "up", "pass", "passed", "good"), HealthStatus.HEALTHY),
    **dict.fromkeys(("degraded", "warn", "warning"), HealthStatus.DEGRADED),
    **dict.fromkeys(("unhealthy", "down", "fail", "failed", "error", "critical", "bad"), HealthStatus.UNHEALTHY),
}
_PAIR = 2
_MESSAGES = ("error_message", "error", "message", "detail")

Finding = tuple[HealthStatus, str]
"""How the component is, and what is wrong; the text is empty where nothing was said."""


def finding_in(result: object) -> Finding:
    """What a check found.

    Nothing at all (None) is healthy: the check looked and did not complain. True and False, a `HealthStatus` or its word, a
    `HealthCheckResult`, a pair of such a status and a message, or a mapping with `status` (and `error` or `message`).
    """
    if isinstance(result, HealthCheckResult):
        return finding_in((result.status, result.error_message))
    if isinstance(result, Mapping) and "status" in result:
        return finding_in((result["status"], next(filter(None, (result.get(name) for name in _MESSAGES)), None)))
    if type(result) is tuple and len(result) == _PAIR:
        return _status(result[0]), "" if result[1] is None else bounded(printed(result[1]), MESSAGE_CHARS_MAX)
    return _status(result), ""


def _status(value: object) -> HealthStatus:
    if value is None or value is True:
        return HealthStatus.HEALTHY
    if value is False:
        return HealthStatus.UNHEALTHY
    known = _WORDS.get(str.__str__(value).lower()) if isinstance(value, str) else None
    if known is None:
        report_misuse(f"a health check must give a status, a bool or nothing, got {quoted(value)}")
        return HealthStatus.HEALTHY
    return known


@functools.cache
def _host() -> str:
    return socket.gethostname() or UNKNOWN


class HealthCheck(Operation):
    """One run of a health check."""

    __slots__ = ("_arguments", "_declared", "_found", "check_type")

    def __init__(self, declared: HealthChecks, arguments: Arguments) -> None:
        super().__init__()
        self.check_type = UNKNOWN
        self._declared = declared
        self._arguments = arguments
        self._found: Finding = (HealthStatus.HEALTHY, "")

    def _begin(self) -> None:
        check_type = self.check_type = self._declared.check_type.name(self._arguments)
        self._open(SPAN_NAME, {"check_type": check_type})
        self._say(logging.DEBUG, "health_check_started", {"check_type": check_type})

    def _mark(self) -> None:
        status, message = self._found = self._finding()
        marks: dict[str, Any] = {"health.duration_ms": self._duration_ns // NS_PER_MS, "health.status": status.value}
        marks["health.result"] = "healthy" if status is HealthStatus.HEALTHY else "unhealthy"
        if status is not HealthStatus.HEALTHY:
            marks["health.error"] = message or status.value
        self._mark_outcome(marks, error=marks["health.error"] if status is HealthStatus.UNHEALTHY else None)

    def _finding(self) -> Finding:
        if self._failed:
            return HealthStatus.UNHEALTHY, self._error_text()
        return finding_in(self._result)

    def _measure(self) -> None:
        instance = self._declared.instance or _host()
        measures.system.update_component_health(self.check_type, instance, SCORES[self._found[0]])

    def _tell(self) -> None:
        status, message = self._found
        said: dict[str, Any] = {
            "check_type": self.check_type,
            "status": status.value,
            "duration_ms": self.duration_ms,
        }
        if status is HealthStatus.HEALTHY:
            self._say(logging.DEBUG, "health_check_passed", said)
        else:
            self._say(logging.WARNING, "health_check_failed", {**said, "error": message or status.value})


class HealthChecks(Traced[HealthCheck]):
    """What `trace_health_check` gives."""

    __slots__ = ("check_type", "instance")

    def __init__(self, check_type: Name, instance: str | None) -> None:
        super().__init__()
        self.check_type = Given(check_type, "check_type")
        self.instance = None if instance is None else identifier(instance, "instance")

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> HealthCheck:
        return HealthCheck(self, (args, kwargs))


def trace_health_check(check_type: Name, *, instance: str | None = None) -> HealthChecks:
    """A span `health_check`, the gauge `component_health` and log lines around the caller's real check.

        @trace_health_check("bitcoin_node")
        async def check_node() -> bool: ...

    Args:
        check_type: the component that is looked at, such as `bitcoin_node`, `hsm`, `database`.
        instance: which of several; the host's name where it is not given.

    What the check returns says how the component is: True, False, a `HealthStatus` or its word, a `HealthCheckResult`, a pair
    of status and message, a mapping with `status`; nothing is healthy. An exception is unhealthy, and passes through.
    """
    return HealthChecks(check_type, instance)
