"""`anyascope spends`."""

from __future__ import annotations

import json

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module


@pytest.fixture
def asked(monkeypatch):
    """Requests that the server of the test was sent; it answers two pages, or the spend that was accepted."""
    found: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found.append(request)
        if request.method == "POST":
            return httpx.Response(200, json=examples.SPEND)
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json=examples.HEALTH)
        cursor = "2" if "cursor" not in request.url.params or not request.url.params["cursor"] else None
        return httpx.Response(200, json={"spends": [examples.SPEND], "cursor": cursor})

    original, transport = httpx.Client, httpx.MockTransport(answer)
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    return found


def test_lists_page_by_page(asked, capsys):
    """All that was asked for, with what lacks and the whole id; `--json` prints what the server said."""
    assert main.run(["spends", "--state", "unmatched"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith(examples.SPEND["txid"])
    assert "request,approval,signature" in lines[1]
    assert [request.url.params["state"] for request in asked] == ["unmatched", "unmatched"]

    assert main.run(["spends", "--limit", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["wallet"] == "custody-hot"


def test_accepts_one_with_a_reason(asked, capsys):
    """By the person who runs it, where nobody else is named; without a reason it is refused."""
    assert main.run(["spends", "accept", "ab", "--chain", "regtest", "--note", "by hand", "--by", "ann"]) == 0
    assert capsys.readouterr().out.startswith("accepted")
    assert asked[0].url.path.endswith("/custody/spends/regtest/ab/accept")
    assert json.loads(asked[0].content) == {"by": "ann", "note": "by hand"}
    asked.clear()
    assert main.run(["spends", "accept", examples.SPEND["txid"], "--note", "by hand"]) == 0
    assert asked[-1].url.path.endswith(f"/custody/spends/main/{examples.SPEND['txid']}/accept")
    assert main.run(["spends", "accept", "ab"]) == 2
