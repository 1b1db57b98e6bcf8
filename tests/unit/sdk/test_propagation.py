"""A trace, its baggage and its correlation id in headers and message metadata."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPMessage
from types import MappingProxyType
from typing import Any
from wsgiref.headers import Headers as WsgiHeaders

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.guard import MisuseError, forget_told, strict
from anyascope.sdk.integrations.libraries import carry_correlation
from anyascope.sdk.tracing import (
    context_snapshot,
    continued,
    correlation_id_of,
    extract,
    inject,
    resume,
    use_propagators,
)

# The examples of W3C's recommendations.
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID, SPAN_ID = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
TRACESTATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
BAGGAGE = "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false"


@pytest.fixture(autouse=True)
def _own_textmap() -> Iterator[None]:
    before = propagate.get_global_textmap()
    use_propagators(("tracecontext", "baggage"))
    forget_told()
    yield
    propagate.set_global_textmap(before)
    forget_told()


@pytest.fixture
def in_trace() -> Iterator[None]:
    """Inside of W3C's example, with baggage and a correlation id."""
    context = trace.set_span_in_context(
        NonRecordingSpan(SpanContext(TRACE_ID, SPAN_ID, is_remote=False, trace_flags=TraceFlags(1))), Context()
    )
    token = otel_context.attach(baggage.set_baggage("tenant", "zürich 1", context))
    with correlation("order-7"):
        yield
    otel_context.detach(token)


def ids(context: Context) -> tuple[int, int, bool]:
    found = trace.get_current_span(context).get_span_context()
    return found.trace_id, found.span_id, found.trace_flags.sampled


FIELDS = {"traceparent": TRACEPARENT, "baggage": "tenant=z%C3%BCrich+1", "x-correlation-id": "order-7"}

# --- into carriers ----------------------------------------------------------------------------------------------------


def test_a_dictionary_gets_the_headers(in_trace):
    """Trace, baggage and correlation id; the same dictionary is given back."""
    carrier: dict[str, str] = {"accept": "*/*"}
    assert inject(carrier) is carrier
    assert carrier == {"accept": "*/*", **FIELDS}


def test_none_gives_a_new_dictionary(in_trace):
    """For a caller that has no headers yet."""
    assert inject(None) == FIELDS


def test_outside_of_everything_nothing_is_written():
    """No trace, no id, no header."""
    assert inject({}) == {}


def test_an_empty_list_gets_what_kafka_wants(in_trace):
    """Pairs of a text and bytes."""
    carrier: list[tuple[str, bytes]] = []
    inject(carrier)
    assert dict(carrier) == {name: value.encode() for name, value in FIELDS.items()}


@pytest.mark.parametrize(
    ("carrier", "pair"),
    [
        ([("a", "b")], ("traceparent", TRACEPARENT)),
        ([("a", b"b")], ("traceparent", TRACEPARENT.encode())),
        ([(b"a", b"b")], (b"traceparent", TRACEPARENT.encode())),
    ],
)
def test_pairs_stay_of_their_kind(in_trace, carrier, pair):
    """ASGI's are bytes, HTTP clients' texts, Kafka's both."""
    inject(carrier)
    assert len(carrier) == 4
    assert pair in carrier


def test_a_dictionary_of_bytes_stays_one(in_trace):
    """Names and values."""
    carrier = inject({b"a": b"b"})
    assert carrier[b"traceparent"] == TRACEPARENT.encode()  # type: ignore[comparison-overlap]


def test_a_tuple_and_a_read_only_mapping_give_changed_copies(in_trace):
    """GRPC's metadata is a tuple."""
    pairs = (("a", "b"),)
    assert ("traceparent", TRACEPARENT) in inject(pairs)
    assert pairs == (("a", "b"),)
    frozen = MappingProxyType({"a": "b"})
    assert inject(frozen) == {"a": "b", **FIELDS}


def test_former_headers_of_any_case_are_replaced(in_trace):
    """A proxy that forwards what it got must not send two traces."""
    carrier: dict[str, str] = {"Traceparent": "old", "X-Correlation-ID": "old"}
    inject(carrier)
    assert carrier == FIELDS
    pairs: list[tuple[bytes, bytes]] = [(b"TraceParent", b"old"), (b"host", b"x")]
    inject(pairs)
    assert [name.lower() for name, _ in pairs].count(b"traceparent") == 1


@pytest.mark.parametrize("make", [Message, HTTPMessage, lambda: WsgiHeaders([]), WerkzeugHeaders])
def test_header_objects_are_written_once(in_trace, make):
    """Those that add a value to a name as well as those that replace it."""
    headers = make()
    headers["Traceparent"] = "old"
    inject(headers)
    inject(headers)
    assert [value for name, value in headers.items() if name.lower() == "traceparent"] == [TRACEPARENT]


def test_a_wsgi_environment_is_written_and_read(in_trace):
    """PEP 3333's names."""
    environment: dict[str, Any] = {"REQUEST_METHOD": "GET", "wsgi.version": (1, 0)}
    inject(environment)
    assert environment["HTTP_TRACEPARENT"] == TRACEPARENT
    assert ids(extract(environment)) == (TRACE_ID, SPAN_ID, True)


# --- out of carriers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": TRACEPARENT},
        {"Traceparent": TRACEPARENT},
        {"traceparent": [TRACEPARENT]},
        {b"traceparent": TRACEPARENT.encode()},
        [("traceparent", TRACEPARENT.encode())],
        [(b"TRACEPARENT", TRACEPARENT.encode())],
        (("traceparent", TRACEPARENT), ("n", 7), "odd"),
        {"HTTP_TRACEPARENT": TRACEPARENT, "SERVER_PORT": "80", "wsgi.multithread": True},
        StarletteHeaders({"traceparent": TRACEPARENT}),
        WerkzeugHeaders([("Traceparent", TRACEPARENT)]),
    ],
)
def test_a_trace_is_found_in_any_carrier(carrier):
    """W3C's example."""
    assert ids(extract(carrier)) == (TRACE_ID, SPAN_ID, True)


def test_state_in_two_headers_is_one(in_trace):
    """W3C: the values of several headers are joined."""
    first, second = TRACESTATE.split(",")
    context = extract([("traceparent", TRACEPARENT), ("tracestate", first), ("tracestate", second)])
    state = trace.get_current_span(context).get_span_context().trace_state
    assert state.to_header() == TRACESTATE


def test_w3cs_baggage_is_read():
    """Its example, percent-encoded."""
    context = extract({"baggage": BAGGAGE})
    assert dict(baggage.get_all(context)) == {"userId": "Amélie", "serverNode": "DF 28", "isProduction": "false"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "x" * 100_000,
        "\udc80",
        None,
        7,
        b"\xff\xfe",
    ],
)
def test_what_is_no_trace_is_none(value):
    """The request begins a trace of its own."""
    assert ids(extract({"traceparent": value})) == (0, 0, False)


def test_the_current_trace_does_not_leak_into_what_is_extracted(in_trace):
    """A request without headers is not part of what its server was doing."""
    assert ids(extract({})) == (0, 0, False)
    assert not baggage.get_all(extract({}))


def test_the_correlation_id_comes_along():
    """As any caller sent it; `continued` makes it sound."""
    assert correlation_id_of(extract({"X-Correlation-Id": "order-7"})) == "order-7"
    assert correlation_id_of(extract({})) == ""
    with continued({"x-correlation-id": "two words"}) as correlation_id:
        assert correlation_id not in ("", "two words")


def test_a_message_is_continued_and_left_again():
    """Trace, baggage and correlation id hold inside, and nothing of them afterwards."""
    with continued([("traceparent", TRACEPARENT.encode()), ("x-correlation-id", b"order-7")]) as correlation_id:
        assert correlation_id == current_correlation_id() == "order-7"
        assert ids(otel_context.get_current()) == (TRACE_ID, SPAN_ID, True)
    assert current_correlation_id() == ""
    assert ids(otel_context.get_current()) == (0, 0, False)


def test_a_message_without_an_id_keeps_the_callers(in_trace):
    """What the process works on goes on."""
    with continued({}) as correlation_id:
        assert correlation_id == "order-7"


# --- B3 ---------------------------------------------------------------------------------------------------------------

# The examples of openzipkin/b3-propagation.
B3_TRACE, B3_SPAN, B3_PARENT = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1", "05e3ac9a4f6e3b90"


@pytest.mark.parametrize(
    ("headers", "is_sampled"),
    [
        ({"b3": f"{B3_TRACE}-{B3_SPAN}-1-{B3_PARENT}"}, True),
        ({"b3": f"{B3_TRACE}-{B3_SPAN}-0"}, False),
        ({"b3": f"{B3_TRACE}-{B3_SPAN}-d"}, True),
        ({"X-B3-TraceId": B3_TRACE, "X-B3-SpanId": B3_SPAN, "X-B3-Sampled": "1"}, True),
        ({"X-B3-TraceId": B3_TRACE, "X-B3-SpanId": B3_SPAN, "X-B3-Flags": "1"}, True),
        ({"HTTP_X_B3_TRACEID": B3_TRACE, "HTTP_X_B3_SPANID": B3_SPAN, "HTTP_X_B3_SAMPLED": "0"}, False),
    ],
)
def test_b3_is_understood_on_request(headers, is_sampled):
    """One header and several, in any case and from WSGI, as the propagator's own reads them."""
    use_propagators(("tracecontext", "baggage", "b3", "b3multi"))
    assert ids(extract(headers)) == (int(B3_TRACE, 16), int(B3_SPAN, 16), is_sampled)
    theirs = B3MultiFormat().extract(
        {name.lower().removeprefix("http_").replace("_", "-"): v for name, v in headers.items()}
    )
    assert ids(theirs) == ids(extract(headers))


def test_short_ids_of_b3_are_padded():
    """64 bits of an old Zipkin."""
    use_propagators(("b3",))
    assert ids(extract({"b3": f"{B3_TRACE[16:]}-{B3_SPAN}-1"}))[0] == int(B3_TRACE[16:], 16)


def test_b3_is_written_on_request(in_trace):
    """As the propagator's own writes it, beside W3C's."""
    use_propagators(("tracecontext", "b3", "b3multi"))
    single: dict[str, str] = {}
    several: dict[str, str] = {}
    B3SingleFormat().inject(single)
    B3MultiFormat().inject(several)
    assert inject({}) == {"traceparent": TRACEPARENT, "x-correlation-id": "order-7", **single, **several}


def test_without_request_b3_is_neither_written_nor_read(in_trace):
    """W3C is the default."""
    assert "b3" not in inject({})
    assert ids(extract({"b3": f"{B3_TRACE}-{B3_SPAN}-1"})) == (0, 0, False)


def test_a_choice_of_propagators_keeps_the_correlation_id_in_instrumented_clients():
    """Whichever of the two is asked for first."""
    carry_correlation()
    use_propagators(("b3",))
    carrier: dict[str, str] = {}
    with correlation("order-7"):
        propagate.inject(carrier)
    assert carrier == {"x-correlation-id": "order-7"}


def test_an_unknown_propagator_is_reported_and_the_others_are_used(in_trace, caplog):
    """With the list of those that there are."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        use_propagators(("tracecontext", "smoke-signals"))
    assert "smoke-signals" in caplog.text
    assert "b3, b3multi, baggage, tracecontext" in caplog.text
    assert inject({})["traceparent"] == TRACEPARENT


def test_b3_that_is_not_installed_says_how_to_get_it(monkeypatch, caplog):
    """The package's extra, by name."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        use_propagators(("tracecontext", "b3"))
    assert "pip install 'anyascope[b3]'" in caplog.text


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_holds_everything_and_is_resumed(in_trace):
    """As text and as bytes, whatever propagators are configured."""
    use_propagators(("b3",))
    snapshot = context_snapshot()
    assert json.loads(snapshot) == {"v": 1, **FIELDS}
    token = otel_context.attach(Context())
    for given in (snapshot, snapshot.encode()):
        with resume(given) as correlation_id:
            assert correlation_id == "order-7"
            assert ids(otel_context.get_current()) == (TRACE_ID, SPAN_ID, True)
            assert baggage.get_baggage("tenant") == "zürich 1"
    assert ids(otel_context.get_current()) == (0, 0, False)
    otel_context.detach(token)


@pytest.mark.parametrize("nothing", [None, "", b""])
def test_a_message_from_before_the_sdk_resumes_nothing(nothing):
    """Without a word."""
    with strict(), resume(nothing) as correlation_id:
        assert correlation_id == ""


@pytest.mark.parametrize("wrong", ["{", "[]", "7", '{"v": 2}', "x" * 20_000, "[" * 9_000, 7, object(), b"\xff"])
def test_what_is_no_snapshot_is_reported_and_the_work_is_done(wrong, in_trace, caplog):
    """The body runs in the context that was; in tests it is an error."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"), resume(wrong) as correlation_id:
        assert correlation_id == "order-7"
    assert "resume wants what context_snapshot gave" in caplog.text
    with strict(), pytest.raises(MisuseError):
        resume(wrong)


def test_much_baggage_does_not_make_a_snapshot_too_long():
    """The trace is worth more than its baggage."""
    context = Context()
    for index in range(170):
        context = baggage.set_baggage(f"k{index}", "v" * 4_000, context)
    token = otel_context.attach(context)
    assert len(context_snapshot()) <= 16_384
    otel_context.detach(token)


# --- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [7, "text", b"bytes", object(), 1.5, True, {1, 2}, lambda: None])
def test_what_is_no_carrier_is_reported_and_given_back(wrong, in_trace, caplog):
    """Never an exception in the host; in tests it is one."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        assert inject(wrong) is wrong
        extract(wrong)
    assert "carrier" in caplog.text
    with strict(), pytest.raises(MisuseError):
        inject(wrong)


class Hostile:
    def items(self) -> Any:
        raise RuntimeError("hostile")

    def __setitem__(self, key: object, value: object) -> None:
        raise RuntimeError("hostile")


def test_a_carrier_that_raises_does_not_reach_the_host(in_trace, caplog):
    """One line, and the work goes on."""
    hostile = Hostile()
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        assert inject(hostile) is hostile
        assert ids(extract(hostile)) == (0, 0, False)
    assert "hostile" in caplog.text


def test_a_carrier_without_end_is_read_to_its_limit():
    """A generator of pairs that never ends."""

    def pairs() -> Iterator[tuple[str, str]]:
        while True:
            yield "a", "b"

    assert ids(extract(pairs())) == (0, 0, False)
