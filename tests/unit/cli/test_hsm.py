"""`anyascope hsm`."""

from __future__ import annotations

import json

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module


@pytest.fixture
def hsms(monkeypatch):
    """The HSMs that the server of the test watches; a test changes them."""
    watched = [examples.HSM]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"hsms": watched})

    original, transport = httpx.Client, httpx.MockTransport(answer)
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    return watched


@pytest.mark.parametrize("command", [["hsm"], ["hsm", "list"]])
def test_each_is_a_line_and_below_what_to_do(hsms, capsys, command):
    """With or without the word `list`."""
    assert main.run(command) == 0
    out = capsys.readouterr().out
    assert "core  degraded  core-hsm" in out
    assert out.endswith(f"    {examples.HSM['advice'].replace('NAME', 'core')}\n")
    assert main.run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hsms"][0]["name"] == "core"


def test_nothing_is_watched(hsms, capsys):
    """The answer says what to write where."""
    hsms.clear()
    assert main.run(["hsm"]) == 0
    assert capsys.readouterr().out.startswith("no HSM is watched: name one in collectors.hsm")
