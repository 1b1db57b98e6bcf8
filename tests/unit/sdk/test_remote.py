"""Settings that come from the server while the process runs."""

from __future__ import annotations

import http.server
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest

from anyascope.sdk.delivery import Target
from anyascope.sdk.exporters import Protocol, target_of
from anyascope.sdk.guard import forget_told
from anyascope.sdk.tracing.remote import (
    EVERY_S,
    WAIT_S_MAX,
    Answer,
    LevelControl,
    RemoteControl,
    RemoteOptions,
    RemoteSettings,
    parse_settings,
    remote_options,
)

OPTIONS = RemoteOptions("http://127.0.0.1:1/settings?service=custody")
WITHIN_S = 60


class FarEnd:
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, url: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append((url, dict(headers)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def control(far_end: FarEnd) -> tuple[RemoteControl, list[RemoteSettings]]:
    applied: list[RemoteSettings] = []
    return RemoteControl(OPTIONS, applied.append, fetch=far_end, random=Random(1)), applied


@pytest.fixture(autouse=True)
def _told_anew() -> Iterator[None]:
    forget_told()
    yield
    forget_told()


def test_a_change_is_applied_once():
    """What is known already is not applied again, and is asked for with its tag."""
    far_end = FarEnd(
        Answer(200, '"1"', b'{"sample_ratio": 0.25, "log_level": "INFO"}'),
        Answer(304, '"1"'),
        Answer(200, '"2"', b'{"sample_ratio": 0.25, "log_level": "info"}'),
        Answer(200, '"3"', b'{"sample_ratio": null}'),
    )
    remote, applied = control(far_end)
    for _ in range(4):
        remote.ask()
    assert applied == [RemoteSettings(0.25, "info"), RemoteSettings()]
    assert [headers for _, headers in far_end.asked] == [
        {},
        {"if-none-match": '"1"'},
        {"if-none-match": '"1"'},
        {"if-none-match": '"2"'},
    ]


def test_the_wait_is_spread():
    """A fleet that started at once does not ask at once for ever."""
    remote, _ = control(FarEnd(*[Answer(304)] * 50))
    waits = [remote.ask() for _ in range(50)]
    assert all(0.8 * EVERY_S <= wait <= 1.2 * EVERY_S for wait in waits)
    assert len(set(waits)) > 40


def test_a_far_end_that_fails_is_asked_less_and_less_and_told_of_once(caplog):
    """Whatever is wrong with it; what was asked for last goes on, and an answer ends the back-off."""
    wrong = [OSError("refused"), Answer(503), Answer(404), Answer(200, "", b"<html>"), Answer(200, "", b"[]")]
    far_end = FarEnd(Answer(200, '"1"', b'{"sample_ratio": 0.5}'), *wrong, *[OSError("refused")] * 20, Answer(304))
    remote, applied = control(far_end)
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        waits = [remote.ask() for _ in range(27)]
    assert applied == [RemoteSettings(0.5)]
    assert waits[1] > 1.5 * EVERY_S
    assert max(waits) <= 1.2 * WAIT_S_MAX
    assert waits[-1] <= 1.2 * EVERY_S
    assert [record.getMessage().split(": ")[2] for record in caplog.records] == [
        "OSError",
        "ValueError",
        "JSONDecodeError",
    ]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"sample_ratio": 0, "log_level": "Debug"}', RemoteSettings(0.0, "debug")),
        (b'{"sample_ratio": 1.5, "log_level": "loud"}', RemoteSettings()),
        (b'{"sample_ratio": "0.5", "log_level": 7}', RemoteSettings()),
        (b'{"sample_ratio": NaN}', RemoteSettings()),
        (b'{"sample_ratio": true}', RemoteSettings()),
        (b'{"something": "else"}', RemoteSettings()),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_left_to_the_service(body, wanted):
    """The other one counts."""
    assert parse_settings(body) == wanted


def test_the_level_that_was_comes_back():
    """When the server asks for none any more."""
    root = logging.getLogger()
    before = root.level
    try:
        root.setLevel(logging.WARNING)
        levels = LevelControl()
        levels.heed("debug")
        assert root.level == logging.DEBUG
        levels.heed("error")
        assert root.level == logging.ERROR
        levels.heed(None)
        assert root.level == logging.WARNING
        levels.heed(None)
        assert root.level == logging.WARNING
    finally:
        root.setLevel(before)


def target(protocol: Protocol, endpoint: str) -> Target:
    return target_of("traces", protocol=protocol, endpoint=endpoint, token="t")


def test_where_to_ask_follows_from_where_spans_go():
    """OTLP's own HTTP port answers; the token goes along, and is not shown."""
    found = remote_options(target(Protocol.OTLP_HTTP, "https://h:4318/base"), "cold wallet/1")
    assert found is not None
    assert found.url == "https://h:4318/base/api/anyascope/v1/sdk/settings?service=cold%20wallet%2F1"
    assert dict(found.headers) == {"authorization": "Bearer t"}
    assert "Bearer" not in repr(found)


@pytest.mark.parametrize("protocol", [Protocol.OTLP_GRPC, Protocol.JAEGER_THRIFT_HTTP])
def test_where_it_does_not_follow_it_must_be_said(protocol):
    """GRPC and Jaeger do not tell where anyascope's HTTP is."""
    assert remote_options(target(protocol, "http://h:1"), "s") is None
    said = remote_options(target(protocol, "http://h:1"), "s", endpoint="http://scope:9470/")
    assert said is not None
    assert said.url == "http://scope:9470/api/anyascope/v1/sdk/settings?service=s"
    assert remote_options(None, "s", endpoint="nonsense") is None


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        body = b'{"sample_ratio": 0.125, "log_level": null}'
        self.send_response(200)
        self.send_header("etag", '"7"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    found: Any = http.server.HTTPServer(("127.0.0.1", 0), _Server)
    found.seen = []
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.shutdown()
    thread.join(WITHIN_S)
    found.server_close()


def asked_in_background(server: http.server.HTTPServer) -> tuple[RemoteControl, Any, threading.Event]:
    url = f"http://127.0.0.1:{server.server_port}/settings"
    applied: list[RemoteSettings] = []
    arrived = threading.Event()

    def apply(settings: RemoteSettings) -> None:
        applied.append(settings)
        arrived.set()

    return RemoteControl(RemoteOptions(url, {"authorization": "Bearer t"}, every_s=0.02), apply), applied, arrived


def test_a_thread_of_its_own_asks_a_real_server_until_it_is_stopped(server):
    """It is a daemon with a name that says whose it is."""
    remote, applied, arrived = asked_in_background(server)
    remote.start()
    remote.start()
    assert arrived.wait(WITHIN_S)
    threads = [thread for thread in threading.enumerate() if thread.name == "anyascope-settings"]
    remote.stop()
    for thread in threads:
        assert thread.daemon
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    assert applied == [RemoteSettings(0.125)]
    seen: Any = server
    assert {headers["authorization"] for _, headers in seen.seen} == {"Bearer t"}


def test_a_forked_child_asks_by_itself(server):
    """And a parent that has stopped has no child that asks."""
    remote, _, arrived = asked_in_background(server)
    remote.start()
    assert arrived.wait(WITHIN_S)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        arrived.clear()
        remote._known = RemoteSettings()
        os.write(writing, b"1" if arrived.wait(WITHIN_S) else b"0")
        os._exit(0)
    os.waitpid(pid, 0)
    remote.stop()
    assert os.read(reading, 1) == b"1"
    os.close(reading)
    os.close(writing)
