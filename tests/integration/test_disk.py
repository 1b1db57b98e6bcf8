"""A disk that is full or cannot be written: a precise refusal, nothing lost, and recovery by itself."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.components import REPOSITORY
from support.server import QUIET_CONFIG, ServerProcess, eventually
from support.sinks import Sink, http_sink

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
    rows = httpx.get(f"{server.url}/api/anyascope/v1/logs/search", params=params, timeout=60).json()["rows"]
    return {row["body"] for row in rows}


@pytest.mark.long
def test_a_full_disk_refuses_and_recovers(tmp_path):
    """Below the reserve senders are told to come back; questions are answered; with room again everything goes on."""
    with small_disk(tmp_path / "disk") as disk:
        config = QUIET_CONFIG + f"storage: {{reserve: {RESERVE_MB}MB}}\n"
        server = ServerProcess(disk, config=config)
        try:
            server.start()
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

            refused = eventually(refusal, what="the refusal")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert "disk is full" in refused.text
            eventually(lambda: health_of(server, "disk") == "unhealthy", what="a disk that is told to be full")
            assert bodies(server) == acknowledged
            filler.unlink()
            eventually(lambda: httpx.post(f"{server.url}/v1/logs", json=line(9999)).status_code == 200)
            assert bodies(server) == acknowledged | {"numbered line 9999"}
        finally:
            if server.is_running:
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


@pytest.mark.long
def test_a_critical_alert_is_told_while_the_disk_is_full(tmp_path):
    """With not a byte left a critical alert is told from memory and says so; with room again it stands in the journal."""
    with small_disk(tmp_path / "disk") as disk, http_sink(tmp_path / "sink.jsonl") as sink:
        hook = f"http://127.0.0.1:{sink.port}/hook"
        config = (
            QUIET_CONFIG
            + f"storage: {{reserve: 1MB}}\nroute: {{receiver: team, group_by: [alertname]}}\nreceivers: [{{name: team, webhook_configs: [{{url: '{hook}'}}]}}]\n"
        )
        server = ServerProcess(disk, config=config)
        try:
            server.start()
            with filled(disk / "filler"):
                # The sender hears that it was not stored; people are told all the same.
                name = eventually(lambda: refused_alert(server), what="a store that cannot write")
                (told,) = eventually(lambda: told_of(sink, name), what="the notification")
                (said,) = json.loads(told["body"])["alerts"]
                assert said["annotations"]["delivery_notice"].startswith("Sent from memory")
                eventually(
                    lambda: health_of(server, "notification journal") == "unhealthy", what="a journal that cannot write"
                )

            def entry():
                answer = httpx.get(f"{server.url}/api/anyascope/v1/notifications", timeout=60).json()
                return [one for one in answer["notifications"] if one["id"] == dict(told["headers"])["Idempotency-Key"]]

            (kept,) = eventually(entry, what="the journal")
            assert kept["status"] == "sent"
            assert len(told_of(sink, name)) == 1
        finally:
            if server.is_running:
                server.kill()


def health_of(server: ServerProcess, component: str) -> str:
    components = httpx.get(f"{server.url}/api/anyascope/v1/health", timeout=60).json()["components"]
    return {one["component"]: one["status"] for one in components}[component]


def refused_alert(server: ServerProcess) -> str:
    """The name of an alert that could not be stored; one that could, for a byte was left, is another one's."""
    name = f"SignerDown{time.monotonic_ns()}"
    alert = [{"labels": {"alertname": name, "severity": "critical"}}]
    answer = httpx.post(f"{server.url}/api/v2/alerts", json=alert, timeout=60)
    return name if answer.status_code != 200 else ""


def told_of(sink: Sink, name: str) -> list[dict[str, Any]]:
    return [record for record in sink.records() if name in record["body"]]


@contextlib.contextmanager
def filled(path: Path) -> Iterator[None]:
    """A file takes all that is left, and all that the server gives back meanwhile; it is gone at the end."""
    over = threading.Event()
    with path.open("wb", buffering=0) as file:
        fill(file)
        keeper = threading.Thread(target=lambda: [fill(file) for _ in iter(lambda: over.wait(0.005), True)])
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
            path.unlink()


def fill(file: io.RawIOBase) -> None:
    for size in (2**20, 4096, 1):
        with contextlib.suppress(OSError):
            while file.write(b"\0" * size):
                pass
