"""A real VictoriaMetrics, as a far end of remote write."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from support.ports import free_port

START_S = 300.0


class RealVictoria:
    """Runs the program on a port of the system's choice until the block ends."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._log = (self._folder / "victoria.log").open("wb")
        self._process = subprocess.Popen(
            [
                str(self._program),
                f"-storageDataPath={self._folder / 'victoria'}",
                f"-httpListenAddr=127.0.0.1:{self._port}",
                "-search.latencyOffset=0s",
                "-dedup.minScrapeInterval=0s",
                "-loggerLevel=ERROR",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.__exit__(None, None, None)
        raise TimeoutError(f"victoria-metrics did not get ready: {(self._folder / 'victoria.log').read_text()[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask its API, what came a moment ago included."""
        httpx.get(f"{self.url}/internal/force_flush")
        return httpx.get(f"{self.url}{path}", params={"nocache": "1", **parameters}, timeout=60)
