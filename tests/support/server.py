"""A real server in a process of its own, on ports that the operating system chose."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx

from support.components import REPOSITORY

T = TypeVar("T")

START_WITHIN_S = 300.0
SHOW_S = 1.0  # for a process to say what its threads are at
SHOWN_CHARS = 20_000  # of a log: forty threads, and what came before
WITHIN_S = 150.0  # of a machine with two cores that does much other work beside
# What a probe may raise while that which it looks at is not there: an entry, an element, an answer, a port.
NOT_YET = (AssertionError, LookupError, StopIteration, ValueError, httpx.HTTPError, OSError)
QUIET_CONFIG = """
receive:
  otlp_grpc: 127.0.0.1:0
  otlp_http: 127.0.0.1:0
"""


def eventually(probe: Callable[[], T | None], *, within_s: float = WITHIN_S, what: str = "") -> T:
    """What `probe` gives as soon as it gives something; asks again until then, and fails after `within_s`."""
    deadline = time.monotonic() + within_s
    last: BaseException | None = None
    is_late = False
    while not is_late:
        is_late = time.monotonic() > deadline  # looked at before asking: whoever slept over the deadline asks once more
        try:
            found = probe()
        except NOT_YET as error:
            last, found = error, None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not come true within {within_s} s: {what or probe}") from last


class ServerProcess:
    """`anyascope up` on a data directory; can be killed and started again."""

    def __init__(
        self, directory: Path, *, config: str = QUIET_CONFIG, arguments: tuple[str, ...] = ("--no-collect",)
    ) -> None:
        self.directory = directory
        self.config_file = directory / "anyascope.yml"
        self.config_file.write_text(textwrap.dedent(config))
        self.log_file = directory / "server.log"
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> ServerProcess:
        """Start it and wait until it says where it listens."""
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "anyascope.cli.main", "up"),
                    *("--config", str(self.config_file), "--data", str(self.directory / "data")),
                    *("--listen", "127.0.0.1:0", *self._arguments),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "http://" in line:
                self.url = line[line.index("http://") :].split()[0].rstrip(".,")
                break
        else:
            raise AssertionError(f"the server ended with {self._process.wait()}: {self.log_file.read_text()[-3000:]}")
        eventually(lambda: httpx.get(f"{self.url}/-/ready").status_code == 200, within_s=START_WITHIN_S, what="ready")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def face(self, name: str) -> str:
        """Address of one of its faces, such as `otlp_grpc`."""
        faces = httpx.get(f"{self.url}/api/anyascope/v1/status").json()["faces"]
        return next(face["address"] for face in faces if face["name"] == name)

    def kill(self) -> None:
        """SIGKILL, as a crash would have it."""
        self._end(signal.SIGKILL)

    def stop(self, *, within_s: float = WITHIN_S) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM, within_s=within_s)

    def end_by(self, number: int) -> int:
        """Any other signal; its exit code."""
        return self._end(number)

    def show(self) -> None:
        """The end of its log, with what each of its threads is at: for a test that failed."""
        if self.is_running:
            assert self._process is not None
            self._process.send_signal(signal.SIGQUIT)
            time.sleep(SHOW_S)
        sys.stderr.write(self.log_file.read_text(errors="replace")[-SHOWN_CHARS:])

    def _end(self, number: int, *, within_s: float = WITHIN_S) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the server did not end within {within_s} s of signal {number}") from None
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


@contextlib.contextmanager
def running_server(
    directory: Path, *, config: str = QUIET_CONFIG, arguments: tuple[str, ...] = ("--no-collect",)
) -> Iterator[ServerProcess]:
    """A started server that is stopped at the end, whatever happens."""
    server = ServerProcess(directory, config=config, arguments=arguments)
    try:
        yield server.start()
    except Exception:
        server.show()
        raise
    finally:
        if server.is_running:
            server.kill()
