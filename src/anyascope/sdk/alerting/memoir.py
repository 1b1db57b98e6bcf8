"""A held alert as an entry of the journal, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyascope.sdk.alerting.alert import Alert, fingerprint_of
from anyascope.sdk.alerting.book import LONG_AGO_NS, Held, Moment
from anyascope.sdk.alerting.journal import Entry
from anyascope.sdk.alerting.ladder import NEVER_TOLD, Ladder
from anyascope.sdk.alerting.policy import EscalationPolicy
from anyascope.sdk.alerting.status import EscalationState

PolicyOf = Callable[[str], EscalationPolicy]


def entry_of(held: Held, now: Moment) -> Entry:
    """What is remembered of it. Times are UTC: the steady clock starts anew with the machine."""
    alert = held.alert
    return {
        "key": alert.id,
        "alert": {
            "title": alert.title,
            "description": alert.description,
            "severity": alert.severity.value,
            "category": alert.category.value,
            "source_component": alert.source_component,
            "id": alert.id,
            "timestamp": alert.timestamp,
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "escalation_policy": alert.escalation_policy,
            "correlation_id": alert.correlation_id,
        },
        "state": held.state.value,
        "started_ns": held.started_utc_ns,
        "heard_ns": now.utc_ns - (now.steady_ns - held.heard_ns),
        "told": list(held.ladder.told),
        "open": [[level, channel, repeat] for (level, channel), repeat in held.open.items()],
        "handed": {target: over for target, (_, over) in held.handed.items()},
        "attempts": held.attempts,
        "repeats": held.repeats,
        "by": held.acknowledged_by,
        "acknowledged_ns": held.acknowledged_ns,
        "resolved_ns": held.resolved_ns,
    }


def gone_of(key: str) -> Entry:
    """That the alert of this id is held no longer."""
    return {"key": key, "gone": True}


def held_of(entry: Entry, *, policy_of: PolicyOf, now: Moment) -> Held:
    """The alert as it stood; a level that fell due meanwhile is due now, once.

    Raises:
        KeyError, TypeError, ValueError: the entry is not one of ours.
    """
    alert = Alert(**_texts(entry["alert"]))
    policy = policy_of(alert.escalation_policy)
    told = [int(number) for number in entry["told"]][: len(policy.levels)]
    told += [NEVER_TOLD] * (len(policy.levels) - len(told))

    def steady(utc_ns: Any) -> int:
        # A wall clock that was set back must not postpone anything past now.
        return now.steady_ns - max(now.utc_ns - int(utc_ns), 0)

    return Held(
        fingerprint=fingerprint_of(alert),
        alert=alert,
        ladder=Ladder(policy, steady(entry["started_ns"]), tuple(told)),
        started_utc_ns=int(entry["started_ns"]),
        heard_ns=steady(entry["heard_ns"]),
        state=EscalationState(entry["state"]),
        ended_ns=steady(entry["resolved_ns"]) if entry["resolved_ns"] else 0,
        attempts=int(entry["attempts"]),
        repeats=int(entry["repeats"]),
        open={(int(level), str(channel)): int(repeat) for level, channel, repeat in entry["open"]},
        handed={str(target): (LONG_AGO_NS, bool(over)) for target, over in entry["handed"].items()},
        acknowledged_by=str(entry["by"]),
        acknowledged_ns=int(entry["acknowledged_ns"]),
        resolved_ns=int(entry["resolved_ns"]),
    )


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    names = {"title", "description", "severity", "category", "source_component", "id", "timestamp", "labels"}
    names |= {"annotations", "escalation_policy", "correlation_id"}
    return {name: fields[name] for name in names}
