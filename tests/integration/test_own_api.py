"""The own API behind a real HTTP server on loopback, asked by the real client and the terminal's commands."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from anyascope.access.tokens import Tokens
from anyascope.cli import logs, main
from anyascope.client.client import Client
from anyascope.clock import SystemClock
from anyascope.errors import DeniedError, InvalidInputError, NotFoundError, UnavailableError
from anyascope.model.attributes import Resource
from anyascope.model.logs import LogRecord
from anyascope.model.secret import Secret
from anyascope.model.traces import Span, SpanStatus
from support.own_api import House, batch_of

TOKEN = "0123456789abcdef"
WITHIN_S = 60.0


class Running:
    """A house behind uvicorn in a thread of its own."""

    def __init__(self, **options):
        self.house = House(clock=SystemClock())
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.house.app(**options), http="httptools", loop="asyncio", lifespan="off", log_config=None
        )
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._server.serve(sockets=[self._socket]),)
        )

    def __enter__(self):
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, *_error):
        self._loop.call_soon_threadsafe(self.house.streams.close)
        self._server.should_exit = True
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        self._loop.close()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WITHIN_S)

    def keep_logs(self, *records):
        self.run(self.house.keep_logs(*records))

    def arrive(self, *records):
        self._loop.call_soon_threadsafe(self.house.arrivals.arrive, batch_of(*records))

    def followers(self):
        """Who hears of logs beside `/live`, which always does."""
        return len(self.house.arrivals.of_logs) - 1

    def streams(self):
        return self.house.registry.get_sample_value("anyascope_event_streams")


def until(probe):
    deadline = time.monotonic() + WITHIN_S
    while not probe():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def running():
    with Running() as server:
        yield server


@pytest.fixture
def client(running):
    with Client(running.url) as found:
        yield found


def record(body, **more):
    return LogRecord(
        time.time_ns() - 1_000_000, body, severity_number=17, resource=Resource({"service.name": "custody"}), **more
    )


def test_the_client_reads_every_resource(running, client):
    """What the server writes the client reads, typed."""
    running.keep_logs(record("signing failed", attributes={"wallet": "cold-1"}, trace_id=b"\1" * 16))
    span = Span(b"\1" * 16, b"\2" * 8, "sign", time.time_ns() - 10**9, 5_000_000, status=SpanStatus.ERROR)
    running.run(running.house.keep_spans(span))
    assert [row.body for row in client.search_logs("severity:error").rows] == ["signing failed"]
    assert sum(bar.total for bar in client.count_logs().buckets) == 1
    assert [field.name for field in client.log_fields().fields] == ["attributes.wallet", "resource.service.name"]
    assert client.log_values("wallet").values[0].value == "cold-1"
    assert client.services().services[0].operations[0].name == "sign"
    assert client.search_traces(errors_only=True).traces[0].errors == 1
    assert client.trace("01" * 16).spans[0].name == "sign"
    assert client.alerts().alerts == []
    assert client.notifications().cursor is None
    assert client.status().pid == 4711
    assert client.health().status == "healthy"
    client.reload()
    assert len(running.house.reloads) == 1


def test_refusals_arrive_as_errors(client):
    """The server's problems are the client's errors."""
    with pytest.raises(InvalidInputError, match="column 3"):
        client.search_logs('a "b')
    with pytest.raises(NotFoundError, match="no trace"):
        client.trace("00" * 16)


def test_the_tail_shows_a_record_as_it_is_stored(running, client):
    """Within a moment of the commit, filtered, and the reader's end is noticed."""
    found = []

    def read():
        for item in client.tail_logs("service:custody signing"):
            found.append(item)
            if len(found) == 2:
                return

    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: running.followers() == running.streams() == 1)
    running.keep_logs(record("signing failed"), record("all well"))
    until(lambda: len(found) == 1)
    running.keep_logs(record("signing again"))
    reader.join(WITHIN_S)
    assert [row.body for row in found] == ["signing failed", "signing again"]
    client.close()
    until(lambda: running.streams() == running.followers() == 0)


def test_a_reader_that_does_not_read_holds_nobody_up(running, client):
    """Another reader gets everything, and storing goes on."""
    found = []
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", int(running.url.rpartition(":")[2])))
        stuck.sendall(b"GET /api/anyascope/v1/logs/tail HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        until(lambda: running.followers() == 1)
        reader = threading.Thread(target=lambda: found.extend(itertools.islice(client.tail_logs("needle"), 5)))
        reader.start()
        until(lambda: running.followers() == 2)
        noise = [record("x" * 2000) for _ in range(5000)]
        for number in range(5):
            running.arrive(*noise)
            running.keep_logs(record(f"needle {number}"))
        reader.join(WITHIN_S)
    assert [row.body for row in found] == [f"needle {number}" for number in range(5)]


def test_a_stopping_server_ends_its_streams(running, client):
    """A reader learns at once, and does not hold the stop up."""
    reader = threading.Thread(target=lambda: list(client.tail_logs()))
    reader.start()
    until(lambda: running.streams() == 1)
    running._loop.call_soon_threadsafe(running.house.streams.close)
    reader.join(WITHIN_S)
    assert not reader.is_alive()
    with pytest.raises(UnavailableError):
        next(iter(client.tail_logs()))


def test_live_begins_with_health_and_alerts(running):
    """A page that opens knows everything after the first event."""
    with httpx.stream("GET", f"{running.url}/api/anyascope/v1/live", timeout=WITHIN_S) as answer:
        lines = answer.iter_lines()
        names = [line for line in (next(lines) for _ in range(6)) if line.startswith("event: ")]
    assert names == ["event: health", "event: alerts"]
    until(lambda: running.streams() == 0)


def test_a_token_is_asked_for_where_there_is_one():
    """The client sends it; without it the advice says how."""
    with Running(tokens=Tokens([Secret(TOKEN)], clock=SystemClock())) as running:
        with Client(running.url) as client, pytest.raises(DeniedError, match="ANYASCOPE_TOKEN"):
            client.status()
        with Client(running.url, token=Secret(TOKEN)) as client:
            assert client.status().pid == 4711


def test_the_commands_ask_a_real_server(running, capsys, monkeypatch):
    """Search, follow and doctor over a socket."""
    running.keep_logs(record("signing failed"))
    assert main.run(["--server", running.url, "logs", "signing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["body"] == "signing failed"
    assert main.run(["--server", running.url, "doctor"]) == 0

    def end(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("anyascope.cli.logs.sleep", end)
    is_shown, show = threading.Event(), logs._Printer.print

    def noting(printer, row):
        show(printer, row)
        if row.body == "live":
            is_shown.set()

    monkeypatch.setattr(logs._Printer, "print", noting)
    later = threading.Thread(target=_arrive_and_end, args=(running, is_shown))
    later.start()
    assert main.run(["--server", running.url, "logs", "-f", "--json", "-n", "1"]) == 130
    later.join(WITHIN_S)
    followed = [json.loads(line)["body"] for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert followed == ["signing failed", "live"]


def _arrive_and_end(running, is_shown):
    until(lambda: running.followers() == 1)
    running.keep_logs(record("live"))
    is_shown.wait(WITHIN_S)
    running._loop.call_soon_threadsafe(running.house.streams.close)
