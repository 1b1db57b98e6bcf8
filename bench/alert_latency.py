"""From the accepted sample that crosses the line to the webhook's arrival, pushed by OTLP; 100 trials."""

from __future__ import annotations

import http.server
import json
import tempfile
import threading
import time
from pathlib import Path

import httpx

from figures import quantile, show
from support.server import QUIET_CONFIG, running_server

TRIALS = 100
RULES = """
groups:
- name: latency
  interval: 1m
  rules:
  - alert: Crossed
    expr: bench_level > 10
    labels: {severity: critical}
"""
CONFIG = (
    QUIET_CONFIG
    + """
rule_files: [rules.yml]
rules: {{default_pack: false}}
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
- name: hook
  webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: false}}]
"""
)


class Hook(http.server.BaseHTTPRequestHandler):
    arrivals: dict[str, float]

    def do_POST(self) -> None:
        arrived = time.perf_counter()
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for alert in body["alerts"]:
            self.arrivals.setdefault(alert["labels"]["trial"], arrived)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


def body_of(trial: int, value: float) -> dict[str, object]:
    point = {
        "timeUnixNano": str(time.time_ns()),
        "asDouble": value,
        "attributes": [{"key": "trial", "value": {"stringValue": str(trial)}}],
    }
    metric = {"name": "bench_level", "gauge": {"dataPoints": [point]}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "bench"}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}


def main() -> None:
    arrivals: dict[str, float] = {}
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Hook,), {"arrivals": arrivals}))
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    latencies_ms: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yml").write_text(RULES)
        with (
            running_server(Path(folder), config=CONFIG.format(port=hook.server_port)) as server,
            httpx.Client() as client,
        ):
            for trial in range(TRIALS):
                client.post(f"{server.url}/v1/metrics", json=body_of(trial, 1)).raise_for_status()
                time.sleep(0.3)
                client.post(f"{server.url}/v1/metrics", json=body_of(trial, 100)).raise_for_status()
                accepted = time.perf_counter()
                while str(trial) not in arrivals and time.perf_counter() < accepted + 30:
                    time.sleep(0.001)
                latencies_ms.append((arrivals.get(str(trial), accepted + 30) - accepted) * 1000)
    hook.shutdown()
    show("alert latency, push, p50", quantile(latencies_ms, 0.50), "ms", bar=300, is_most=True)
    show("alert latency, push, p99", quantile(latencies_ms, 0.99), "ms", bar=1000, is_most=True)
    show("alert latency, push, worst", max(latencies_ms), "ms")
    show(
        "alerts that never arrived", sum(latency >= 30_000 for latency in latencies_ms), "of 100", bar=0.5, is_most=True
    )


if __name__ == "__main__":
    main()
