"""`anyascope ack`, `escalate`, `journal` and `alerts …`, against the own API in process."""

from __future__ import annotations

import json

import httpx
import msgspec
import pytest

from anyascope.api.examples import BY_OPERATION
from anyascope.cli import main
from anyascope.client import client as client_module

ALERT = BY_OPERATION["listAlerts"]["alerts"][0]
ID = ALERT["id"]
OTHER = ALERT | {"id": "0fffffffffffffff", "acknowledgement": None}


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command: its exit code, output, errors, and what was posted."""
    posted = []
    answers = {
        "/alerts": {"alerts": [ALERT, OTHER]},
        f"/alerts/{ID}": BY_OPERATION["getAlert"],
        "/notifications": BY_OPERATION["listNotifications"],
    }

    def handle(request):
        path = request.url.path.removeprefix("/api/anyascope/v1")
        if request.method == "POST":
            posted.append((path, json.loads(request.content)))
            return httpx.Response(200, content=msgspec.json.encode(BY_OPERATION["acknowledgeAlert"]))
        return httpx.Response(200, content=msgspec.json.encode(answers[path]))

    original = httpx.Client
    monkeypatch.setattr(
        client_module.httpx,
        "Client",
        lambda **options: original(**options | {"transport": httpx.MockTransport(handle)}),
    )
    monkeypatch.setattr("getpass.getuser", lambda: "ann")

    def call(*arguments):
        posted.clear()
        code = main.run(arguments)
        output = capsys.readouterr()
        return code, output.out, output.err, list(posted)

    return call


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["ack", ID], "acknowledge", {"by": "ann", "note": "", "for_s": None}),
        (
            ["ack", ID, "--for", "2h", "-n", "on it", "--by", "bob"],
            "acknowledge",
            {"by": "bob", "note": "on it", "for_s": 7200.0},
        ),
        (["escalate", ID, "--note", "no answer"], "escalate", {"by": "ann", "note": "no answer"}),
        (["alerts", "unack", ID], "unacknowledge", {"by": "ann"}),
        (["alerts", "assign", ID, "bob"], "assign", {"by": "ann", "to": "bob"}),
        (["alerts", "comment", ID, "disk swapped"], "comment", {"by": "ann", "text": "disk swapped"}),
        (["alerts", "snooze", ID, "--for", "1h"], "snooze", {"by": "ann", "note": "", "for_s": 3600.0}),
        (["alerts", "resolve", ID], "resolve", {"by": "ann", "note": ""}),
    ],
)
def test_an_answer_is_sent(run, arguments, path, body):
    """By the user who asks, unless another name is given."""
    code, out, _, posted = run(*arguments)
    assert (code, posted) == (0, [(f"/alerts/{ID}/{path}", body)])
    assert out.startswith(f"SignerDown ({ID}): acknowledged it: on it")


def test_all_that_nobody_has_acknowledged(run):
    """Those that somebody has are left alone."""
    code, _, _, posted = run("ack", "--all")
    assert (code, [path for path, _ in posted]) == (0, [f"/alerts/{OTHER['id']}/acknowledge"])


def test_an_id_may_be_short(run):
    """As long as it tells the alert from others."""
    assert run("ack", ID[:4])[3][0][0] == f"/alerts/{ID}/acknowledge"
    code, _, err, posted = run("ack", "0f")
    assert (code, posted) == (2, [])
    assert "2 alerts have an id that begins with '0f'" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ack"], "give the ids of alerts, or --all"),
        (["ack", ID, "--all"], "give the ids of alerts, or --all"),
        (["ack", ID, "--for", "soon"], "--for: "),
        (["journal", "--since", "yesterday"], "--since: "),
    ],
)
def test_what_makes_no_sense_is_said(run, arguments, words):
    """On one line, with exit code 2."""
    code, _, err, posted = run(*arguments)
    assert (code, posted) == (2, [])
    assert words in err


def test_an_alert_is_shown_with_its_story(run):
    """How people stand to it, and what happened; JSON where a program reads."""
    _, out, _, _ = run("alerts", "show", ID)
    for shown in (
        "SignerDown",
        "critical",
        "by alice",
        "level 1 of 2, stopped",
        "began to fire",
        "acknowledged it: on it",
    ):
        assert shown in out
    assert json.loads(run("alerts", "show", ID, "--json")[1])["timeline"][0]["kind"] == "fired"


def test_the_journal_is_shown(run):
    """Who was told what, why, and the far end's answer."""
    _, out, _, _ = run("journal", "--since", "100000h")
    for shown in ("team", "slack", "sent", "critical, level 1", "SignerDown", "200 OK"):
        assert shown in out
    assert run("journal", "--since", "1s")[1] == "nobody was told anything\n"
    assert json.loads(run("journal", "--json")[1])[0]["receiver"] == "team"
