"""`anyascope silence`, against the own API in process."""

from __future__ import annotations

import json

import httpx
import msgspec
import pytest

from anyascope.api.examples import BY_OPERATION, SILENCE, SILENCE_PREVIEW
from anyascope.cli import main
from anyascope.client import client as client_module

ID = SILENCE["id"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command: its exit code, output, errors, and what was asked."""
    asked = []

    def handle(request):
        asked.append((request.method, request.url.path.removeprefix("/api/anyascope/v1"), request.content))
        if request.url.path.endswith("/preview"):
            return httpx.Response(200, content=msgspec.json.encode(SILENCE_PREVIEW))
        if request.method == "GET" and request.url.path.endswith("/silences"):
            return httpx.Response(200, content=msgspec.json.encode(BY_OPERATION["listSilences"]))
        return httpx.Response(
            201 if request.url.path.endswith("/silences") else 200, content=msgspec.json.encode(SILENCE)
        )

    original = httpx.Client
    monkeypatch.setattr(
        client_module.httpx,
        "Client",
        lambda **options: original(**options | {"transport": httpx.MockTransport(handle)}),
    )
    monkeypatch.setattr("getpass.getuser", lambda: "ann")

    def call(*arguments):
        asked.clear()
        code = main.run(["silence", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err, [(*one[:2], json.loads(one[2]) if one[2] else None) for one in asked]

    return call


def test_list_shows_author_and_reason(run):
    """A line a silence; JSON where a program reads."""
    code, out, _, asked = run("list")
    assert (code, asked) == (0, [("GET", "/silences", None)])
    for shown in (ID, "active", 'instance="h1"', "ann", "disk swap, OPS-42"):
        assert shown in out
    assert json.loads(run("list", "--json")[1])[0]["id"] == ID


def test_show_has_the_history(run):
    """Who did what when, and the windows."""
    _, out, _, asked = run("show", ID)
    assert asked == [("GET", f"/silences/{ID}", None)]
    for shown in ("22:00 to 06:00 Europe/Berlin, monday", "created", "warning: may mute critical"):
        assert shown in out


def test_add_asks_as_it_was_told(run):
    """Matchers, a reason, a length and a window; the author is who runs the command."""
    code, out, _, asked = run(
        *("add", "Down", "instance=~h.*", "--for", "1h30m", "-c", "swap"),
        *("--between", "22:00-06:00", "--on", "mon,fri", "--zone", "Europe/Berlin"),
    )
    assert (code, ID in out, "warning:" in out) == (0, True, True)
    ((_, path, body),) = asked
    assert path == "/silences"
    assert body["matchers"] == [
        {"name": "alertname", "op": "=", "value": "Down"}, {"name": "instance", "op": "=~", "value": "h.*"},
    ]  # fmt: skip
    assert (body["created_by"], body["comment"], body["for_s"], body["ends_at"]) == ("ann", "swap", 5400.0, None)
    assert body["recurrence"] == {
        "start_time": "22:00", "end_time": "06:00", "weekdays": ["mon", "fri"], "location": "Europe/Berlin",
    }  # fmt: skip


def test_preview_shows_alerts_and_rules(run):
    """What stands now, what would come, and the warnings."""
    _, out, _, asked = run("preview", "instance=h1")
    assert asked[0][2] == {"matchers": [{"name": "instance", "op": "=", "value": "h1"}]}
    for shown in ("1 alert matches now", "1 rule could", "HostOutOfMemory", "by its series", "warning:"):
        assert shown in out


def test_changes_say_who_and_how_long(run):
    """Extend, clone and expire."""
    assert run("extend", ID, "--for", "1h", "--by", "bob")[3][0][1:] == (
        f"/silences/{ID}/extend", {"by": "bob", "for_s": 3600.0},
    )  # fmt: skip
    assert run("clone", ID, "--for", "1d")[3][0][1:] == (f"/silences/{ID}/clone", {"by": "ann", "for_s": 86_400.0})
    assert run("expire", ID)[3][0][1:] == (f"/silences/{ID}/expire", {"by": "ann"})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "a=b", "-c", "x"), "give either --for or --until"),
        (("add", "a=b", "-c", "x", "--for", "soon"), "--for: not a valid duration"),
        (("add", "a=~(", "-c", "x", "--for", "1h"), "error parsing regexp"),
        (("add", "a=b", "-c", "x", "--for", "1h", "--between", "22"), "--between: a window is written as"),
        (("add", "a=b", "-c", "x", "--for", "1h", "--on", "mon"), "give that, too"),
    ],
)
def test_slips_are_told_in_a_line(run, arguments, says):
    """Exit code 2, and nothing is asked of the server."""
    code, _, err, asked = run(*arguments)
    assert (code, asked) == (2, [])
    assert says in err
