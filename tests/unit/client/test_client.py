"""The client of the own API."""

from __future__ import annotations

import httpx
import pytest

from anyascope.client.client import Client, Dropped, NoServerError, read_events
from anyascope.client.prometheus import Point, QueryAnswer, ResultKind, Series, read_answer
from anyascope.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.model.secret import Secret


def client_of(answer, **options):
    """A client whose server is a function from request to response."""
    return Client(transport=httpx.MockTransport(answer), **options)


def problem(status, **fields):
    return httpx.Response(status, json={"title": "t", "status": status, "detail": "told", **fields})


def test_a_question_carries_only_what_was_given_and_the_token():
    """Empty parameters are left to the server's defaults."""
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(200, json={"traces": []})

    client_of(answer, token=Secret("t" * 16)).search_traces(service="custody", tags=["a=1", "b=2"], limit=5)
    assert seen[0].url.params.multi_items() == [
        ("service", "custody"),
        ("tags", "a=1"),
        ("tags", "b=2"),
        ("limit", "5"),
    ]
    assert seen[0].headers["authorization"] == "Bearer " + "t" * 16
    assert seen[0].url.path == "/api/anyascope/v1/traces/search"


def test_unknown_fields_of_a_newer_server_are_passed_over():
    """A client keeps working when the server learns more."""
    found = client_of(lambda _: httpx.Response(200, json={"alerts": [], "more": 1})).alerts()
    assert found.alerts == []


@pytest.mark.parametrize(
    ("response", "error", "text"),
    [
        (problem(400, code="invalid_input", path="limit"), InvalidInputError, "limit: told"),
        (problem(404, code="not_found"), NotFoundError, "told"),
        (problem(409, code="conflict"), ConflictError, "told"),
        (problem(422, code="limit_exceeded"), LimitExceededError, "told"),
        (problem(401, code="unauthenticated"), DeniedError, "ANYASCOPE_TOKEN"),
        (problem(403, code="cross_site"), UnsupportedError, "told"),
        (problem(503, code="unavailable", retry_after_s=7), UnavailableError, "told"),
        (httpx.Response(400, json={"status": "error", "errorType": "bad_data", "error": "parse"}), InvalidInputError, "parse"),
        (httpx.Response(404, text="nginx"), UnsupportedError, "404 Not Found"),
        (httpx.Response(799, text=""), UnsupportedError, "799"),
        (httpx.Response(200, text="<html>"), UnsupportedError, "not answer like an anyascope server"),
        (httpx.Response(200, json=[]), UnsupportedError, "not answer like an anyascope server"),
        (httpx.Response(302, headers={"location": "/login"}), UnsupportedError, "302"),
    ],
)  # fmt: skip
def test_a_refusal_is_an_error_of_ours(response, error, text):
    """Each answer that is none says what to do, whoever gave it."""
    with pytest.raises(error, match=text):
        client_of(lambda _: response).alerts()


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (httpx.ConnectError("refused"), NoServerError, "start it with `anyascope up`"),
        (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), NoServerError, "SSL_CERT_FILE"),
        (httpx.ReadTimeout("slow"), UnavailableError, "too long"),
        (httpx.ReadError("reset"), UnavailableError, "broke: reset"),
        (httpx.RemoteProtocolError(""), UnavailableError, "broke: RemoteProtocolError"),
    ],
)
def test_a_broken_connection_is_an_error_of_ours(fault, kind, text):
    """A person reads what is wrong and what to do."""

    def answer(request):
        raise fault

    with pytest.raises(kind, match=text):
        client_of(answer).status()


def test_a_far_server_that_does_not_answer_is_not_to_be_started():
    """Advice is for the machine that is meant."""

    def answer(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(NoServerError, match="is the address right"):
        client_of(answer, server="scope.example.org").status()


@pytest.mark.parametrize("server", ["", "ftp://x", "http://", "http://[", "http://h:x", "://"])
def test_what_is_no_address_is_refused(server):
    """Before anything is sent."""
    with pytest.raises(InvalidInputError, match="--server"):
        Client(server)


def test_a_token_that_no_header_can_carry_is_refused():
    """A line break would be another header."""
    with pytest.raises(InvalidInputError, match="--token"):
        Client(token=Secret("a\r\nb"))


def test_a_trace_id_stays_one_part_of_the_path():
    """What is typed cannot lead elsewhere."""
    seen = []

    def answer(request):
        seen.append(request.url.raw_path)
        return problem(400, code="invalid_input")

    with pytest.raises(InvalidInputError):
        client_of(answer).trace("../../../-/reload?x")
    assert seen == [b"/api/anyascope/v1/traces/..%2F..%2F..%2F-%2Freload%3Fx"]


def test_the_tail_gives_rows_and_what_was_dropped():
    """Comments and unknown events are passed over."""
    row = (
        '{"time":"t","observed_time":null,"severity":"","severity_number":0,"body":"b","service":"s","host":"",'
        '"stream":"","attributes":{},"resource":{},"scope":{"name":"","version":""},"trace_id":"","span_id":"",'
        '"correlation_id":"","event_name":""}'
    )
    text = f'retry: 2000\n\n: \n\nevent: row\ndata: {row}\n\nevent: new\ndata: {{}}\n\nevent: dropped\ndata: {{"rows":3}}\n\n'
    first, second = client_of(lambda _: httpx.Response(200, text=text)).tail_logs()
    assert first.body == "b"
    assert second == Dropped(3)


def test_a_refused_tail_is_an_error_of_ours():
    """The body of a refusal is read before it is told."""
    with pytest.raises(InvalidInputError, match="told"):
        list(client_of(lambda _: problem(400, code="invalid_input")).tail_logs("("))


def test_events_are_read_as_the_standard_says():
    """Several data lines are one text; an event without data is none."""
    lines = ["event:a", "data: 1", "data:2", "", "event: b", "", ":x", "data", "", "id: 5", "data: y", ""]
    assert list(read_events(iter(lines))) == [("a", b"1\n2"), ("message", b""), ("message", b"y")]


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"resultType": "scalar", "result": [1.5, "2"]}, QueryAnswer(ResultKind.SCALAR, (Series({}, (Point(1.5, "2"),)),))),
        (
            {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "NaN"]}, {"metric": {}, "histogram": []}]},
            QueryAnswer(ResultKind.VECTOR, (Series({"a": "b"}, (Point(1.0, "NaN"),)),)),
        ),
        (
            {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "1"], [2, "+Inf"]]}]},
            QueryAnswer(ResultKind.MATRIX, (Series({}, (Point(1.0, "1"), Point(2.0, "+Inf"))),)),
        ),
    ],
)  # fmt: skip
def test_prometheus_results_are_read(result, answer):
    """Each kind of result, values as they were sent."""
    assert read_answer({"data": result}) == answer


@pytest.mark.parametrize("document", [{}, {"data": {}}, {"data": {"resultType": "x"}}, {"data": []}])
def test_what_is_no_result_is_refused(document):
    """Something else answers there."""
    with pytest.raises(UnsupportedError):
        read_answer(document)


def test_an_expression_is_posted():
    """It may be longer than a URL."""
    seen = []

    def answer(request):
        seen.append((request.method, request.url.path, request.content))
        return httpx.Response(
            200, json={"data": {"resultType": "vector", "result": []}, "warnings": ["w"], "infos": ["i"]}
        )

    client = client_of(answer)
    assert client.query("up", time_s=1.5).warnings == ("w",)
    client.query_range("up", start_s=1.0, end_s=2.0, step_s=1.0)
    assert seen == [
        ("POST", "/api/v1/query", b"query=up&time=1.5"),
        ("POST", "/api/v1/query_range", b"query=up&start=1.0&end=2.0&step=1.0"),
    ]
