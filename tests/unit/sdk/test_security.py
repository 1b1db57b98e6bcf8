"""Security and audit events: counted, on record, joined to the trace."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import pytest

from anyascope.sdk.audit import audit_event
from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.operations import trace_hsm_operation
from anyascope.sdk.security import security_event, session_ended, session_started
from support.sdk_recorder import Recorder, recording

CORRELATION = "7f1c0d8e-6a55-4f3c-9d59-0c7c1a2b3c4d"
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


def test_a_security_event_is_counted_and_on_record(recorder: Recorder) -> None:
    """With names that OpenTelemetry's conventions give to user, session and address."""
    security_event(
        "withdrawal_limit_exceeded",
        "high",
        "policy",
        user="alice",
        session="s1",
        ip="192.0.2.7",
        outcome="failure",
        limit=3,
    )

    labels = {"event_type": "withdrawal_limit_exceeded", "severity": "high", "source": "policy"}
    assert recorder.value("anya_security_events_total", **labels) == 1
    line = recorder.line("security.withdrawal_limit_exceeded")
    assert (line.logger, line.level) == ("anyascope.security", "ERROR")
    assert line.fields == {
        "event.name": "security.withdrawal_limit_exceeded",
        "security.event_type": "withdrawal_limit_exceeded",
        "security.severity": "high",
        "security.source": "policy",
        "user.id": "alice",
        "session.id": "s1",
        "client.address": "192.0.2.7",
        "event.outcome": "failure",
        "limit": 3,
    }


@pytest.mark.parametrize(
    ("event_type", "failed"),
    [
        ("authentication_failure", 1),
        ("failed_auth", 1),
        ("failed_login", 1),
        ("LoginFailed", 1),
        ("invalid_token", 1),
        ("pin-incorrect", 1),
        ("auth.mfa.rejected", 1),
        ("unauthenticated", 1),
        ("authentication_success", 0),
        ("access_denied", 0),
        ("author_failed", 0),
        ("withdrawal_failed", 0),
    ],
)
def test_failed_authentications_are_counted_apart(recorder: Recorder, event_type: str, failed: int) -> None:
    """By the words of their type, however it is written."""
    security_event(event_type, "medium", "api")

    assert recorder.value("anya_failed_auth_attempts_total") == failed


def test_sessions_are_counted_while_they_last(recorder: Recorder) -> None:
    """By the functions and by events of those types alike."""
    session_started("api", user="alice", session="s1")
    security_event("session_created", "info", "api")
    assert recorder.value("anya_active_sessions") == 2
    session_ended("api", user="alice", session="s1")
    security_event("session.expired", "info", "api")
    assert recorder.value("anya_active_sessions") == 0
    assert recorder.line("security.session_started").fields["user.id"] == "alice"


class Severity(Enum):
    HIGH = "high"


@pytest.mark.parametrize(
    ("severity", "wanted", "level"),
    [
        ("critical", "critical", "CRITICAL"),
        ("HIGH ", "high", "ERROR"),
        ("warning", "medium", "WARNING"),
        (Severity.HIGH, "high", "ERROR"),
        ("low", "low", "INFO"),
        ("enormous", "unknown", "ERROR"),
        (None, "unknown", "ERROR"),
    ],
)
def test_severities_are_a_closed_set(recorder: Recorder, severity: object, wanted: str, level: str) -> None:
    """One that nobody knows is told as a high one: it may be."""
    security_event("key_exported", severity, "hsm")  # type: ignore[arg-type]

    assert recorder.value("anya_security_events_total", event_type="key_exported", severity=wanted, source="hsm") == 1
    assert recorder.line("security.key_exported").level == level


def test_an_unknown_severity_raises_in_tests(recorder: Recorder) -> None:
    """Wrong use is found there."""
    with strict(), pytest.raises(MisuseError):
        security_event("key_exported", "enormous", "hsm")


def test_a_security_event_stands_on_the_span_in_which_it_happened(recorder: Recorder) -> None:
    """As an event of that name; the counter's exemplar leads to it."""
    with correlation(CORRELATION), trace_hsm_operation("sign", "k", "softhsm"):
        security_event("pin_incorrect", "high", "hsm", note=WIF)

    [event] = recorder.span().events
    assert event.name == "security.pin_incorrect"
    assert event.attributes["security.severity"] == "high"
    assert WIF not in str(dict(event.attributes))
    [exemplar] = recorder.exemplars("anya_security_events_total")
    assert exemplar.labels["trace_id"] == f"{recorder.span().get_span_context().trace_id:032x}"
    assert recorder.line("security.pin_incorrect").ids["correlation_id"] == CORRELATION


def test_an_audit_event_says_who_did_what_to_what(recorder: Recorder) -> None:
    """By its name, its phase, and the id that joins it."""
    audit_event(
        "withdrawal.approve",
        phase="event",
        correlation_id=CORRELATION,
        actor="bob",
        resource="wd-17",
        outcome="success",
        amount_sats=5,
    )

    [line] = recorder.lines
    assert (line.logger, line.event, line.level) == ("anyascope.audit", "audit.withdrawal.approve.event", "INFO")
    assert line.fields == {
        "event.name": "audit.withdrawal.approve.event",
        "audit.action": "withdrawal.approve",
        "audit.phase": "event",
        "audit.correlation_id": CORRELATION,
        "audit.actor": "bob",
        "audit.resource": "wd-17",
        "audit.outcome": "success",
        "amount_sats": 5,
    }


def test_an_audit_event_without_an_id_takes_the_current_one(recorder: Recorder) -> None:
    """What is on record can be joined."""
    with correlation(CORRELATION):
        audit_event("key.rotate", phase="intent", correlation_id="")

    assert recorder.lines[0].fields["audit.correlation_id"] == CORRELATION


def test_a_callers_field_does_not_take_the_place_of_ours(recorder: Recorder) -> None:
    """Names of ours stay ours."""
    audit_event("key.rotate", phase="intent", correlation_id=CORRELATION, **{"audit.phase": "outcome", "event": "x"})

    assert recorder.lines[0].event == "audit.key.rotate.intent"
    assert recorder.lines[0].fields["audit.phase"] == "intent"


def test_an_unknown_phase_is_an_event(recorder: Recorder) -> None:
    """It is on record all the same; in tests it raises."""
    audit_event("key.rotate", phase="afterwards", correlation_id=CORRELATION)

    assert recorder.events() == ["audit.key.rotate.event"]
    with strict(), pytest.raises(MisuseError):
        audit_event("key.rotate", phase="afterwards", correlation_id=CORRELATION)
