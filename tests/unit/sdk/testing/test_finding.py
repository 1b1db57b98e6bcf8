"""The one that matches, or a message that helps."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from anyascope.sdk.testing import NotCapturedError, capture


@pytest.fixture
def telemetry():
    """Three spans and a log record."""
    tracer = trace.get_tracer("t")
    with capture() as captured:
        for operation, sats in (("send", 5), ("receive", 6), ("receive", 7)):
            with tracer.start_as_current_span("bitcoin_operation") as span:
                span.set_attribute("operation", operation)
                span.set_attribute("amount_sats", sats)
                span.set_attribute("operation.status", "success")
        tracer.start_span("other").end()
    return captured


def test_finds_by_name_and_attributes(telemetry):
    """Two underscores stand for a dot."""
    span = telemetry.span("bitcoin_operation", operation="send", operation__status="success")
    assert span.attributes["amount_sats"] == 5


@pytest.mark.parametrize("wanted", [5, "5", lambda found: found < 6, int])
def test_values_may_judge(telemetry, wanted):
    """A value, its text, a function or a type."""
    if wanted is int:
        assert len(telemetry.spans(amount_sats=int)) == 3
    elif wanted == "5":
        assert telemetry.spans(amount_sats="5") == []
    else:
        assert telemetry.span(amount_sats=wanted).attributes["operation"] == "send"


def test_any_value_will_do(telemetry):
    """An ellipsis asks that the field is there."""
    assert len(telemetry.spans(operation=...)) == 3


def test_says_what_there_was_instead(telemetry):
    """The wanted, the closest with its differences, and all there were."""
    with pytest.raises(NotCapturedError) as caught:
        telemetry.span("bitcoin_operation", operation="send", amount_sats=50)
    text = str(caught.value)
    assert text.startswith("no span is 'bitcoin_operation' with operation='send' and amount_sats=50\n")
    assert "closest: bitcoin_operation  operation='send'  amount_sats=5" in text
    assert "\n    amount_sats: 5, wanted 50\n" in text
    assert "there were 4:" in text
    assert "\n  other" in text


def test_says_when_there_was_nothing(telemetry):
    """An empty capture is said to be one."""
    with pytest.raises(NotCapturedError, match="no log record is 'signed'\nthere was no log record at all"):
        telemetry.log("signed")


def test_says_when_there_are_several(telemetry):
    """One was asked for."""
    with pytest.raises(NotCapturedError, match="2 spans are 'bitcoin_operation' with operation='receive', and one"):
        telemetry.span("bitcoin_operation", operation="receive")


def test_a_metric_that_is_not_there(telemetry):
    """The message has what was measured instead."""
    with pytest.raises(NotCapturedError, match="no metric is 'anya_nonsense_total'"):
        telemetry.metric("anya_nonsense_total")


def test_a_missing_attribute_is_told_as_such(telemetry):
    """Absent is not the same as different."""
    with pytest.raises(NotCapturedError, match="wallet_id: absent, wanted 'w1'"):
        telemetry.span("bitcoin_operation", wallet_id="w1")


def test_is_an_assertion(telemetry):
    """Test runners show it as a failure, not as an error."""
    assert issubclass(NotCapturedError, AssertionError)
