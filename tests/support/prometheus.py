"""A real Prometheus that takes remote writes, for comparison."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from support.components import REPOSITORY
from support.ports import free_port

START_S = 300.0
OWN_ADDRESS = "OWN_ADDRESS"  # stands in settings for the address that the program will have


def find_prometheus() -> Path | None:
    """The installed program, if there is one."""
    root = Path(os.environ.get("ANYASCOPE_COMPONENTS", REPOSITORY / ".components"))
    path = root / "bin" / "prometheus"
    return path if path.exists() else None


class RealPrometheus:
    """Runs the program on a port of the system's choice until the block ends."""

    def __init__(self, program: Path, folder: Path, *, settings: str = "", arguments: tuple[str, ...] = ()) -> None:
        self._program = program
        self._folder = folder
        # Samples of the last days are taken, whatever came before them.
        self._settings = settings or "storage: {tsdb: {out_of_order_time_window: 30d}}\n"
        self._arguments = arguments
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        settings = self._folder / "prometheus.yml"
        settings.write_text(self._settings.replace(OWN_ADDRESS, self.url.removeprefix("http://")))
        self._log = (self._folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                str(self._program),
                f"--config.file={settings}",
                f"--storage.tsdb.path={self._folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--web.enable-remote-write-receiver",
                *self._arguments,
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_S
        # Its own end is looked for too: somebody else at its port would answer in its place.
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/-/ready").status_code == 200 and self._process.poll() is None:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.__exit__(None, None, None)
        message = f"prometheus did not get ready: {(self._folder / 'prometheus.log').read_text()[-2000:]}"
        raise TimeoutError(message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def write(self, body: bytes) -> None:
        """Send a remote write 1.0 request (snappy, protobuf)."""
        headers = {
            "content-type": "application/x-protobuf",
            "content-encoding": "snappy",
            "x-prometheus-remote-write-version": "0.1.0",
        }
        answer = httpx.post(f"{self.url}/api/v1/write", content=body, headers=headers, timeout=60)
        assert answer.status_code in {200, 204}, answer.text

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask its API."""
        return httpx.get(f"{self.url}{path}", params=parameters, timeout=60)
