"""The example's processes, with stand-ins or with a real node and a real token."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.components import REPOSITORY
from support.ports import free_port
from support.server import eventually

APPROVER_TOKEN = "second-person"
PROGRAM = REPOSITORY / "examples" / "custody_api" / "main.py"
START_WITHIN_S = 300.0
END_WITHIN_S = 150.0


@dataclass
class CustodyProcess:
    """One process of the example; `role` is `all`, `api` or `watcher`."""

    role: str
    data: Path
    endpoint: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.data / f"{self.role}.log"

    def start(self) -> CustodyProcess:
        """Start it, and wait until it answers where it serves."""
        self.data.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "src"),
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "CUSTODY_APPROVER_TOKEN": APPROVER_TOKEN,
            **self.environment,
        }
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, str(PROGRAM), "--role", self.role, "--port", str(self.port)),
                    *("--data", str(self.data), "--endpoint", self.endpoint),
                    *self.arguments,
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )
        if self.role != "watcher":
            eventually(self._answers, within_s=START_WITHIN_S, what=f"{self.role} answers; see {self.log_file}")
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise SystemExit(f"{self.role} ended: {self.log_file.read_text()[-3000:]}")
        return httpx.get(f"{self.url}/openapi.json").status_code == httpx.codes.OK

    def kill(self) -> None:
        """SIGKILL, as a crash would have it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; what waits is sent first."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
