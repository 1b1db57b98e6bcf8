"""What an alert is, and what tells one from another."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import uuid

import pytest

from anyascope.sdk.alerting import Alert, AlertBuilders, AlertCategory, AlertSeverity, fingerprint_of
from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, forget_told, strict
from support.alerting import an_alert

FIELDS = (
    *("title", "description", "severity", "category", "source_component", "id", "timestamp", "labels"),
    *("annotations", "escalation_policy", "correlation_id"),
)


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()
    yield
    forget_told()


def plain(**fields) -> Alert:
    return Alert("t", "d", AlertSeverity.LOW, AlertCategory.DATA, "c", **fields)


def test_has_the_fields_of_the_design():
    """Eleven fields, of which five are given; the others have an id of their own, now, nothing and `default`."""
    alert = plain()
    assert tuple(field.name for field in dataclasses.fields(alert)) == FIELDS
    assert uuid.UUID(alert.id).version == 4
    assert (alert.labels, alert.annotations, alert.escalation_policy, alert.correlation_id) == ({}, {}, "default", None)
    assert plain().id != alert.id


def test_cannot_be_changed():
    """An alert is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain().title = "other"


def test_with_gives_a_new_alert():
    """Each `with_…` changes one thing in a new alert and leaves the old one as it was."""
    alert = plain(id="1", timestamp=5)
    changed = (
        alert.with_label("a", "1")
        .with_label("a", "2")
        .with_annotation("b", "3")
        .with_escalation_policy("critical")
        .with_correlation_id("cid")
    )
    assert (changed.labels, changed.annotations) == ({"a": "2"}, {"b": "3"})
    assert (changed.escalation_policy, changed.correlation_id) == ("critical", "cid")
    assert (changed.id, changed.timestamp, changed.title) == ("1", 5, "t")
    assert alert == plain(id="1", timestamp=5)


def test_takes_the_correlation_id_that_holds():
    """Inside of an operation the alert belongs to it."""
    with correlation("op-1"):
        assert plain().correlation_id == "op-1"
        assert plain(correlation_id="own").correlation_id == "own"


def test_can_be_copied_pickled_and_hashed():
    """It goes through queues, JSON and sets."""
    alert = an_alert()
    assert pickle.loads(pickle.dumps(alert)) == copy.deepcopy(alert) == alert
    assert len({alert, an_alert()}) == 1
    assert json.loads(json.dumps(dict(alert.labels))) == {"wallet": "cold"}


def test_severity_and_category_may_be_their_values():
    """`"critical"` is as good as `AlertSeverity.CRITICAL`."""
    alert = Alert("t", "d", "CRITICAL", " security ", "c")
    assert (alert.severity, alert.category) == (AlertSeverity.CRITICAL, AlertCategory.SECURITY)


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        ({"labels": 3}, "labels must be a mapping"),
        ({"annotations": [1]}, "annotations must be a mapping"),
        ({"timestamp": "now"}, "timestamp must be Unix seconds"),
        ({"timestamp": float("nan")}, "timestamp must be Unix seconds"),
        ({"timestamp": -1}, "timestamp must be Unix seconds"),
        ({"escalation_policy": None}, "escalation_policy must be a text"),
        ({"id": b"x"}, "id must be a text"),
        ({"labels": {str(n): "" for n in range(65)}}, "labels has more than 64 entries"),
    ],
)
def test_odd_arguments_make_an_alert_all_the_same(caplog, odd, what):
    """A wrong argument is one line in the log, and an exception in tests; the alert stands."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        alert = plain(**odd)
    assert what in caplog.text
    assert alert.title == "t"
    assert len(alert.labels) <= 64
    with strict(), pytest.raises(MisuseError, match=what):
        plain(**odd)


def test_texts_are_bounded_and_can_be_written():
    """A megabyte is cut, half a surrogate is replaced, an object that cannot be printed is said to be so."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError

    alert = Alert("x" * 1_000_000, "y" * 1_000_000, AlertSeverity.LOW, AlertCategory.DATA, "\ud800")
    assert (len(alert.title), len(alert.description)) == (300, 10_000)
    assert alert.source_component == "?"
    assert alert.with_label("a", Unprintable()).labels == {"a": "(Unprintable that cannot be printed)"}


def test_what_is_measured_makes_no_other_alert():
    """A balance that falls further is the same trouble; another wallet is another one."""
    low = AlertBuilders.bitcoin_low_balance("hot", 900, 1000)
    assert fingerprint_of(low) == fingerprint_of(AlertBuilders.bitcoin_low_balance("hot", 100, 1000))
    assert fingerprint_of(low) != fingerprint_of(AlertBuilders.bitcoin_low_balance("cold", 900, 1000))
    assert fingerprint_of(low) != fingerprint_of(low.with_escalation_policy("critical"))
    assert fingerprint_of(low) == fingerprint_of(low.with_annotation("a", "b"))


def test_fingerprints_do_not_run_together():
    """Texts that differ only in where one ends and the next begins are different."""
    assert fingerprint_of(plain(labels={"a": "bc"})) != fingerprint_of(plain(labels={"ab": "c"}))
