"""One attempt by HTTP, against a real socket."""

from __future__ import annotations

import gzip
import logging
import time
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from anyascope.sdk.delivery.answer import Verdict
from anyascope.sdk.delivery.http import HttpSender
from anyascope.sdk.delivery.target import Format, Target
from support.far_end import far_end
from support.ports import free_port

ATTEMPT_S = 30.0  # of a machine that does other work beside; silence is tried with less


@pytest.fixture
def end():
    with far_end() as end:
        yield end


def sender(end, *, attempt_s=ATTEMPT_S, **options):
    return HttpSender(Target(f"{end.url}/v1/traces", attempt_s=attempt_s, **options))


def test_posts_the_body_as_it_is(end):
    """Path, content type, agent and headers of the target."""
    assert sender(end, headers={"authorization": "Bearer t"}).send(b"body").verdict is Verdict.TAKEN
    assert (end.bodies, end.paths) == ([b"body"], ["/v1/traces"])
    assert end.received[0]["content-type"] == "application/x-protobuf"
    assert end.received[0]["authorization"] == "Bearer t"
    assert end.received[0]["user-agent"].startswith("anyascope-sdk/")


def test_says_what_the_body_is(end):
    """Each format has its content type."""
    sender(end, format=Format.JAEGER).send(b"x")
    sender(end, format=Format.JSON).send(b"x")
    assert [headers["content-type"] for headers in end.received] == [
        "application/vnd.apache.thrift.binary",
        "application/json",
    ]


def test_compresses_on_request(end):
    """The body travels gzipped and says so."""
    sender(end, is_compressed=True).send(b"body")
    assert end.received[0]["content-encoding"] == "gzip"
    assert gzip.decompress(end.bodies[0]) == b"body"


def test_keeps_the_connection(end, monkeypatch):
    """Three bodies, one connection, and the time of each answer is its own."""
    passed_s = [0.0]
    now_s = time.monotonic
    monkeypatch.setattr("anyascope.sdk.delivery.http.time", SimpleNamespace(monotonic=lambda: now_s() + passed_s[0]))
    speaker = sender(end)
    for _ in range(3):
        assert speaker.send(b"x").verdict is Verdict.TAKEN
        passed_s[0] += ATTEMPT_S * 0.6
    assert end.connections == 1


def test_an_idle_connection_that_was_closed_is_no_failure(end):
    """The far end closed between two bodies: the second goes by a new connection."""
    speaker = sender(end)
    speaker.send(b"1")
    speaker._connection.sock.shutdown(2)
    assert speaker.send(b"2").verdict is Verdict.TAKEN
    assert end.bodies == [b"1", b"2"]


def test_nobody_listens():
    """A refused connection is unreachable, told without the address."""
    answer = HttpSender(Target(f"http://127.0.0.1:{free_port()}/v1/traces")).send(b"x")
    assert answer.verdict is Verdict.UNREACHABLE
    assert "ConnectionRefusedError" in answer.detail


@pytest.mark.parametrize("mode", ["black_hole", "trickle"])
def test_silence_and_trickle_end_alike(end, mode):
    """A far end that never answers, or a byte at a time for ever, holds the attempt for a bounded time."""
    end.mode = mode
    answer = sender(end, attempt_s=0.3).send(b"x")
    assert answer.verdict is Verdict.UNREACHABLE
    end.mode = "ok"


def test_a_dropped_connection_is_unreachable(end):
    """A far end that hangs up is tried again later."""
    end.mode = "drop"
    assert sender(end).send(b"x").verdict is Verdict.UNREACHABLE


@pytest.mark.parametrize("text", ["7", "Wed, 21 Oct 2055 07:28:00 GMT"])
def test_reads_retry_after(end, text):
    """Seconds and dates."""
    end.mode, end.headers = "503", {"retry-after": text}
    answer = sender(end).send(b"x")
    assert answer.verdict is Verdict.LATER
    assert not answer.is_odd
    assert answer.retry_after_s == 7 or answer.retry_after_s > 1e6


def test_a_fault_of_its_own_is_odd(end):
    """500 may lie in the body."""
    end.mode = "500"
    assert sender(end).send(b"x").is_odd


def test_a_redirect_is_not_followed(end):
    """Telemetry goes where it was told to go, with its token, and nowhere else."""
    end.mode, end.headers = "307", {"location": "http://127.0.0.1:9/elsewhere"}
    assert sender(end).send(b"x").verdict is Verdict.REFUSED


def test_counts_what_the_far_end_left_out(end):
    """OTLP partial success."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 3
    end.answer = response.SerializeToString()
    assert sender(end).send(b"x").rejected == 3


@pytest.mark.parametrize("body", [b"\xff\xff", b"not protobuf", b""])
def test_an_odd_answer_does_no_harm(end, body):
    """What cannot be read counts as nothing rejected."""
    end.answer = body
    answer = sender(end).send(b"x")
    assert (answer.verdict, answer.rejected) == (Verdict.TAKEN, 0)


@pytest.mark.parametrize(
    "url", ["", "ftp://h/x", "http://", "http://h:notaport/", "nonsense", "http://[::1", "http://h\n/"]
)
def test_an_impossible_address_is_unreachable(url):
    """No address makes it raise."""
    assert HttpSender(Target(url, attempt_s=0.1)).send(b"x").verdict is Verdict.UNREACHABLE


def test_a_header_that_cannot_be_sent_is_no_exception(end):
    """A line break in a header ends the attempt, not the thread."""
    assert sender(end, headers={"x": "a\r\nb: c"}).send(b"x").verdict is Verdict.UNREACHABLE


def test_goes_through_a_proxy(end, monkeypatch):
    """HTTP_PROXY is obeyed: the proxy is told the whole address; NO_PROXY goes straight."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", end.url)
    assert HttpSender(Target("http://collector.test/v1/traces")).send(b"x").verdict is Verdict.TAKEN
    assert end.paths == ["http://collector.test/v1/traces"]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    sender(end).send(b"y")
    assert end.paths[-1] == "/v1/traces"


def test_a_token_is_never_shown(caplog):
    """Headers do not stand in the target's text."""
    target = Target("http://h/", headers={"authorization": "Bearer secret"})
    logging.getLogger("t").warning("%r %s", target, target)
    assert "secret" not in caplog.text


def test_the_far_end_is_told_without_its_password():
    """User and password of an address are not part of the far end's name."""
    assert Target("https://user:pw@collector:4318/v1/logs").far_end == "https://collector:4318"
    assert Target("collector:4317").far_end == "http://collector:4317"
