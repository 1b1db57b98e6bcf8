"""The life of a rule's alerts: inactive, pending, firing, resolved. Pure: the caller keeps the time and the state.

Source: Prometheus' documentation of `for`, `keep_firing_for`, ALERTS and ALERTS_FOR_STATE; behaviour as of 3.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels

RESOLVED_RETENTION_NS = 15 * 60 * NS_PER_S  # Prometheus': a resolution is told for so long, in case a telling fails
VALID_FOR_SENDS = 4  # Prometheus': an alert outlives two evaluations and two sends that fail


@dataclass(frozen=True, slots=True)
class Finding:
    """What the expression says about one label set at one evaluation."""

    annotations: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert of a rule. Times are UTC nanoseconds, 0 for "not so".

    Attributes:
        labels: its identity, with `alertname`.
        state: inactive once it is resolved.
        active_ns: since when the expression has held.
        fired_ns: when it began to fire.
        resolved_ns: when it ceased.
        keep_firing_since_ns: since when it only fires because of `keep_firing_for`.
        sent_ns: when it was last handed on.
        grace_until_ns: of a restored alert: until then its absence from the answer means nothing, because those who
            send the series may not have sent yet.
    """

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    state: AlertState
    active_ns: int
    fired_ns: int = 0
    resolved_ns: int = 0
    keep_firing_since_ns: int = 0
    sent_ns: int = 0
    grace_until_ns: int = 0


def judge(
    active: Mapping[Labels, ActiveAlert],
    found: Mapping[Labels, Finding],
    *,
    now_ns: int,
    hold_ns: int,
    keep_firing_ns: int,
) -> dict[Labels, ActiveAlert]:
    """The alerts after one evaluation: those that live on, new ones, and those resolved less than 15 minutes ago.

    Args:
        active: the alerts after the evaluation before.
        found: what the expression says now, by the alerts' labels.
        now_ns: the evaluation's time.
        hold_ns: `for`.
        keep_firing_ns: `keep_firing_for`.
    """
    judged: dict[Labels, ActiveAlert] = {}
    for labels, alert in active.items():
        if labels not in found:
            absent = _absent(alert, now_ns=now_ns, keep_firing_ns=keep_firing_ns)
            if absent is not None:
                judged[labels] = _fire_when_held(absent, now_ns=now_ns, hold_ns=hold_ns)
    for labels, finding in found.items():
        present = _present(active.get(labels), labels, finding, now_ns=now_ns)
        judged[labels] = _fire_when_held(present, now_ns=now_ns, hold_ns=hold_ns)
    return judged


def _present(known: ActiveAlert | None, labels: Labels, finding: Finding, *, now_ns: int) -> ActiveAlert:
    if known is None or known.state is AlertState.INACTIVE:
        return ActiveAlert(labels, finding.annotations, finding.value, AlertState.PENDING, now_ns)
    return replace(
        known, annotations=finding.annotations, value=finding.value, keep_firing_since_ns=0, grace_until_ns=0
    )


def _absent(alert: ActiveAlert, *, now_ns: int, keep_firing_ns: int) -> ActiveAlert | None:
    if alert.state is AlertState.INACTIVE:
        return alert if now_ns - alert.resolved_ns <= RESOLVED_RETENTION_NS else None
    if now_ns < alert.grace_until_ns:
        return alert
    if alert.state is AlertState.PENDING:
        return None
    if keep_firing_ns > 0:
        since_ns = alert.keep_firing_since_ns or now_ns
        if now_ns - since_ns < keep_firing_ns:
            return replace(alert, keep_firing_since_ns=since_ns)
    return replace(alert, state=AlertState.INACTIVE, resolved_ns=now_ns)


def _fire_when_held(alert: ActiveAlert, *, now_ns: int, hold_ns: int) -> ActiveAlert:
    is_due = alert.state is AlertState.PENDING and now_ns - alert.active_ns >= hold_ns
    if not is_due or now_ns < alert.grace_until_ns:
        return alert
    return replace(alert, state=AlertState.FIRING, fired_ns=now_ns)


def needs_sending(alert: ActiveAlert, *, now_ns: int, resend_ns: int) -> bool:
    """Whether it must be handed on now: it began to fire or ceased since it last was, or that is `resend_ns` ago."""
    if alert.state is AlertState.PENDING:
        return False
    if alert.resolved_ns > alert.sent_ns or alert.fired_ns > alert.sent_ns:
        return True
    return now_ns - alert.sent_ns >= resend_ns


def restore(alert: ActiveAlert, *, down_ns: int, now_ns: int, tolerance_ns: int, grace_ns: int) -> ActiveAlert | None:
    """An alert as it stands after the server was away from `down_ns` to `now_ns`.

    The time away does not count for `for`. A pending alert is forgotten where that time exceeds `tolerance_ns`; a firing
    one never, so that its end is told.
    """
    away_ns = max(now_ns - down_ns, 0)
    match alert.state:
        case AlertState.PENDING if away_ns > tolerance_ns:
            return None
        case AlertState.PENDING:
            return replace(alert, active_ns=alert.active_ns + away_ns, grace_until_ns=now_ns + grace_ns)
        case AlertState.FIRING:
            return replace(alert, grace_until_ns=now_ns + grace_ns)
        case _:
            return alert
