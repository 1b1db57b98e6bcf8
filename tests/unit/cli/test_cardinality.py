"""Who makes the series, and away with them: against a server that answers by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module

Run = Callable[..., tuple[int, str, str]]
SERIES = [{"__name__": "up", "job": str(number)} for number in range(12)]


@pytest.fixture
def asked() -> list[tuple[str, dict[str, list[str]]]]:
    return []


@pytest.fixture
def answers() -> dict[str, httpx.Response]:
    return {
        "/api/anyascope/v1/cardinality": httpx.Response(200, json=examples.CARDINALITY),
        "/api/v1/series": httpx.Response(200, json={"status": "success", "data": SERIES}),
        "/api/v1/admin/tsdb/delete_series": httpx.Response(204),
    }


@pytest.fixture
def run(
    answers: dict[str, httpx.Response],
    asked: list[tuple[str, dict[str, list[str]]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    def handle(request: httpx.Request) -> httpx.Response:
        form = request.content.decode() if request.method == "POST" else request.url.query.decode()
        asked.append((request.url.path, parse_qs(form)))
        return answers[request.url.path]

    original = httpx.Client

    def with_transport(**options: Any) -> httpx.Client:
        return original(**(options | {"transport": httpx.MockTransport(handle)}))

    monkeypatch.setattr(client_module.httpx, "Client", with_transport)

    def call(*arguments: str, answer: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        code = main.run(list(arguments))
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_series_are_shown_beside_their_limits(run: Run, asked: list[tuple[str, dict[str, list[str]]]]) -> None:
    """By source, by the label that was asked for, metric, label and pair; with what to do."""
    code, out, _ = run("cardinality", "--by", "job", "-n", "3")

    assert code == 0
    assert asked == [("/api/anyascope/v1/cardinality", {"limit": ["3"], "label": ["job"]})]
    assert "812 series stored · 12 began within the last hour · 3 had no sample in it" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "all sources 800 2,000,000 0.0%" in lines
    assert "scrape 600 1,000,000 0.1%" in lines
    assert "node 480 59.1%" in lines
    assert "node_cpu_seconds_total 64 7.9%" in lines


def test_json_is_the_api_s(run: Run) -> None:
    """As it came."""
    code, out, _ = run("cardinality", "--json")

    assert (code, json.loads(out)) == (0, examples.CARDINALITY)


def test_series_are_shown_before_they_are_deleted(run: Run, asked: list[tuple[str, dict[str, list[str]]]]) -> None:
    """Only a yes deletes."""
    code, out, _ = run("series", "delete", "up", answer="n\n")

    assert code == 130
    assert [path for path, _ in asked] == ["/api/v1/series"]
    assert 'up{job="9"}' in out
    assert "and 2 more" in out

    code, out, _ = run("series", "delete", "up", "down", answer="y\n")

    assert (code, out.splitlines()[-1].strip()) == (0, "deleted the samples of 12 series")
    assert asked[-1] == ("/api/v1/admin/tsdb/delete_series", {"match[]": ["up", "down"]})


def test_a_stretch_can_be_deleted_without_a_question(run: Run, asked: list[tuple[str, dict[str, list[str]]]]) -> None:
    """For programs."""
    code, _, _ = run("series", "delete", "up", "--start", "1000000000", "--end", "1000000060", "--yes")

    assert code == 0
    assert asked[-1][1] == {"match[]": ["up"], "start": ["1000000000.0"], "end": ["1000000060.0"]}


def test_nothing_is_deleted_where_nothing_matches(run: Run, answers: dict[str, httpx.Response]) -> None:
    """Which is said."""
    answers["/api/v1/series"] = httpx.Response(200, json={"status": "success", "data": []})

    code, out, _ = run("series", "delete", "up", "--yes")

    assert (code, out) == (0, "nothing matches\n")


def test_a_server_that_forbids_it_is_believed(run: Run, answers: dict[str, httpx.Response]) -> None:
    """In one line, with exit code 2."""
    body = {"status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}
    answers["/api/v1/admin/tsdb/delete_series"] = httpx.Response(500, json=body)

    code, _, err = run("series", "delete", "up", "--yes")

    assert (code, err) == (
        2,
        "anyascope: http://127.0.0.1:9470 lets nobody delete: start it with --enable-admin-api\n",
    )
