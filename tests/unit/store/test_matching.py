"""Conditions on log records in memory."""

from __future__ import annotations

import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.attributes import Resource
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import (
    EVERYTHING,
    AnyOf,
    Comparison,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    Not,
    Phrase,
    SeverityAtLeast,
    Words,
)
from anyascope.store.api.matching import predicate_of

RECORD = LogRecord(
    1,
    "Signing FAILED: CKR_DEVICE_ERROR\nretry in 5 s",
    severity_number=18,
    severity_text="err",
    attributes={"wallet": "cold-1", "n": 5, "ok": True, "list": [1, "a"], "raw": b"\x01", "empty": ""},
    resource=Resource({"service.name": "custody", "host.name": "h1", "wallet": "other", "zone": "a"}),
    trace_id=b"\xab" * 16,
    stream="otlp",
)


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (EVERYTHING, True),
        (AnyOf(()), False),
        (Words("signing failed"), True),
        (Words("device"), True),
        (Words("sign"), False),
        (Words(""), True),
        (Phrase("failed: ckr"), True),
        (Phrase("failed ckr"), False),
        (FieldEquals("service", "custody"), True),
        (FieldEquals("severity", "error"), True),
        (FieldEquals("severity", "ERROR2"), True),
        (FieldEquals("severity", "err"), True),
        (FieldEquals("severity", "warn"), False),
        (FieldEquals("trace_id", "ab" * 16), True),
        (FieldEquals("wallet", "cold-1"), True),
        (FieldEquals("resource.wallet", "other"), True),
        (FieldEquals("zone", "a"), True),
        (FieldEquals("empty", ""), True),
        (FieldEquals("n", "5"), True),
        (FieldEquals("ok", "true"), True),
        (FieldEquals("list", '[1,"a"]'), True),
        (FieldEquals("raw", "AQ=="), True),
        (FieldEquals("absent", ""), True),
        (FieldExists("empty"), False),
        (FieldExists("host"), True),
        (FieldExists("span_id"), False),
        (FieldMatches("wallet", "cold"), False),
        (FieldMatches("wallet", "cold-[0-9]"), True),
        (FieldMatches("body", "CKR.*retry"), True),
        (FieldCompares("n", Comparison.GREATER, 4.5), True),
        (FieldCompares("n", Comparison.LESS, 5), False),
        (FieldCompares("n", Comparison.LESS_EQUAL, 5), True),
        (FieldCompares("wallet", Comparison.GREATER_EQUAL, 0), False),
        (SeverityAtLeast(18), True),
        (SeverityAtLeast(19), False),
        (Not(FieldExists("absent")), True),
    ],
)
def test_a_condition_holds_or_not(condition, is_met):
    """Each kind of condition means what the door to logs says."""
    assert predicate_of(condition)(RECORD) is is_met


def test_a_wrong_expression_is_refused_at_once():
    """It is refused before any record is looked at."""
    with pytest.raises(InvalidInputError, match="RE2"):
        predicate_of(Not(FieldMatches("wallet", "(")))
