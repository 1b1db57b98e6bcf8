"""What a command loads before it answers: a person who mistyped does not wait for the whole server to be imported."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

from support.components import REPOSITORY

# Each takes tenths of a second of processor time to load, and belongs to the running server.
HOUSE = {
    "chdb",
    "cryptography",
    "dns",
    "fastapi",
    "grpc",
    "httpx",
    "prometheus_client",
    "pyarrow",
    "sqlalchemy",
    "uvicorn",
}
COMMANDS_MODULES_MAX = 60  # of ours: the commands themselves, 40 of them
SETTINGS_MODULES_MAX = 300  # of ours: settings, rules and what checks them, 236 of them; the whole house has 760

PROGRAM = """
import json, sys
from anyascope.cli.main import run
codes = [run(command) for command in json.loads(sys.argv[1])]
ours = sum(name.partition(".")[0] == "anyascope" for name in sys.modules)
print(json.dumps({"codes": codes, "ours": ours, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def _after(commands, directory):
    """Exit codes, and what a fresh interpreter has loaded after these commands."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_help_version_and_a_wrong_option_load_the_commands_alone(tmp_path):
    """No settings, no arrays, nothing of the server."""
    found, _ = _after([["--help"], ["--version"], ["--nope"], ["up", "--help"], ["logs", "--nope"]], tmp_path)
    assert found["codes"] == [0, 0, 2, 0, 2]
    assert HOUSE.isdisjoint(found["loaded"])
    assert {"numpy", "msgspec", "ruamel", "re2"}.isdisjoint(found["loaded"])
    assert found["ours"] <= COMMANDS_MODULES_MAX


def test_a_refused_start_loads_the_settings_alone(tmp_path):
    """A broken file, a public address and a port that is taken are told before the house is loaded."""
    (tmp_path / "broken.yml").write_text("nope: 1\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        starts = (
            ["--listen", "nope"],
            ["--config", "broken.yml"],
            ["--listen", "0.0.0.0:0"],
            ["--listen", f"127.0.0.1:{port}"],
        )
        found, told = _after([["up", "--store", "memory", *start] for start in starts], tmp_path)
    assert found["codes"] == [2, 2, 2, 2]
    assert [line.startswith("anyascope: ") for line in told.splitlines()].count(True) == len(starts)
    assert f"127.0.0.1:{port} is taken by another program" in told
    assert HOUSE.isdisjoint(found["loaded"])
    assert found["ours"] <= SETTINGS_MODULES_MAX
