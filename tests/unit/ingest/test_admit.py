"""What of logs and spans is let in."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.ingest.admit import LogAdmission, SpanAdmission
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.tally import Reason, Tally
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.traces import Span, SpanBatch, SpanEvent, SpanLink
from anyascope.redact.api import Redactor

NOW_NS = 1_700_000_000 * NS_PER_S
FUTURE_NS = 600 * NS_PER_S
TRACE_ID, SPAN_ID = b"t" * 16, b"s" * 8


class Desk:
    def __init__(self, **options: Any) -> None:
        self.registry = CollectorRegistry()
        parts = {
            "redactor": Redactor(registry=self.registry),
            "tally": Tally(registry=self.registry),
            "clock": ManualClock(NOW_NS),
        }
        self.logs = LogAdmission(AdmitOptions(**options), **parts)
        self.spans = SpanAdmission(AdmitOptions(**options), **parts)

    def admit_logs(self, *records: LogRecord):
        batch = LogBatch(stream="otlp")
        for record in records:
            batch.add(record)
        admitted = self.logs.admit([batch])
        return [batch.record(row) for batch in admitted.item for row in range(len(batch))], admitted.refused

    def admit_spans(self, *spans: Span):
        batch = SpanBatch()
        for span in spans:
            batch.add(span)
        admitted = self.spans.admit([batch])
        return [batch.span(row) for batch in admitted.item for row in range(len(batch))], admitted.refused


def log(**changed: Any) -> LogRecord:
    return LogRecord(**{"time_ns": NOW_NS, "body": "signed", **changed})


def span(**changed: Any) -> Span:
    values = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "name": "sign", "start_ns": NOW_NS, "duration_ns": 5}
    return Span(**{**values, **changed})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"time_ns": -1}, Reason.TIME_IMPOSSIBLE),
        ({"time_ns": 2**63}, Reason.TIME_IMPOSSIBLE),
        ({"time_ns": NOW_NS + FUTURE_NS + 1}, Reason.TIME_FUTURE),
        ({"trace_id": b"short"}, Reason.TRACE_ID),
        ({"span_id": b"longer than eight"}, Reason.SPAN_ID),
    ],
)
def test_an_impossible_record_is_refused_alone(changed: dict[str, Any], reason: Reason) -> None:
    """The one that is wrong is counted with its reason, the others are kept."""
    kept, refused = Desk().admit_logs(log(body="first"), log(**changed), log(body="last"))
    assert [record.body for record in kept] == ["first", "last"]
    assert refused == {reason: 1}


@pytest.mark.parametrize("time_ns", [1, NOW_NS + FUTURE_NS])
def test_times_at_the_bounds_are_kept(time_ns: int) -> None:
    """From 1970's first nanosecond to ten minutes ahead, both inclusive."""
    kept, refused = Desk().admit_logs(log(time_ns=time_ns))
    assert [record.time_ns for record in kept] == [time_ns]
    assert not refused


def test_a_record_without_time_has_the_time_it_was_seen() -> None:
    """The observed time stands in, or else the time of arrival."""
    kept, _ = Desk().admit_logs(log(time_ns=0, observed_ns=77), log(time_ns=0))
    assert [(record.time_ns, record.observed_ns) for record in kept] == [(77, 77), (NOW_NS, NOW_NS)]


def test_an_id_of_zeros_is_none() -> None:
    """All zero is the way to say that there is no trace."""
    kept, refused = Desk().admit_logs(log(trace_id=bytes(16), span_id=bytes(8)))
    assert (kept[0].trace_id, kept[0].span_id) == (b"", b"")
    assert not refused


def test_a_severity_that_does_not_exist_is_unspecified() -> None:
    """1 to 24 are known; anything else says nothing."""
    kept, _ = Desk().admit_logs(log(severity_number=24), log(severity_number=25), log(severity_number=-3))
    assert [record.severity_number for record in kept] == [24, 0, 0]


def test_a_long_body_is_cut_with_a_mark() -> None:
    """The beginning is kept, and how much is missing stands behind it."""
    desk = Desk(body_chars_max=10)
    kept, refused = desk.admit_logs(log(body="x" * 10), log(body="y" * 11))
    assert [record.body for record in kept] == ["x" * 10, "y" * 10 + "…<1 more characters>"]
    assert not refused
    assert desk.registry.get_sample_value("anyascope_ingest_cut_total", {"signal": "logs", "what": "body"}) == 1


def test_a_secret_does_not_hide_behind_the_cut() -> None:
    """Secrets go before texts are cut: half a key is not recognised any more."""
    key = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"
    kept, _ = Desk(body_chars_max=40).admit_logs(log(body=f"exported {key}"))
    assert key[:8] not in kept[0].body


def test_attributes_have_limits() -> None:
    """Too many, too long names and too long values are cut and counted; the record is kept."""
    desk = Desk(attributes_max=2, attribute_name_chars_max=4, attribute_value_chars_max=5)
    kept, refused = desk.admit_logs(
        log(attributes={"a": 1, "b": 2, "c": 3}), log(attributes={"names": "valued", "b": b"123456", "c": None})
    )
    assert kept[0].attributes == {"a": 1, "b": 2}
    assert kept[1].attributes == {"name…<1 more characters>": "value…<1 more characters>", "b": b"12345"}
    assert not refused


def test_a_large_structure_becomes_its_beginning_as_text() -> None:
    """A list or map beyond the limit cannot be cut and stay one."""
    kept, _ = Desk(attribute_value_chars_max=10).admit_logs(log(attributes={"a": [1, 2], "b": ["x" * 20]}))
    assert kept[0].attributes == {"a": [1, 2], "b": '["xxxxxxxx…<14 more characters>'}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"anya.correlation_id": "a", "correlation_id": "b"}, "a"),
        ({"correlation_id": "b"}, "b"),
        ({"baggage": "tenant=7,anya.correlation_id=c%20d;ttl=5"}, "c d"),
        ({"http.request.header.baggage": ["x=1", "correlation_id=e"]}, "e"),
        ({"correlation_id": 5}, ""),
        ({"baggage": "nothing, here"}, ""),
        ({}, ""),
    ],
)
def test_the_correlation_id_is_found(attributes: dict[str, Any], expected: str) -> None:
    """In the attributes of its names, or in W3C baggage."""
    desk = Desk()
    assert desk.admit_logs(log(attributes=attributes))[0][0].correlation_id == expected
    assert desk.admit_spans(span(attributes=attributes))[0][0].correlation_id == expected


def test_a_correlation_id_that_was_sent_stays() -> None:
    """Attributes do not override what the collector of the record already knew."""
    kept, _ = Desk().admit_logs(log(correlation_id="known", attributes={"correlation_id": "other"}))
    assert kept[0].correlation_id == "known"


@pytest.mark.parametrize(
    "attributes",
    [
        {"trace_id": "74" * 16, "span_id": "73" * 8},
        {"traceId": "74" * 16, "spanId": "73" * 8},
        {"traceparent": f"00-{'74' * 16}-{'73' * 8}-01"},
    ],
)
def test_a_log_finds_its_trace_in_its_attributes(attributes: dict[str, Any]) -> None:
    """Loggers without OpenTelemetry write the ids into fields of their own."""
    kept, _ = Desk().admit_logs(log(attributes=attributes))
    assert (kept[0].trace_id, kept[0].span_id) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize("value", ["xyz", "00" * 16, "74" * 15, 5, "٣" * 32])
def test_rubbish_is_no_trace_id(value: object) -> None:
    """What is no id is left where it is."""
    kept, _ = Desk().admit_logs(log(attributes={"trace_id": value}))
    assert kept[0].trace_id == b""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"trace_id": b""}, Reason.TRACE_ID),
        ({"trace_id": bytes(16)}, Reason.TRACE_ID),
        ({"span_id": bytes(8)}, Reason.SPAN_ID),
        ({"span_id": b"short"}, Reason.SPAN_ID),
        ({"parent_id": b"short"}, Reason.SPAN_ID),
        ({"start_ns": 0}, Reason.TIME_IMPOSSIBLE),
        ({"start_ns": NOW_NS + FUTURE_NS + 1}, Reason.TIME_FUTURE),
    ],
)
def test_an_impossible_span_is_refused_alone(changed: dict[str, Any], reason: Reason) -> None:
    """The one that is wrong is counted with its reason, the others are kept with their events and links."""
    event = SpanEvent(NOW_NS, "retry", {"n": 1})
    link = SpanLink(TRACE_ID, SPAN_ID)
    good = span(events=(event,), links=(link,), name="good")
    kept, refused = Desk().admit_spans(span(**changed), good)
    assert refused == {reason: 1}
    assert [(s.name, s.events, s.links) for s in kept] == [("good", (event,), (link,))]


def test_what_is_wrong_but_harmless_in_a_span_is_mended() -> None:
    """A negative length, unknown kinds, times of events and ids of links that lead nowhere."""
    kept, refused = Desk().admit_spans(
        span(
            duration_ns=-5,
            kind=17,
            status=9,
            parent_id=bytes(8),
            events=(SpanEvent(2**64 - 1, "odd"),),
            links=(SpanLink(b"x", b"y"),),
        )
    )
    assert not refused
    assert (kept[0].duration_ns, kept[0].kind, kept[0].status, kept[0].parent_id) == (0, 0, 0, b"")
    assert kept[0].events[0].time_ns == NOW_NS
    assert (kept[0].links[0].trace_id, kept[0].links[0].span_id) == (bytes(16), bytes(8))


def test_nothing_in_nothing_out() -> None:
    """An empty batch is no batch."""
    assert Desk().admit_logs() == ([], {})
    assert Desk().admit_spans() == ([], {})
