"""Security events: counted, on record, and joined to the trace in which they happened."""

from __future__ import annotations

import logging
import re
from typing import Any

from opentelemetry import trace

from anyascope.sdk.authentication import note_failed_authentication
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.logs import emit
from anyascope.sdk.metrics import AnyaMetrics, bounded_label, trace_exemplar
from anyascope.sdk.values import IDENTIFIER_CHARS_MAX, UNKNOWN, attribute, bounded, identifier

__all__ = ["SEVERITIES", "security_event", "session_ended", "session_started"]

SEVERITIES = {
    "critical": logging.CRITICAL,
    "high": logging.ERROR,
    "medium": logging.WARNING,
    "low": logging.INFO,
    "info": logging.INFO,
}
"""The closed set, and the log level of each. Anything else is misuse, and is told as `unknown` at the level of `high`."""

# What other systems call the same.
_SEVERITY_ALIASES = {
    "crit": "critical",
    "fatal": "critical",
    "emergency": "critical",
    "error": "high",
    "warning": "medium",
    "warn": "medium",
    "moderate": "medium",
    "notice": "low",
    "minor": "low",
    "information": "info",
    "informational": "info",
    "debug": "info",
}

# `failed_auth_attempts` counts an event whose type has a word of both sets: `authentication_failure`, `failed_login`,
# `invalid_token`, `pin_incorrect`.
_ABOUT_AUTHENTICATION = frozenset(
    [
        "2fa",
        "auth",
        "authentication",
        "authn",
        "credential",
        "credentials",
        "login",
        "logon",
        "mfa",
        "otp",
        "password",
        "pin",
        "signin",
        "token",
        "totp",
        "unauthenticated",
    ]
)
_ABOUT_FAILURE = frozenset(
    (
        "bad",
        "denied",
        "fail",
        "failed",
        "failure",
        "failures",
        "incorrect",
        "invalid",
        "rejected",
        "unauthenticated",
        "wrong",
    )
)
_ABOUT_BEGINNING = frozenset(("begin", "created", "opened", "start", "started"))
_ABOUT_ENDING = frozenset(("closed", "destroyed", "end", "ended", "expired", "revoked", "terminated"))
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_log = logging.getLogger("anyascope.security")


@guarded(None)
def security_event(
    event_type: str,
    severity: str,
    source: str,
    *,
    user: str | None = None,
    session: str | None = None,
    ip: str | None = None,
    outcome: str | None = None,
    message: str | None = None,
    **fields: object,
) -> None:
    """Count a security event and put it on record.

    `security_events_total` grows; so does `failed_auth_attempts` for a type that tells of a failed authentication
    (`authentication_failure`, `failed_login`, `invalid_token`, `pin_incorrect`, …), and a session's beginning or end
    (`session_started`, `session_ended`, …) moves `active_sessions`. The logger `anyascope.security` gets a record named
    `security.<type>`, and the current span an event of that name.

    Args:
        event_type: what happened, in `snake_case`.
        severity: `critical`, `high`, `medium`, `low` or `info`.
        source: which part of the service saw it.
        user: who; `user.id` on the record.
        session: in which session; `session.id`.
        ip: from where; `client.address`.
        outcome: `success`, `failure` or `unknown`; `event.outcome`.
        message: one sentence for people.
        **fields: more, of any type; secrets are removed from all of them.
    """
    kind = identifier(event_type, "event_type")
    level = _severity(severity)
    where = identifier(source, "source")
    _count(kind, level, where)
    record: dict[str, Any] = {
        **fields,
        "event.name": f"security.{kind}",
        "security.event_type": kind,
        "security.severity": level,
        "security.source": where,
    }
    for field, value in (
        ("user.id", user),
        ("session.id", session),
        ("client.address", ip),
        ("event.outcome", outcome),
    ):
        if value is not None:
            record[field] = identifier(value, field)
    if message is not None:
        record["security.message"] = attribute("message", message)
    span = trace.get_current_span()
    if span.is_recording():
        named = {bounded(str(name), IDENTIFIER_CHARS_MAX): attribute(name, value) for name, value in record.items()}
        span.add_event(record["event.name"], named)
    emit(_log, SEVERITIES.get(level, logging.ERROR), record["event.name"], **record)


def session_started(source: str = "application", *, user: str | None = None, session: str | None = None) -> None:
    """A session began: `active_sessions` grows by one, and a security event says so."""
    security_event("session_started", "info", source, user=user, session=session)


def session_ended(source: str = "application", *, user: str | None = None, session: str | None = None) -> None:
    """A session ended; it may have begun in another process: only their sum is the number of sessions."""
    security_event("session_ended", "info", source, user=user, session=session)


def _severity(value: object) -> str:
    word = _SEVERITY_ALIASES.get(said := _word_of(value), said)
    if word in SEVERITIES:
        return word
    report_misuse(f"severity must be one of {', '.join(SEVERITIES)}, got {quoted(value)}")
    return UNKNOWN


def _word_of(value: object) -> str:
    try:
        said = getattr(value, "value", value)  # a member of an enumeration, such as `AlertSeverity`
        return str.__str__(said).strip().lower() if isinstance(said, str) else ""
    except Exception:  # noqa: BLE001  # the host's own object
        return ""


@guarded(None)
def _count(kind: str, severity: str, source: str) -> None:
    metrics = AnyaMetrics.global_()
    exemplar = trace_exemplar()
    labels = bounded_label("event_type", kind), severity, bounded_label("source", source)
    metrics.security_events_total.labels(*labels).inc(exemplar=exemplar)
    words = set(_SEPARATORS.split(_WORD_START.sub("_", kind).lower()))
    if words & _ABOUT_AUTHENTICATION and words & _ABOUT_FAILURE:
        metrics.failed_auth_attempts.inc(exemplar=exemplar)
        note_failed_authentication()
    if "session" in words and words & _ABOUT_BEGINNING:
        metrics.active_sessions.inc()
    elif "session" in words and words & _ABOUT_ENDING:
        metrics.active_sessions.dec()
