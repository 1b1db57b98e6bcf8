"""`anyascope correlate`, against a server that answers by hand."""

from __future__ import annotations

import json

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module

OPERATION, TXID = examples.CORRELATION["ids"]
PATH = "/api/anyascope/v1/correlations/"


def entry(second: int, kind: str, title: str, **more):
    quiet = {"trace_id": "", "span_id": "", "duration_ns": None}
    return examples.CORRELATION["entries"][0] | quiet | {"at": at(second), "kind": kind, "title": title} | more


def at(second: int) -> str:
    return f"2026-12-01T12:00:{second:02}.000000000Z"


FOUND = examples.CORRELATION | {
    "entries": [
        entry(0, "audit", "audit.withdrawal.intent", detail="audit.actor=ann"),
        entry(1, "span", "custody.signing", duration_ns=81_000_000),
        entry(3, "chain", "seen\x1b[2J", is_bad=True),
    ],
    "spends": [examples.SPEND | {"wallet": "hot\n", "state": "matched", "lacks": [], "accepted_by": ""}],
    "parts": [{"name": "logs", "state": "whole", "detail": ""}],
}


class Server:
    """Answers one body, or what is set."""

    def __init__(self):
        self.asked: list[httpx.Request] = []
        self.answer = httpx.Response(200, json=FOUND)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer


@pytest.fixture
def server(monkeypatch):
    found = Server()
    original, transport = httpx.Client, httpx.MockTransport(found.handle)
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    return found


@pytest.fixture
def run(server, capsys):
    """Runs the command: its exit code, output and errors."""

    def call(*arguments):
        code = main.run(["correlate", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_draws_stages_and_a_line_an_entry(run):
    """Ids, the spend and setbacks above; oldest first, with how long after the first; no control byte gets through."""
    code, out, err = run(OPERATION)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:2] == [OPERATION, f"joined with {TXID}"]
    assert lines[2] == "matched  hot\\n spends 1250000 sats: request, approval and signature are there"
    assert lines[3].startswith("stuck  ")
    assert lines[3].endswith("told by core-1, made good since")
    assert [line.split()[:2] for line in lines[5:10]] == [
        ["request", "done"],
        ["approval", "done"],
        ["signing", "done"],
        ["broadcast", "done"],
        ["confirmation", "under"],
    ]
    assert lines[6].split("  ")[-2:] == ["1 m 1 s", "by ann"]
    assert lines[11].endswith("audit.actor=ann")
    assert "+1 s" in lines[12]
    assert "81 ms" in lines[12]
    assert "\x1b" not in out


def test_shows_the_kinds_that_were_asked_for(run):
    """One or several; the rest of the answer stays."""
    _, out, _ = run(OPERATION, "--kind", "chain", "-k", "span", "--json")
    told = json.loads(out)
    assert [one["kind"] for one in told["entries"]] == ["span", "chain"]
    assert told | {"entries": []} == FOUND | {"entries": []}
    _, out, _ = run(OPERATION, "--kind", "log")
    assert out.splitlines()[-1] == "nothing of these kinds"


def test_a_part_that_is_missing_is_told(run, server):
    """On standard error where it could not be asked, below the table where there is more of it."""
    parts = [
        {"name": "logs", "state": "cut", "detail": "there are more records than are given"},
        {"name": "metrics", "state": "late", "detail": "no answer within 5 s"},
    ]
    server.answer = httpx.Response(200, json=FOUND | {"parts": parts})
    code, out, err = run(OPERATION)
    assert code == 0
    assert err == "(not all could be asked; metrics: no answer within 5 s)\n"
    assert out.splitlines()[-1] == "logs: there are more records than are given"


def test_an_id_that_nothing_carries_fails_with_the_servers_words(run, server):
    """So that a script sees it."""
    problem = {"status": 404, "detail": "nothing carries x", "code": "not_found"}
    server.answer = httpx.Response(404, json=problem)
    code, out, err = run("x")
    assert (code, out) == (2, "")
    assert "nothing carries x" in err


def test_the_id_is_one_part_of_the_path(run, server):
    """Whatever stands in it."""
    run('a/b"?c')
    assert server.asked[0].url.raw_path.decode() == f"{PATH}a%2Fb%22%3Fc"
