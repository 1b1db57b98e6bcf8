"""The four builders, to the letter."""

from __future__ import annotations

import pytest

from anyascope.sdk.alerting import AlertBuilders, AlertCategory, AlertSeverity

CASES = [
    (
        AlertBuilders.bitcoin_low_balance("hot-1", 50_000, 1_000_000),
        (
            "Bitcoin Wallet Low Balance",
            "Wallet hot-1 has low balance: 50000 sats (threshold: 1000000 sats)",
        ),
        (AlertSeverity.MEDIUM, AlertCategory.DATA, "bitcoin-wallet", "default"),
        {"wallet_id": "hot-1", "current_balance": "50000", "threshold": "1000000"},
    ),
    (
        AlertBuilders.hsm_operation_failed("sign", "softhsm", "CKR_DEVICE_ERROR"),
        (
            "HSM Operation Failed",
            "HSM operation 'sign' failed on provider 'softhsm': CKR_DEVICE_ERROR",
        ),
        (AlertSeverity.CRITICAL, AlertCategory.SECURITY, "hsm", "critical"),
        {"operation": "sign", "provider": "softhsm", "error": "CKR_DEVICE_ERROR"},
    ),
    (
        AlertBuilders.api_high_error_rate("/v1/withdrawals", 0.12345, 0.05),
        (
            "API High Error Rate",
            "Endpoint /v1/withdrawals has high error rate: 12.35% (threshold: 5.00%)",
        ),
        (AlertSeverity.HIGH, AlertCategory.PERFORMANCE, "api", "default"),
        {"endpoint": "/v1/withdrawals", "error_rate": "0.12345", "threshold": "0.05"},
    ),
    (
        AlertBuilders.system_health_degraded("postgres", 0.4567),
        (
            "System Health Degraded",
            "Component 'postgres' health score degraded to 0.46",
        ),
        (AlertSeverity.MEDIUM, AlertCategory.AVAILABILITY, "postgres", "default"),
        {"component": "postgres", "health_score": "0.4567"},
    ),
]


@pytest.mark.parametrize(("alert", "texts", "kind", "labels"), CASES, ids=("wallet", "hsm", "api", "health"))
def test_builder(alert, texts, kind, labels):
    """Title, description, severity, category, component, policy and labels are the design's."""
    assert (alert.title, alert.description) == texts
    assert (alert.severity, alert.category, alert.source_component, alert.escalation_policy) == kind
    assert alert.labels == labels


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0, "0.00%"),
        (1, "100.00%"),
        (0.00005, "0.01%"),
        (0.333333, "33.33%"),
        (12.5, "1250.00%"),
        (float("inf"), "inf%"),
    ],
)
def test_percentages_have_two_decimals(rate, shown):
    """Shares are told in percent with two decimals, whatever they are."""
    assert f"rate: {shown} (threshold: {shown})" in AlertBuilders.api_high_error_rate("/", rate, rate).description


@pytest.mark.parametrize("odd", [None, object(), "a lot", b"x", [], 10**400, float("nan"), True])
def test_odd_values_make_an_alert_all_the_same(odd):
    """No argument of any type keeps the alert from being made."""
    for alert in (
        AlertBuilders.bitcoin_low_balance(odd, odd, odd),
        AlertBuilders.hsm_operation_failed(odd, odd, odd),
        AlertBuilders.api_high_error_rate(odd, odd, odd),
        AlertBuilders.system_health_degraded(odd, odd),
    ):
        assert alert.title
        assert alert.description
