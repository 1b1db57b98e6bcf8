"""`AnyaMetrics`: the 19 metrics as `prometheus_client` objects in one registry."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from anyascope.sdk.guard import guarded, report_misuse, tell_once
from anyascope.sdk.metrics.catalogue import OWN_SPECS, SPECS, Kind, Spec
from anyascope.sdk.metrics.directory import directory, forget_locks
from anyascope.sdk.metrics.forks import renew_locks
from anyascope.sdk.metrics.gauges import LatestGauge, SharedGauge
from anyascope.sdk.metrics.labels import LabelGuard
from anyascope.sdk.metrics.registries import is_a, sound_registry
from anyascope.sdk.metrics.silent import SilentMetric


class AnyaMetrics:
    """What a custody platform counts and measures.

    Each attribute is a `prometheus_client` object; `docs/reference/metrics.md` lists names, labels and buckets. One that
    cannot be made (its name is taken in this registry, its files cannot be written) is told once and takes every call in
    silence.

    Args:
        registry: where they are registered; None for `prometheus_client.REGISTRY`.
        label_limits: distinct values by label name, 1 to 100,000; beyond them a value becomes `other` and is counted in
            `anya_label_values_capped_total{label}`. By default 1,000 for `wallet_id`, 500 for `endpoint` and `instance`,
            100 for every other label.
    """

    bitcoin_transactions_total: Counter
    bitcoin_transaction_duration: Histogram
    bitcoin_wallet_balance_sats: Gauge
    bitcoin_mempool_size: Gauge
    bitcoin_block_height: Gauge
    hsm_operations_total: Counter
    hsm_operation_duration: Histogram
    hsm_active_keys: Gauge
    hsm_errors_total: Counter
    http_requests_total: Counter
    http_request_duration: Histogram
    http_active_connections: Gauge
    system_health_score: Gauge
    component_health: Gauge
    memory_usage_bytes: Gauge
    cpu_usage_percent: Gauge
    security_events_total: Counter
    failed_auth_attempts: Counter
    active_sessions: Gauge
    label_values_capped_total: Counter

    _lock: ClassVar[threading.RLock] = threading.RLock()
    _global: ClassVar[AnyaMetrics | None] = None

    def __init__(
        self, registry: CollectorRegistry | None = None, *, label_limits: Mapping[str, int] | None = None
    ) -> None:
        self.registry = sound_registry(registry)
        _make_folder()
        for spec in (*SPECS, *OWN_SPECS):
            setattr(self, spec.attribute, _made(spec, self.registry))
        self.label_guard = LabelGuard(on_capped=self._count_capped, limits=label_limits)
        _all.add(self)

    @classmethod
    def init(
        cls, registry: CollectorRegistry | None = None, *, label_limits: Mapping[str, int] | None = None
    ) -> AnyaMetrics:
        """The metrics of this registry, made at the first call; the first ones made are the process's own (`global_`).

        Args:
            registry: None for `prometheus_client.REGISTRY`.
            label_limits: as of the constructor; they hold for the first call of a registry.
        """
        wanted = sound_registry(registry)
        with AnyaMetrics._lock:
            found = _by_registry.get(wanted)
            if found is None:
                found = _by_registry[wanted] = cls(wanted, label_limits=label_limits)
            if AnyaMetrics._global is None:
                AnyaMetrics._global = found
            return found

    @classmethod
    def global_(cls) -> AnyaMetrics:
        """The process's own metrics; made in `prometheus_client.REGISTRY` where nobody called `init` before."""
        return AnyaMetrics._global or cls.init()

    @classmethod
    def swap_global(cls, metrics: AnyaMetrics | None) -> AnyaMetrics | None:
        """Make these the process's own and give the former ones; for tests, which put them back."""
        chosen = sound_metrics(metrics)
        with AnyaMetrics._lock:
            former, AnyaMetrics._global = AnyaMetrics._global, chosen
            return former

    def bounded_label(self, name: str, value: object) -> str:
        """Any value as a label's: see `bounded_label`."""
        return self.label_guard.bounded(name, value)

    @guarded(None)
    def _count_capped(self, label: str) -> None:
        self.label_values_capped_total.labels(label).inc()


def sound_metrics(value: object) -> AnyaMetrics | None:
    """The metrics that are meant; None for None, and for what is none."""
    if value is None or is_a(value, AnyaMetrics):
        return cast("AnyaMetrics | None", value)
    report_misuse(f"metrics must be AnyaMetrics, got a {type(value).__name__}; the process's own are used")
    return None


def bounded_label(name: str, value: object) -> str:
    """Any value as the value of this label in the process's own metrics.

    Texts are cut to 128 characters and freed of secrets; beyond the label's number of distinct values (`AnyaMetrics`) the
    value is `other`, and `anya_label_values_capped_total{label}` counts it. Never raises; thread-safe.
    """
    return AnyaMetrics.global_().label_guard.bounded(name, value)


_by_registry: weakref.WeakKeyDictionary[CollectorRegistry, AnyaMetrics] = weakref.WeakKeyDictionary()
_all: weakref.WeakSet[AnyaMetrics] = weakref.WeakSet()


def _made(spec: Spec, registry: CollectorRegistry) -> Any:
    try:
        match spec.kind:
            case Kind.COUNTER:
                return Counter(spec.name, spec.help, spec.labels, registry=registry)
            case Kind.HISTOGRAM:
                return Histogram(spec.name, spec.help, spec.labels, buckets=spec.buckets, registry=registry)
            case Kind.LIVE_GAUGE:
                return Gauge(spec.name, spec.help, spec.labels, registry=registry, multiprocess_mode="livesum")
            case Kind.SHARED_GAUGE:
                return SharedGauge(spec.name, spec.help, spec.labels, registry=registry)
            case Kind.LATEST_GAUGE:
                return LatestGauge(spec.name, spec.help, spec.labels, registry=registry)
    except Exception as error:  # noqa: BLE001  # a name that is taken, a folder that cannot be written
        tell_once(f"making the metric {spec.name}", error)
        return SilentMetric()


def _make_folder() -> None:
    folder: Path | None = directory()
    if folder is not None:
        with contextlib.suppress(OSError):  # told once, when the first metric is made
            folder.mkdir(parents=True, exist_ok=True)


@guarded(None)
def _in_child() -> None:
    AnyaMetrics._lock = threading.RLock()  # noqa: SLF001  # ours
    forget_locks()
    for metrics in list(_all):
        metrics.label_guard.after_fork()
    renew_locks({REGISTRY, *(metrics.registry for metrics in _all)})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
