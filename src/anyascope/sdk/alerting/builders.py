"""Alerts of the troubles that every custody service has, in the same words everywhere."""

from __future__ import annotations

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.texts import text_of
from anyascope.sdk.guard import as_number, report_misuse

_CHARS_MAX = 1_024  # of an argument, as of a label


class AlertBuilders:
    """Makes alerts; what they are made of also stands in their labels."""

    @staticmethod
    def bitcoin_low_balance(wallet_id: str, current_balance: int, threshold: int) -> Alert:
        """A wallet holds less than it should; both amounts in sats."""
        wallet, balance, limit = _text(wallet_id), _text(current_balance), _text(threshold)
        return Alert(
            "Bitcoin Wallet Low Balance",
            f"Wallet {wallet} has low balance: {balance} sats (threshold: {limit} sats)",
            AlertSeverity.MEDIUM,
            AlertCategory.DATA,
            "bitcoin-wallet",
            labels={"wallet_id": wallet, "current_balance": balance, "threshold": limit},
        )

    @staticmethod
    def hsm_operation_failed(operation: str, provider: str, error: str) -> Alert:
        """An HSM did not do what it was asked for. Pages, by the policy `critical`."""
        asked, asked_of, reason = _text(operation), _text(provider), _text(error)
        return Alert(
            "HSM Operation Failed",
            f"HSM operation '{asked}' failed on provider '{asked_of}': {reason}",
            AlertSeverity.CRITICAL,
            AlertCategory.SECURITY,
            "hsm",
            labels={"operation": asked, "provider": asked_of, "error": reason},
            escalation_policy="critical",
        )

    @staticmethod
    def api_high_error_rate(endpoint: str, error_rate: float, threshold: float) -> Alert:
        """Too many requests fail; both rates as shares, 0 to 1, which people read in percent."""
        where = _text(endpoint)
        found, wanted = _fixed(error_rate, "error_rate", scale=100), _fixed(threshold, "threshold", scale=100)
        return Alert(
            "API High Error Rate",
            f"Endpoint {where} has high error rate: {found}% (threshold: {wanted}%)",
            AlertSeverity.HIGH,
            AlertCategory.PERFORMANCE,
            "api",
            labels={"endpoint": where, "error_rate": _text(error_rate), "threshold": _text(threshold)},
        )

    @staticmethod
    def system_health_degraded(component: str, health_score: float) -> Alert:
        """A component is not as well as it should be; the score is 0 (dead) to 1 (well)."""
        part = _text(component)
        return Alert(
            "System Health Degraded",
            f"Component '{part}' health score degraded to {_fixed(health_score, 'health_score')}",
            AlertSeverity.MEDIUM,
            AlertCategory.AVAILABILITY,
            part,
            labels={"component": part, "health_score": _text(health_score)},
        )


def _text(value: object) -> str:
    return text_of(value, chars_max=_CHARS_MAX)


def _fixed(value: object, name: str, *, scale: int = 1) -> str:
    """The number with two decimals; what is no number stands as it is."""
    number = as_number(value)
    if number is not None:
        try:
            return f"{number * scale:.2f}"
        except (OverflowError, ValueError):
            return _text(value)  # an integer too large for two decimals
    report_misuse(f"{name} must be a number, got {type(value).__name__}")
    return _text(value)
