"""`anyascope demo`: what it refuses before anything starts, and what it says of a child that dies."""

from __future__ import annotations

import sys

import pytest

from anyascope.cli import main
from anyascope.cli.demo import Child, RealParts, _write_pin, example_program
from anyascope.config.load import Sources, load
from anyascope.errors import UnavailableError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--node", "http://127.0.0.1:1"], "--node and --cookie belong together"),
        (["--cookie", "/missing", "--node", "http://127.0.0.1:1"], "--cookie: there is no file /missing"),
        (["--pkcs11-module", "/missing.so"], "--pkcs11-module: there is no file /missing.so"),
        (["--fail", "everything"], "'everything' is not one of 'signer', 'node', 'policy'"),
        (["--rate", "-1"], "should be greater than or equal to 0"),
    ],
)
def test_wrong_options_are_one_line(arguments, said, capsys):
    """Exit code 2 and what to mend; nothing was started."""
    assert main.run(["demo", *arguments]) == 2

    assert said in capsys.readouterr().err


def test_a_real_node_needs_a_real_signer(capsys, tmp_path):
    """Nobody signs real money with a key in memory."""
    cookie = tmp_path / ".cookie"
    cookie.write_text("user:password")

    assert main.run(["demo", "--node", "http://127.0.0.1:1", "--cookie", str(cookie)]) == 2

    assert "no key in memory signs real money" in capsys.readouterr().err


def test_real_parts_are_watched(tmp_path):
    """The node, its wallets and the HSM, and each spend of the example's wallets must reconcile; stand-ins are not watched."""
    assert RealParts().settings() == ""
    file = tmp_path / "anyascope.yml"
    real = RealParts("http://127.0.0.1:18443", tmp_path / "a: b", tmp_path / "x.so", 'my "token"', "ec")
    file.write_text(real.settings())
    settings = load(Sources(config=file))
    [node], [hsm] = settings.collect.bitcoin, settings.collect.hsms
    assert (node.url, node.cookie_file) == ("http://127.0.0.1:18443", tmp_path / "a: b")
    assert (hsm.source.token, hsm.key_labels) == ('my "token"', ("ec",))
    assert settings.custody.covers("custody-hot-1")


def test_the_pin_is_nobody_elses(tmp_path, monkeypatch):
    """A file for the server's user alone, also where an old one was there."""
    monkeypatch.setenv("CUSTODY_PIN", "1234")
    (tmp_path / "hsm.pin").touch(mode=0o644)
    file = _write_pin(tmp_path)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("1234", 0o600)


def test_the_example_is_found():
    """In the repository it stands where its users look for it."""
    assert example_program().parts[-3:] == ("examples", "custody_api", "main.py")


def test_a_child_that_dies_is_told_with_its_last_words(tmp_path):
    """Its exit code and the end of its output."""
    child = Child("the watcher", [sys.executable, "-c", "print('no token'); raise SystemExit(3)"], tmp_path / "log")
    child.start()
    child.process.wait(30)

    with pytest.raises(UnavailableError, match=r"the watcher ended with 3(?s:.*)no token"):
        child.check()
