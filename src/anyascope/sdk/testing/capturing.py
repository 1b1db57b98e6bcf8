"""Everything that would leave the process, in memory, while a test runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyascope.clock import Clock
from anyascope.ids import Ids
from anyascope.sdk.guard import strict
from anyascope.sdk.testing.finding import NotCapturedError, R, Record, fields_of, matches, missing_message, only
from anyascope.sdk.testing.patterns import Kind
from anyascope.sdk.testing.records import (
    CapturedAlert,
    CapturedLog,
    CapturedSample,
    CapturedSpan,
    Event,
    audit_event_in,
    security_event_in,
)

if TYPE_CHECKING:
    from anyascope.sdk.testing.metrics import CapturedMetrics

AUDIT_LOGGER = "anyascope.audit"
SECURITY_LOGGER = "anyascope.security"

_SUMMED = ("_total", "_count", "_sum", "_bucket")


class Captured:
    """What was captured so far; live while the capture lasts and readable afterwards.

    `span`, `log`, `audit`, `security_event` and `alert` give the one that matches; `spans`, `logs`, `audits`,
    `security_events` and `alerts` give all that match, in order. Fields are given by keyword, with two underscores for a dot
    (`operation__status="success"`); a value may be a function that judges what is found, a type, or `...` for any.

    Raises:
        NotCapturedError: where one was asked for and there is none, or more; the message says what there was.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._spans: list[CapturedSpan] = []
        self._logs: list[CapturedLog] = []
        self._alerts: list[CapturedAlert] = []
        self._metrics: CapturedMetrics | None = None

    def span(self, name: str | None = None, /, **fields: Any) -> CapturedSpan:
        """The one span of this name with these attributes; `status` and `kind` count as attributes."""
        return only("span", self.spans(), name, fields_of(fields))

    def spans(self, name: str | None = None, /, **fields: Any) -> list[CapturedSpan]:
        """All spans of this name with these attributes, in the order in which they ended."""
        return _matching(self._copy(self._spans), name, fields)

    def log(self, event: str | None = None, /, **fields: Any) -> CapturedLog:
        """The one record of this event with these fields; `level` and `logger` count as fields."""
        return only("log record", self.logs(), event, fields_of(fields))

    def logs(self, event: str | None = None, /, **fields: Any) -> list[CapturedLog]:
        """All records of this event with these fields, in order."""
        return _matching(self._copy(self._logs), event, fields)

    def audit(self, action: str | None = None, /, **fields: Any) -> Event:
        """The one audit event of this action; `phase`, `actor`, `resource` and `outcome` are fields."""
        return only("audit event", self.audits(), action, fields_of(fields))

    def audits(self, action: str | None = None, /, **fields: Any) -> list[Event]:
        """All audit events of this action, in order."""
        events = [audit_event_in(record) for record in self.logs(logger=AUDIT_LOGGER)]
        return _matching(events, action, fields)

    def security_event(self, event_type: str | None = None, /, **fields: Any) -> Event:
        """The one security event of this type; `severity` and `source` are fields."""
        return only("security event", self.security_events(), event_type, fields_of(fields))

    def security_events(self, event_type: str | None = None, /, **fields: Any) -> list[Event]:
        """All security events of this type, in order."""
        events = [security_event_in(record) for record in self.logs(logger=SECURITY_LOGGER)]
        return _matching(events, event_type, fields)

    def alert(self, title: str | None = None, /, **fields: Any) -> CapturedAlert:
        """The one alert of this title that a manager took over; its attributes and labels are fields."""
        return only("alert", self.alerts(), title, fields_of(fields))

    def alerts(self, title: str | None = None, /, **fields: Any) -> list[CapturedAlert]:
        """All alerts of this title, in order."""
        return _matching(self._copy(self._alerts), title, fields)

    def metric(self, name: str, /, **labels: Any) -> float:
        """A metric's value: of counters and histograms what was added since the capture began, of gauges what stands.

        Args:
            name: as it is scraped: `anya_bitcoin_transactions_total`, `anya_hsm_operation_duration_seconds_count`.
            labels: those that matter; counters that differ in others are summed up, of gauges one must be left.
        """
        samples = self.metrics()
        found = [sample for sample in samples if matches(sample, name, labels)]
        if len(found) == 1 or (found and name.endswith(_SUMMED)):
            return sum(sample.value for sample in found)
        if found:
            return only("metric", samples, name, labels).value
        own = [sample for sample in samples if sample.name == name] or self.metrics(changed=True)
        raise NotCapturedError(missing_message("metric", own, name, labels))

    def metrics(self, name: str | None = None, /, *, changed: bool = False, **labels: Any) -> list[CapturedSample]:
        """All samples of this name with these labels; with `changed` those that the captured code made or changed."""
        if self._metrics is None:
            return []
        samples = self._metrics.changed() if changed else self._metrics.samples()
        return [sample for sample in samples if matches(sample, name, labels)]

    def records(self, kind: Kind) -> Sequence[Record]:
        """Everything of one signal, as contracts read it."""
        match kind:
            case Kind.SPAN:
                return self.spans()
            case Kind.METRIC:
                return self.metrics(changed=True)
            case Kind.LOG:
                return self.logs()
            case Kind.AUDIT:
                return self.audits()
            case Kind.SECURITY:
                return self.security_events()
            case Kind.ALERT:
                return self.alerts()

    def clear(self) -> None:
        """Forget what was captured so far, but for metrics, which go on counting."""
        with self._lock:
            self._spans.clear()
            self._logs.clear()
            self._alerts.clear()

    def _copy(self, records: list[R]) -> list[R]:
        with self._lock:
            return list(records)


class capture:  # noqa: N801  # reads as the verb that it is: `with capture() as telemetry:`
    """A block in which telemetry is kept instead of sent, as a plain or an asynchronous context manager.

    Spans of every tracer (also of those that were got at import), records of `logging` and structlog, the SDK's metrics in a
    registry of their own, audit events, security events and alerts; without their secrets, as they would leave. Wrong use of
    the SDK raises. Everything is as it was when the block ends. Captures may be nested: the inner one takes all but records
    and alerts, which both get.

    Args:
        clock: spans and operations take their times from it.
        ids: traces, spans, operations and correlations take their ids from it.
        level: least level of the service's own records.
        is_strict: whether wrong use, and a fault of ours, raises.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        level: str | int = logging.INFO,
        is_strict: bool = True,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._level = level if isinstance(level, int) else logging.getLevelNamesMapping()[level.upper()]
        self._is_strict = is_strict
        self._stack = ExitStack()

    def __enter__(self) -> Captured:
        from anyascope.sdk.alerting.accounts import observe_alerts  # noqa: PLC0415  # each part loads where it is used
        from anyascope.sdk.operations.sources import given  # noqa: PLC0415  # as above
        from anyascope.sdk.testing.ids import given_ids  # noqa: PLC0415  # as above
        from anyascope.sdk.testing.logs import captured_logs  # noqa: PLC0415  # as above
        from anyascope.sdk.testing.metrics import captured_metrics  # noqa: PLC0415  # as above
        from anyascope.sdk.testing.spans import captured_spans  # noqa: PLC0415  # as above

        captured = Captured()
        with ExitStack() as stack:
            if self._is_strict:
                stack.enter_context(strict())
            stack.enter_context(given(clock=self._clock, ids=self._ids))
            stack.enter_context(given_ids(self._ids))
            captured._metrics = stack.enter_context(captured_metrics())  # noqa: SLF001  # its maker
            keep_span, keep_log = captured._spans.append, captured._logs.append  # noqa: SLF001  # as above
            stack.enter_context(captured_spans(keep_span, clock=self._clock, ids=self._ids))
            stack.enter_context(captured_logs(keep_log, level=self._level, clock=self._clock))
            keep_alert = captured._alerts.append  # noqa: SLF001  # as above
            stack.callback(observe_alerts(lambda alert: keep_alert(CapturedAlert.of(alert))))
            self._stack = stack.pop_all()
        return captured

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    async def __aenter__(self) -> Captured:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def _matching(records: Sequence[R], name: str | None, fields: dict[str, Any]) -> list[R]:
    wanted = fields_of(fields)
    return [record for record in records if matches(record, name, wanted)]
