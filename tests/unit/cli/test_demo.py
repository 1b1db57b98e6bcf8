"""`anyascope demo`: what it refuses before anything starts, and what it says of a child that dies."""

from __future__ import annotations

import sys

import pytest

from anyascope.cli import main
from anyascope.cli.demo import Child, example_program
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
