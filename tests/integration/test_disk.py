"""A disk that is full or cannot be written: a precise refusal, nothing lost, and recovery by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.components import REPOSITORY
from support.server import QUIET_CONFIG, ServerProcess, eventually

pytestmark = pytest.mark.slow

DISK_MB = 300
RESERVE_MB = 100


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own, in memory; needs the right to mount."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here: run as root, or in a container that may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def line(number: int) -> dict[str, object]:
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": f"numbered line {number}"}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def bodies(server: ServerProcess) -> set[str]:
    params = {"query": "numbered", "limit": "5000"}
    rows = httpx.get(f"{server.url}/api/anyascope/v1/logs/search", params=params, timeout=20).json()["rows"]
    return {row["body"] for row in rows}


@pytest.mark.long
def test_a_full_disk_refuses_and_recovers(tmp_path):
    """Below the reserve senders are told to come back; questions are answered; with room again everything goes on."""
    with small_disk(tmp_path / "disk") as disk:
        config = QUIET_CONFIG + f"storage: {{reserve: {RESERVE_MB}MB}}\n"
        server = ServerProcess(disk, config=config).start()
        try:
            acknowledged = set()
            httpx.post(f"{server.url}/v1/logs", json=line(0)).raise_for_status()
            acknowledged.add("numbered line 0")
            filler = disk / "filler"
            # Whatever the server has written by now: half of the reserve is left.
            filler.write_bytes(b"\0" * (shutil.disk_usage(disk).free - RESERVE_MB * 2**20 // 2))

            def refusal() -> httpx.Response | None:
                number = len(acknowledged)
                answer = httpx.post(f"{server.url}/v1/logs", json=line(number))
                if answer.status_code == 200:
                    acknowledged.add(f"numbered line {number}")
                    return None
                return answer

            refused = eventually(refusal, within_s=30, what="the refusal")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert "disk is full" in refused.text
            health = httpx.get(f"{server.url}/api/anyascope/v1/health").json()
            assert {c["component"]: c["status"] for c in health["components"]}["disk"] == "unhealthy"
            assert bodies(server) == acknowledged
            filler.unlink()
            eventually(lambda: httpx.post(f"{server.url}/v1/logs", json=line(9999)).status_code == 200, within_s=30)
            assert bodies(server) == acknowledged | {"numbered line 9999"}
        finally:
            server.kill()


def test_a_disk_that_cannot_be_written_is_refused(tmp_path):
    """A data directory on a read-only disk is one line and exit code 2."""
    with small_disk(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = subprocess.run(
            [sys.executable, "-m", "anyascope.cli.main", "up", "--data", str(disk / "data"), "--listen", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            check=False,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "cannot be" in done.stderr
