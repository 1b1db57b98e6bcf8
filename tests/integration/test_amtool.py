"""Every command of the real amtool, against our server."""

from __future__ import annotations

import getpass
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.components import component
from support.server import QUIET_CONFIG, running_server

SETTINGS = """
global: {resolve_timeout: 5m, slack_api_url: 'http://127.0.0.1:9/slack-secret'}
route:
  receiver: all
  group_by: [alertname]
  routes:
  - {receiver: hsm, matchers: ['team="hsm"'], continue: true}
  - {receiver: chat, matchers: ['team=~"hsm|web"']}
receivers:
- name: all
- {name: hsm, webhook_configs: [{url: 'http://127.0.0.1:9/hook-secret', signing_secret: '0123456789abcdef'}]}
- {name: chat, slack_configs: [{channel: '#x'}]}
inhibit_rules: [{source_matchers: ['n="source"'], target_matchers: ['n="target"']}]
"""
CONFIG = f"{QUIET_CONFIG}\nrules: {{default_pack: false}}\n{SETTINGS}"
TEMPLATES = "/usr/share/prometheus/alertmanager/*.tmpl"


class Amtool:
    """The program, asked of one server; it must succeed unless `fails`."""

    def __init__(self, url: str, folder: Path) -> None:
        self._program = component("amtool")
        self._url = url
        self._folder = folder
        self.warnings = ""

    def __call__(self, *arguments: str, fails: bool = False, stdin: str = "") -> str:
        done = subprocess.run(
            [str(self._program), f"--alertmanager.url={self._url}", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self._folder,
            input=stdin,
        )
        assert (done.returncode != 0) is fails, f"{arguments}: {done.stdout}{done.stderr}"
        self.warnings += done.stderr
        return (done.stdout + done.stderr) if fails else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self("--output=json", *arguments))

    def names(self, *arguments: str) -> list[str]:
        """The alerts that a query finds, by their `n`."""
        return sorted(alert["labels"].get("n", "") for alert in self.json("alert", "query", *arguments))


@pytest.fixture(scope="module")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amtool]:
    folder = tmp_path_factory.mktemp("amtool")
    (folder / "alertmanager.yml").write_text(SETTINGS.replace(", signing_secret: '0123456789abcdef'", ""))
    with running_server(folder, config=CONFIG) as server:
        yield Amtool(server.url, folder)


@pytest.mark.long
def test_alerts_are_added_and_queried(amtool: Amtool) -> None:
    """With annotations, times and a source; queried by state, receiver and matchers, in every form of output."""
    amtool("alert", "add", "Q", "n=source", "--annotation=summary=by hand", "--generator-url=http://h/g?a=1")
    amtool("alert", "add", "Q", "n=target", "--start=2026-01-01T00:00:00Z", "--end=2099-01-01T00:00:00Z")
    amtool("alert", "add", "Q", "n=quiet", "team=hsm")
    amtool("silence", "add", "n=quiet", "--comment=c")
    (source,) = amtool.json("alert", "query", "n=source")
    assert (source["annotations"], source["generatorURL"]) == ({"summary": "by hand"}, "http://h/g?a=1")
    (target,) = amtool.json("alert", "query", "--inhibited", "n=target")
    assert (target["startsAt"], target["endsAt"]) == ("2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z")
    assert target["status"]["inhibitedBy"] == [source["fingerprint"]]
    assert amtool.names("Q") == ["source"]  # without a flag those that nothing mutes
    assert amtool.names("--silenced", "Q") == ["quiet"]
    assert amtool.names("--inhibited", "Q") == ["target"]
    assert amtool.names("--active", "Q") == ["source"]
    assert amtool.names("--unprocessed", "Q") == []
    assert amtool.names("--active", "--silenced", "--inhibited", "Q") == ["quiet", "source", "target"]
    assert amtool.names("--silenced", "--receiver=hsm", "Q") == ["quiet"]
    assert amtool.names("--silenced", "--receiver=chat.*", "Q", "team=hsm") == ["quiet"]
    assert amtool.names("--active", "Q", 'n=~"s.*"', "alertname!=x") == ["source"]
    assert "by hand" in amtool("alert", "query", "n=source")
    assert "http://h/g?a=1" in amtool("--output=extended", "alert", "query", "n=source")
    assert "failed to parse receiver param" in amtool("alert", "query", "--receiver=(", "Q", fails=True)


@pytest.mark.long
def test_silences_live_their_whole_life(amtool: Amtool) -> None:
    """Added, queried by all flags, updated, expired, exported and imported."""
    first = amtool("silence", "add", "Life", "n=~a|b", "--duration=2h", "--author=ann", "--comment=why").strip()
    later = amtool(
        *("silence", "add", "Life", "n=later", "--start=2098-01-01T00:00:00Z", "--end=2098-02-01T00:00:00Z"),
        *("--comment=later", "--annotation=ticket=7"),
    ).strip()  # fmt: skip
    (shown,) = amtool.json("silence", "query", f"--id={first}")
    assert (shown["createdBy"], shown["comment"], shown["status"]) == ("ann", "why", {"state": "active"})
    assert [(one["name"], one["value"], one["isRegex"]) for one in shown["matchers"]] == [
        ("alertname", "Life", False), ("n", "a|b", True),
    ]  # fmt: skip
    assert amtool.json("silence", "query", f"--id={later}")[0]["annotations"] == {"ticket": "7"}
    assert amtool("silence", "query", "--quiet", "alertname=Life").split() == [first, later]
    assert amtool("silence", "query", "-q", "--created-by=ann").split() == [first]
    assert amtool("silence", "query", "-q", "--created-by", getpass.getuser(), "n=later").split() == [later]
    assert amtool("silence", "query", "-q", "--within=3h", "alertname=Life").split() == [first]
    assert "why" in amtool("--output=extended", "silence", "query", "alertname=Life")

    amtool(
        "silence", "update", "-q", "--duration=4h", "--comment=longer", first
    )  # prints a pointer of Go's, not the id
    (longer,) = amtool.json("silence", "query", f"--id={first}")
    assert (longer["comment"], longer["endsAt"] > shown["endsAt"]) == ("longer", True)
    amtool("silence", "update", "--end=2097-01-01T00:00:00Z", first)

    exported = amtool("--output=json", "silence", "query", "alertname=Life")
    amtool("silence", "expire", first, later)
    assert amtool("silence", "query", "-q", "alertname=Life").split() == []
    assert set(amtool("silence", "query", "-q", "--expired", "alertname=Life").split()) == {first, later}
    assert set(amtool("silence", "query", "-q", "--expired", "--within=1h", "alertname=Life").split()) == {first, later}
    imported = amtool("silence", "import", "--force", "--worker=2", stdin=exported).split()
    assert len(imported) == 2
    assert set(amtool("silence", "query", "-q", "alertname=Life").split()) == set(imported)
    unforced = json.loads(exported)
    for silence, identity in zip(unforced, imported, strict=True):
        silence["id"] = identity
    amtool("silence", "import", stdin=json.dumps(unforced))
    assert len(amtool("silence", "query", "-q", "alertname=Life").split()) == 2

    assert "comment required" in amtool("silence", "add", "a=b", fails=True)
    assert "404" in amtool("silence", "expire", "00000000-0000-4000-8000-000000000000", fails=True)
    assert "must not match the empty string" in amtool("silence", "add", "a=~.*", "--comment=c", fails=True)


@pytest.mark.long
def test_the_configuration_is_shown_and_its_routes_are_tried(amtool: Amtool) -> None:
    """As amtool's own reader takes it: secrets masked, what is ours alone left out."""
    shown = amtool("config", "show")
    assert "receiver: all" in shown
    assert "<secret>" in shown
    assert not re.search(r"secret(?!>)|0123456789abcdef", shown)
    routes = amtool("config", "routes", "show")
    assert '{team="hsm"}  continue: true  receiver: hsm' in routes
    assert amtool("config", "routes", "test", "team=hsm").strip() == "hsm,chat"
    assert amtool("config", "routes", "test", "team=x").strip() == "all"
    assert "receiver: chat" in amtool("config", "routes", "test", "--tree", "team=web")
    amtool("config", "routes", "test", "--verify.receivers=hsm,chat", "team=hsm")
    amtool("config", "routes", "test", "--verify.receivers=all", "team=hsm", fails=True)
    assert amtool("config", "routes", "test", "--config.file=alertmanager.yml", "team=web").strip() == "chat"


@pytest.mark.long
def test_the_rest_of_its_commands_succeed(amtool: Amtool) -> None:
    """The cluster is disabled, as that of a single Alertmanager; files are checked and templates rendered beside us."""
    assert re.search(r"Cluster Status:\s+disabled", amtool("cluster", "show"))
    assert "SUCCESS" in amtool("check-config", "alertmanager.yml")
    rendered = amtool("template", "render", f"--template.glob={TEMPLATES}", "--template.text={{ .Status }}")
    assert rendered.strip().startswith("alertstatus")
    assert "different" not in amtool.warnings  # its check of our release against its own
