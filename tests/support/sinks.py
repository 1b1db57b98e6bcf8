"""Real HTTP and mail servers that record what they are told, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.components import shared_path

STOP_WITHIN_S = 60


@dataclass(frozen=True)
class Sink:
    """A recording server on loopback. `cert` is its certificate where it speaks TLS."""

    port: int
    out: Path
    cert: str = ""

    def records(self) -> list[dict[str, Any]]:
        """What it was told so far, oldest first."""
        if not self.out.exists():
            return []
        # What follows the last line feed is being written.
        return [json.loads(line) for line in self.out.read_bytes().split(b"\n")[:-1]]


@contextlib.contextmanager
def http_sink(out: Path, *arguments: str, port: int = 0) -> Iterator[Sink]:
    """Answers by script (see the sink's `--help`) and records each request."""
    with _running("http-sink.py", out, *arguments, port=port) as sink:
        yield sink


@contextlib.contextmanager
def mail_sink(out: Path, *arguments: str, port: int = 0) -> Iterator[Sink]:
    """An SMTP server that records each message."""
    with _running("mail-sink.py", out, *arguments, port=port) as sink:
        yield sink


@contextlib.contextmanager
def _running(program: str, out: Path, *arguments: str, port: int) -> Iterator[Sink]:
    script = shared_path("components") / program
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", str(port), "--out", str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield Sink(port=ready["port"], out=out, cert=ready.get("cert", ""))
    finally:
        process.terminate()
        process.wait(STOP_WITHIN_S)
        process.stdout.close()
