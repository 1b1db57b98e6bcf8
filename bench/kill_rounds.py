"""SIGKILL at random moments under load: what was acknowledged must be readable after the next start.

ANYASCOPE_KILL_ROUNDS says how often (default 20; the release figure is 200). Prints rounds, acknowledged rows and losses.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from pathlib import Path

import httpx

from figures import show
from support.server import ServerProcess

ROUNDS = int(os.environ.get("ANYASCOPE_KILL_ROUNDS", "20"))
LINES_A_REQUEST = 50
SENDERS = 3


def logs_body(run: str, first: int) -> dict[str, object]:
    now_ns = time.time_ns()
    records = [
        {
            "timeUnixNano": str(now_ns + number),
            "body": {"stringValue": f"row {first + number}"},
            "attributes": [{"key": "row", "value": {"stringValue": f"{run}-{first + number}"}}],
        }
        for number in range(LINES_A_REQUEST)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": f"kill-{run}"}}]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}


def metrics_body(run: str, number: int) -> dict[str, object]:
    point = {
        "timeUnixNano": str(time.time_ns()),
        "asDouble": number,
        "attributes": [{"key": "row", "value": {"stringValue": f"{run}-{number}"}}],
    }
    metric = {"name": "kill_row", "gauge": {"dataPoints": [point]}}
    return {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [metric]}]}]}


class Load(threading.Thread):
    """Sends until the server is gone; remembers what was acknowledged."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self.url, self.run_id = url, run
        self.lines = 0
        self.samples = 0

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while True:
                try:
                    answer = client.post(f"{self.url}/v1/logs", json=logs_body(self.run_id, self.lines))
                    if answer.status_code != 200:
                        continue
                    self.lines += LINES_A_REQUEST
                    if (
                        client.post(f"{self.url}/v1/metrics", json=metrics_body(self.run_id, self.samples)).status_code
                        == 200
                    ):
                        self.samples += 1
                except httpx.HTTPError:
                    return


def kept_lines(url: str, run: str) -> int:
    params = {"query": f"service:kill-{run}", "start": "-1h", "buckets": "10"}
    buckets = httpx.get(f"{url}/api/anyascope/v1/logs/histogram", params=params, timeout=30).json()["buckets"]
    return sum(bucket["total"] for bucket in buckets)


def kept_samples(url: str, run: str) -> int:
    query = f'count(last_over_time(kill_row{{row=~"{run}-.*"}}[1h]))'
    result = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30).json()["data"]["result"]
    return int(result[0]["value"][1]) if result else 0


def main() -> None:
    chance = random.Random(1)
    lines = samples = lost_lines = lost_samples = 0
    before: list[Load] = []
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder))
        for round_number in range(ROUNDS + 1):
            server.start()
            # The start of a round is the recovery of the one before: what that one acknowledged must be there.
            for load in before:
                lines += load.lines
                samples += load.samples
                lost_lines += max(load.lines - kept_lines(server.url, load.run_id), 0)
                lost_samples += max(load.samples - kept_samples(server.url, load.run_id), 0)
            before = [Load(server.url, f"{round_number}-{sender}") for sender in range(SENDERS)]
            for load in before:
                load.start()
            time.sleep(chance.uniform(0.05, 1.2))
            server.kill()
            for load in before:
                load.join()
    show("rounds of kill -9", ROUNDS, "rounds")
    show("acknowledged log rows", lines, "rows")
    show("acknowledged samples", samples, "samples")
    show("lost log rows", lost_lines, "rows", bar=0.5, is_most=True)
    show("lost samples", lost_samples, "samples", bar=0.5, is_most=True)
    if lost_lines or lost_samples:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
