"""The trail of what moved or could have moved funds: who meant to do what, and what came of it."""

from __future__ import annotations

import logging
from typing import Any

from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.logs.emitting import announce, emit
from anyascope.sdk.logs.entry import Ids
from anyascope.sdk.values import identifier

__all__ = ["audit_event"]

PHASES = ("intent", "outcome", "event")
CORRELATION_FIELD = "audit.correlation_id"

_log = logging.getLogger("anyascope.audit")


@guarded(None)
def audit_event(
    action: str,
    *,
    phase: str,
    correlation_id: str,
    actor: str | None = None,
    resource: str | None = None,
    outcome: str | None = None,
    **fields: object,
) -> None:
    """Put on record that something was meant, came out, or happened.

    A log record of the logger `anyascope.audit`, named `audit.<action>.<phase>`. With a spool it is on disk when this
    returns.

    Args:
        action: what is done, such as `withdrawal.approve`.
        phase: `intent` before, `outcome` after, `event` for what has no before.
        correlation_id: joins an intent to its outcome, and both to spans, logs and exemplars; the current one where it is empty.
        actor: who does it; a person's or a service's name.
        resource: what it is done to: a withdrawal, a key, a wallet.
        outcome: how it came out, such as `success` or `error`.
        **fields: more, of any type; secrets are removed from all of them.
    """
    known_phase = phase if type(phase) is str and phase in PHASES else "event"
    given: object = correlation_id
    is_given = given is not None and (type(given) is not str or given != "")
    joined = given if is_given else current_correlation_id() or None
    told = {
        name: identifier(value, name)
        for name, value in (
            (CORRELATION_FIELD, joined),
            ("audit.actor", actor),
            ("audit.resource", resource),
            ("audit.outcome", outcome),
        )
        if value is not None
    }
    name, marks = _named(identifier(action, "action"), known_phase)
    emit(_log, logging.INFO, name, **{**fields, **told, **marks})
    if known_phase is not phase and known_phase != phase:
        report_misuse(f"phase must be one of {', '.join(PHASES)}, got {quoted(phase)}")


def put_on_record(action: str, phase: str, ids: Ids, fields: dict[str, Any]) -> None:
    """What `audit_event` does with arguments that are known to be sound; for the SDK itself, twice an operation."""
    name, marks = _named(action, phase)
    announce(_log, logging.INFO, name, {**fields, **marks}, ids)


def _named(action: str, phase: str) -> tuple[str, dict[str, str]]:
    name = f"audit.{action}.{phase}"
    return name, {"event.name": name, "audit.action": action, "audit.phase": phase}
