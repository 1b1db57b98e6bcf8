"""`anyascope packs`."""

from __future__ import annotations

import httpx
import pytest

from anyascope import packs
from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = main.run(["packs", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_list_shows_what_is_on(run, monkeypatch):
    """And what is left out, as the server says."""
    original = httpx.Client
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=examples.PACKS))
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    code, out, _ = run("list")
    assert (code, out.splitlines()[1].split()[:4]) == (0, ["hsm", "on", "2", "HsmCanarySlow"])
    assert run("list", "--json")[1].startswith('{"packs":[{"name":"hsm"')


def test_show_prints_a_pack(run):
    """As a table of its rules; no server is asked."""
    code, out, _ = run("show", "hsm")
    assert code == 0
    assert "HsmDown" in out
    assert "the HSM does not answer" in out


def test_show_prints_a_rule_to_copy(run):
    """As it is written, then its runbook."""
    _, out, _ = run("show", "HsmKeyMissing")
    lines = out.splitlines()
    assert lines[:3] == ["# hsm/rules.yml", "- alert: HsmKeyMissing", "  expr: anya_hsm_key_present == 0"]
    assert "# HsmKeyMissing: a key that must be there is not" in lines
    assert sum(line.startswith("- alert:") for line in lines) == 1


def test_show_prints_a_default_rule(run):
    """These have no page of their own."""
    assert run("show", "TargetDown")[1].splitlines()[1] == "- alert: TargetDown"


def test_show_knows_no_such_thing(run):
    """In one line, with what there is."""
    code, _, err = run("show", "Nothing")
    assert code == 2
    assert err.startswith("anyascope: no pack and no alert is called 'Nothing'; packs are ")


def test_export_writes_every_file(run, tmp_path):
    """A folder for each pack and one for the default rules, and never over what is there."""
    code, out, _ = run("export", str(tmp_path / "out"))
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert (code, out) == (0, f"{len(written)} files written below {tmp_path / 'out'}\n")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {packs.DEFAULT, *packs.names(), "alertmanager.yml"}
    assert (tmp_path / "out/hsm/runbooks/HsmDown.md").read_text() == packs.runbooks()["HsmDown"].markdown
    (tmp_path / "out/hsm/rules.yml").write_text("mine")
    assert run("export", str(tmp_path / "out"))[0] == 2
    assert (tmp_path / "out/hsm/rules.yml").read_text() == "mine"
    assert run("export", str(tmp_path / "out"), "--force", "--pack", "hsm")[0] == 0
    assert (tmp_path / "out/hsm/rules.yml").read_text() == packs.pack("hsm").rules


def test_export_of_no_such_pack(run, tmp_path):
    """Names those that there are, and writes nothing."""
    code, _, err = run("export", str(tmp_path / "out"), "--pack", "hsn")
    assert code == 2
    assert "--pack: must be one of default, " in err
    assert not (tmp_path / "out").exists()
