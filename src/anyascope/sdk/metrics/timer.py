"""Measures one operation from its beginning to the moment when its outcome is known."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from anyascope.clock import NS_PER_S, Clock, SystemClock
from anyascope.sdk.guard import guarded, report_misuse
from anyascope.sdk.metrics.collectors import ERROR, BitcoinMetricsCollector, HsmMetricsCollector
from anyascope.sdk.metrics.recording import SUCCESS
from anyascope.sdk.metrics.registry import AnyaMetrics

Record = Callable[[str, float, int | None], None]  # status, seconds, satoshis

_SYSTEM_CLOCK = SystemClock()


class MetricsTimer:
    """A running operation; its first completion is recorded, and every further one is reported as misuse.

        timer = MetricsTimer.bitcoin_operation("send", "hot-1")
        …
        timer.complete_bitcoin("success", amount_sats=50_000)

        with MetricsTimer.hsm_operation("sign", "softhsm"):  # success, or error where the block raises
            …

    Args:
        kind: `bitcoin` or `hsm`, for messages.
        record: told once, of the outcome.
        amount_sats: what the context manager records where the block succeeds.
        clock: for the duration.

    Made by `bitcoin_operation` and `hsm_operation`.
    """

    __slots__ = ("_amount_sats", "_clock", "_is_done", "_kind", "_record", "_started_ns")

    def __init__(self, kind: str, record: Record, *, clock: Clock | None, amount_sats: int | None = None) -> None:
        self._kind = kind
        self._record = record
        self._amount_sats = amount_sats
        self._clock = _sound_clock(clock)
        self._is_done = False
        self._started_ns = self._clock.monotonic_ns()

    @classmethod
    def bitcoin_operation(
        cls,
        operation_type: str,
        wallet_id: str,
        amount_sats: int | None = None,
        *,
        metrics: AnyaMetrics | None = None,
        clock: Clock | None = None,
    ) -> MetricsTimer:
        """Start measuring a Bitcoin operation; arguments as of `BitcoinMetricsCollector.record_transaction`."""
        collector = BitcoinMetricsCollector(metrics)

        def record(status: str, seconds: float, amount: int | None) -> None:
            collector.record_transaction(operation_type, wallet_id, status, seconds, amount)

        return cls("bitcoin", record, clock=clock, amount_sats=amount_sats)

    @classmethod
    def hsm_operation(
        cls,
        operation_type: str,
        provider: str,
        *,
        metrics: AnyaMetrics | None = None,
        clock: Clock | None = None,
    ) -> MetricsTimer:
        """Start measuring an HSM operation; arguments as of `HsmMetricsCollector.record_operation`."""
        collector = HsmMetricsCollector(metrics)

        def record(status: str, seconds: float, _amount: int | None) -> None:
            collector.record_operation(operation_type, provider, status, seconds)

        return cls("hsm", record, clock=clock)

    @guarded(None)
    def complete_bitcoin(self, status: str, amount_sats: int | None = None) -> None:
        """The Bitcoin operation ended so; by default with the amount that it was started with."""
        self._complete("bitcoin", status, self._amount_sats if amount_sats is None else amount_sats)

    @guarded(None)
    def complete_hsm(self, status: str) -> None:
        """The HSM operation ended so."""
        self._complete("hsm", status, None)

    def __enter__(self) -> Self:
        return self

    @guarded(None)
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_done:
            self._complete(self._kind, SUCCESS if kind is None else ERROR, self._amount_sats)

    def _complete(self, kind: str, status: str, amount_sats: int | None) -> None:
        if self._is_done:
            report_misuse(
                f"this timer of a {self._kind} operation was completed already; what comes later is not recorded"
            )
            return
        self._is_done = True  # before anything that may raise: one operation is counted at most once
        seconds = max(self._clock.monotonic_ns() - self._started_ns, 0) / NS_PER_S
        self._record(status, seconds, amount_sats)
        if kind != self._kind:
            report_misuse(f"complete_{kind}() was called on a timer of a {self._kind} operation, and recorded as that")


def _sound_clock(clock: Clock | None) -> Clock:
    if clock is None:
        return _SYSTEM_CLOCK
    if callable(getattr(type(clock), "monotonic_ns", None)):
        return clock
    report_misuse(f"clock must tell monotonic_ns(), got a {type(clock).__name__}; the machine's is used")
    return _SYSTEM_CLOCK
