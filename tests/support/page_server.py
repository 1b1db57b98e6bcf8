"""A real server in a process of its own, for a browser to look at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support import custody_story
from support.components import REPOSITORY
from support.ports import free_port

READY_S = 300.0
STOP_S = 60.0

RULES = """
groups:
  - name: custody
    interval: 1s
    rules:
      - alert: SignerDown
        expr: vector(1) > 0
        labels: {severity: critical, category: availability, component: signer}
        annotations:
          summary: The signer hsm-1 does not answer
          description: No signature for 60 s.
          runbook_url: https://example.org/runbooks/signer
      - alert: BackupLate
        expr: vector(26) > 24
        labels: {severity: high, category: data, component: backup}
        annotations: {summary: The last backup is 26 hours old}
      - alert: FeeAbovePolicy
        expr: vector(12) > 10
        for: 1h
        labels: {severity: medium, category: performance, component: fees}
        annotations: {summary: Fees are 12 % above the policy}
      - record: job:up:count
        expr: count by (job) (up)
slos:
  - name: own-answers
    objective: 99
    window: 1d
    total: anyascope_http_requests_total
    bad: anyascope_http_requests_total{code=~"5.."}
    interval: 1s
"""

# Port 9 is "discard": nobody listens there, so that attempts fail and are tried again.
CONFIG = """
rule_files: [rules.yml]
escalation: {shipped_policies: true}
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  routes:
    - matchers: ['component=~"signer|hsm"']
      receiver: signers
      continue: true
      routes:
        - matchers: [severity="critical"]
          receiver: on-call
    - matchers: [category="data"]
      receiver: team
      mute_time_intervals: [nights]
# Of a year long ago: a test at night is told as much as one by day.
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}], years: ["2001"]}]
receivers:
  - name: team
    webhook_configs: [{url: "http://127.0.0.1:9/hook"}]
  - name: signers
    webhook_configs: [{url: "http://127.0.0.1:9/signers", send_resolved: false}]
  - name: on-call
    webhook_configs: [{url: "http://127.0.0.1:9/page"}]
"""


@dataclass(frozen=True)
class Server:
    """Where it is and what it says of itself."""

    address: str
    log: Path

    @property
    def pages(self) -> str:
        return f"{self.address}/ui/"


def _await_ready(process: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{server.log.read_text()[-4000:]}")
        try:
            if httpx.get(f"{server.address}/-/ready", timeout=60).status_code == 200:
                return
        except httpx.HTTPError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError(f"the server was not ready within {READY_S} s:\n{server.log.read_text()[-4000:]}")


def _await_series(server: Server) -> None:
    """The host's first samples are there some seconds after the start, and rates after the second ones."""
    deadline = time.monotonic() + READY_S
    query = {"query": "count(rate(node_cpu_seconds_total[1m])) and count(node_memory_MemAvailable_bytes)"}
    while time.monotonic() < deadline:
        if httpx.get(f"{server.address}/api/v1/query", params=query, timeout=60).json()["data"]["result"]:
            return
        time.sleep(0.5)
    raise AssertionError(f"no samples of this host within {READY_S} s:\n{server.log.read_text()[-4000:]}")


@contextmanager
def running(folder: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """A server with its data below `folder`, stopped at the end; at the port of one that was here before, where that is given."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(f"http://127.0.0.1:{port or free_port()}", folder / "server.log")
    command = [sys.executable, "-m", "anyascope.cli.main", "up", "--data", str(folder / "data")]
    command += ["--listen", server.address.removeprefix("http://"), *options]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    with server.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        _await_ready(process, server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def watching(folder: Path, config: str = CONFIG) -> Iterator[Server]:
    """A server that watches its host, with rules that fire and the story of a custody service in its store."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(RULES)
    (folder / "anyascope.yml").write_text(config)
    with running(folder, "--config", str(folder / "anyascope.yml")) as server:
        tell_story(server)
        _await_series(server)
        yield server


def tell_story(server: Server, *, seed: int = 7) -> custody_story.Story:
    """Send the server half an hour of a custody service that ends now."""
    story = custody_story.tell(time.time_ns(), seed=seed)
    httpx.post(f"{server.address}/v1/traces", json=story.traces_body(), timeout=60).raise_for_status()
    httpx.post(f"{server.address}/v1/logs", json=story.logs_body(), timeout=60).raise_for_status()
    return story
