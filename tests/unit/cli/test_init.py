"""`anyascope init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.cli import main
from anyascope.config.load import Sources, check, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where it writes."""
    return tmp_path / "anyascope.yml"


def test_what_is_found_is_collected(file, tmp_path, capsys):
    """Nodes by their cookies, each with its chain and port; an HSM by its library. The file is sound as it is written."""
    for folder in (".", "signet"):
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / folder / ".cookie").touch()
    module = tmp_path / "it's.so"
    assert main.run(["init", str(file), "--datadir", str(tmp_path / "data"), "--module", str(module)]) == 0
    settings = load(Sources(config=file))
    assert [(node.name, node.url, node.chain) for node in settings.collect.bitcoin] == [
        ("core-1", "http://127.0.0.1:8332", "main"),
        ("core-2", "http://127.0.0.1:38332", "signet"),
    ]
    assert settings.collect.bitcoin[1].cookie_file == tmp_path / "data" / "signet" / ".cookie"
    assert [hsm.source.module for hsm in settings.collect.hsms] == [module]  # type: ignore[union-attr]
    out = capsys.readouterr().out
    assert "a Bitcoin node of signet" in out
    assert f"anyascope check config {file}" in out


def test_what_is_not_found_is_a_comment(file, tmp_path, capsys, monkeypatch):
    """The file is sound, and whole once its comments are taken away."""
    monkeypatch.setattr("anyascope.cli.init.MODULES", ())
    assert main.run(["init", str(file), "--datadir", str(tmp_path)]) == 0
    assert "no Bitcoin node" in capsys.readouterr().out
    assert check(file) == []
    assert load(Sources(config=file)).collect.bitcoin == ()
    wanted = ("# collectors:", "#   ", "# custody:", "# escalation:", "    # slack", "    # email", "  # external")
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line.replace("# ", "", 1) if line.startswith(wanted) else line for line in lines))
    assert check(file) == []
    settings = load(Sources(config=file))
    assert [node.name for node in settings.collect.bitcoin] == ["core-1"]
    assert [hsm.name for hsm in settings.collect.hsms] == ["hsm-1"]
    assert settings.custody.is_on


def test_a_file_that_is_there_stays(file, tmp_path, capsys):
    """Unless it is said."""
    file.write_text("server: {}\n")
    assert main.run(["init", str(file)]) == 2
    assert "is there already: name another file, or give --force" in capsys.readouterr().err
    assert file.read_text() == "server: {}\n"
    assert main.run(["init", str(file), "--force", "--datadir", str(tmp_path)]) == 0
    assert "route:" in file.read_text()
