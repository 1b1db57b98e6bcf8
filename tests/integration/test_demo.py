"""`anyascope demo` with its stand-ins: everything starts, is seen, and ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from support.components import REPOSITORY
from support.server import eventually

START_WITHIN_S = 90.0
END_WITHIN_S = 60.0
LEFT_S = 30.0  # until what a child started is gone, too


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_shows_a_failing_signer_and_leaves_nothing(tmp_path: Path) -> None:
    """The page says what is a stand-in, an alert of the service arrives, and Ctrl-C ends every process."""
    out = tmp_path / "out.txt"
    with out.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "anyascope.cli.main", "demo", "--data", str(tmp_path / "demo")),
                *("--fail", "signer", "--rate", "10"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        )
    children: list[psutil.Process] = []
    try:
        eventually(lambda: "Ctrl-C" in out.read_text(), within_s=START_WITHIN_S, what=f"it tells; {out}")
        server, service = re.findall(r"http://127\.0\.0\.1:\d+", out.read_text())[:2]
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3  # the server, the service, the watcher

        page = httpx.get(service).text
        assert "HSM: a stand-in" in page
        assert "Ordered failure:</strong> signer" in page
        names = eventually(lambda: hsm_alerts(server), what="the service's alert arrives")
        assert names == ["HSM Operation Failed"]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            _, left = psutil.wait_procs(children, timeout=LEFT_S)
            for child in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    assert code == 0, out.read_text()
    assert "stopping" in out.read_text()
    assert left == []


def hsm_alerts(server: str) -> list[str]:
    """The names of the firing alerts whose source is the HSM; other rules may find something on this machine."""
    answer = httpx.get(f"{server}/api/anyascope/v1/alerts", params={"state": "firing"})
    return [alert["name"] for alert in answer.json()["alerts"] if alert["source"] == "hsm"]
