"""A real Alertmanager, and its command line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from support.components import component
from support.ports import free_port

START_S = 300.0
SETTINGS = "route: {receiver: all}\nreceivers: [{name: all}]\n"


@contextlib.contextmanager
def real_alertmanager(folder: Path, *, settings: str = SETTINGS) -> Iterator[str]:
    """Its address, or skip where it is absent."""
    program = component("prometheus-alertmanager")
    (folder / "alertmanager.yml").write_text(settings)
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(program), f"--config.file={folder / 'alertmanager.yml'}"),
                *(f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={url[7:]}"),
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)


def amtool(url: str, *arguments: str) -> str:
    """What the program prints, asked of the Alertmanager at `url`."""
    program = component("amtool")
    done = subprocess.run(
        [str(program), f"--alertmanager.url={url}", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def queried(url: str, *matchers: str) -> list[dict[str, Any]]:
    """The alerts that `amtool alert query` finds, by fingerprint."""
    found = json.loads(amtool(url, "--output=json", "alert", "query", *matchers))
    return sorted(found, key=lambda alert: str(alert["fingerprint"]))


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    # Its own end is looked for too: somebody else at its port would answer in its place.
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/-/ready").status_code == 200 and process.poll() is None:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the Alertmanager at {url} did not get ready")
