"""The 19 metrics of a custody platform, and the ones about ourselves: names, labels, buckets and meaning in one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BITCOIN_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0)
HSM_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
HTTP_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Kind(Enum):
    """What a metric is, and for gauges what several processes' values are together (multiprocess mode)."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    LIVE_GAUGE = "live_gauge"  # the sum of living processes: what a dead one held is gone with it
    SHARED_GAUGE = "shared_gauge"  # one number that all processes raise and lower, and that outlives them
    LATEST_GAUGE = "latest_gauge"  # a reading of something outside: the last one counts, whoever took it


@dataclass(frozen=True, slots=True)
class Spec:
    """One metric.

    Attributes:
        attribute: its name on `AnyaMetrics`.
        name: as it is exposed; a counter's ends in `_total`.
        help: one sentence.
        labels: in their order.
        buckets: upper bounds of a histogram in seconds, inclusive, without the infinite one.
    """

    attribute: str
    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SPECS = (
    Spec(
        "bitcoin_transactions_total",
        Kind.COUNTER,
        "anya_bitcoin_transactions_total",
        "Bitcoin operations by type, outcome and wallet.",
        ("operation_type", "status", "wallet_id"),
    ),
    Spec(
        "bitcoin_transaction_duration",
        Kind.HISTOGRAM,
        "anya_bitcoin_transaction_duration_seconds",
        "Time that a Bitcoin operation took, by type.",
        ("operation_type",),
        BITCOIN_BUCKETS_S,
    ),
    Spec(
        "bitcoin_wallet_balance_sats",
        Kind.SHARED_GAUGE,
        "anya_bitcoin_wallet_balance_sats",
        "Balance of a wallet in satoshis.",
        ("wallet_id", "wallet_type"),
    ),
    Spec(
        "bitcoin_mempool_size",
        Kind.LATEST_GAUGE,
        "anya_bitcoin_mempool_size",
        "Transactions in the node's memory pool.",
    ),
    Spec(
        "bitcoin_block_height",
        Kind.LATEST_GAUGE,
        "anya_bitcoin_block_height",
        "Height of the best block that the node knows.",
    ),
    Spec(
        "hsm_operations_total",
        Kind.COUNTER,
        "anya_hsm_operations_total",
        "HSM operations by type, provider and outcome.",
        ("operation_type", "provider", "status"),
    ),
    Spec(
        "hsm_operation_duration",
        Kind.HISTOGRAM,
        "anya_hsm_operation_duration_seconds",
        "Time that an HSM operation took, by type and provider.",
        ("operation_type", "provider"),
        HSM_BUCKETS_S,
    ),
    Spec("hsm_active_keys", Kind.LATEST_GAUGE, "anya_hsm_active_keys", "Keys that are in use in the HSM."),
    Spec(
        "hsm_errors_total",
        Kind.COUNTER,
        "anya_hsm_errors_total",
        "Failed HSM operations by error and provider.",
        ("error_type", "provider"),
    ),
    Spec(
        "http_requests_total",
        Kind.COUNTER,
        "anya_http_requests_total",
        "HTTP requests by method, route and status.",
        ("method", "endpoint", "status_code"),
    ),
    Spec(
        "http_request_duration",
        Kind.HISTOGRAM,
        "anya_http_request_duration_seconds",
        "Time from a request's first byte to its answer's last.",
        ("method", "endpoint"),
        HTTP_BUCKETS_S,
    ),
    Spec(
        "http_active_connections",
        Kind.LIVE_GAUGE,
        "anya_http_active_connections",
        "HTTP requests that are being served.",
    ),
    Spec(
        "system_health_score",
        Kind.LATEST_GAUGE,
        "anya_system_health_score",
        "Health of the whole system, from 0 (down) to 1 (healthy).",
    ),
    Spec(
        "component_health",
        Kind.LATEST_GAUGE,
        "anya_component_health",
        "Health of a component's instance, from 0 (down) to 1 (healthy).",
        ("component", "instance"),
    ),
    Spec("memory_usage_bytes", Kind.LATEST_GAUGE, "anya_memory_usage_bytes", "Memory in use, in bytes."),
    Spec("cpu_usage_percent", Kind.LATEST_GAUGE, "anya_cpu_usage_percent", "Processor time in use, in percent."),
    Spec(
        "security_events_total",
        Kind.COUNTER,
        "anya_security_events_total",
        "Security events by type, severity and source.",
        ("event_type", "severity", "source"),
    ),
    Spec(
        "failed_auth_attempts",
        Kind.COUNTER,
        "anya_failed_auth_attempts_total",
        "Authentications that failed.",
    ),
    Spec("active_sessions", Kind.SHARED_GAUGE, "anya_active_sessions", "Sessions that are open."),
)

OWN_SPECS = (
    Spec(
        "label_values_capped_total",
        Kind.COUNTER,
        "anya_label_values_capped_total",
        "Label values that became `other` because the label had too many distinct ones.",
        ("label",),
    ),
)
