"""From a critical alert, posted or made by a rule, to its arrival at a webhook; 200 trials each.

Side by side with Prometheus (evaluating each second) and Alertmanager (`group_wait: 0s`), as fast as these can be set.
Then once more while 5,000 other alerts fire and are repeated each minute, as Prometheus repeats its own.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from figures import quantile, show
from storm import JSON, storm
from support.alertmanager import real_alertmanager
from support.components import component
from support.prometheus import RealPrometheus
from support.remote_write import remote_write
from support.server import QUIET_CONFIG, running_server
from support.webhook_sink import WebhookSink, webhook_sink

TRIALS = 200
EVERY_S = 0.1
RULE_EVERY_S = 0.5  # a group rests for a fifth of a second after it has looked, and four times as long as that took
OTHERS = 5_000
OTHERS_BATCH = 100
LOST_S = 30.0
RULES = """
groups:
- name: latency
  interval: {interval}
  rules:
  - alert: Crossed
    expr: bench_level > 10
    labels: {{severity: critical}}
"""
WRITE_HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}


def routing(sink: str) -> str:
    """Each alert is a group of its own and told at once; the others wait as usual."""
    return json.dumps(
        {
            "route": {
                "receiver": "hook",
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "5m",
                "routes": [{"matchers": ['job="custody"'], "receiver": "hook", "group_by": ["alertname", "team"]}],
            },
            "receivers": [{"name": "hook", "webhook_configs": [{"url": f"{sink}/latency", "send_resolved": False}]}],
        }
    )


def trials(sink: WebhookSink, begin: Callable[[str], None], *, prefix: str, every_s: float = EVERY_S) -> list[float]:
    """Milliseconds from each beginning to its arrival; `LOST_S` where it never came."""
    began: dict[str, float] = {}
    started = time.monotonic()
    for number in range(TRIALS):
        time.sleep(max(started + number * every_s - time.monotonic(), 0))
        name = f"{prefix}-{number}"
        began[name] = time.time()
        begin(name)
    deadline = time.monotonic() + LOST_S
    while time.monotonic() < deadline and not began.keys() <= sink.heard("latency").firing.keys():
        time.sleep(0.2)
    heard = sink.heard("latency").firing
    return [(heard.get(name, at_s + LOST_S) - at_s) * 1000 for name, at_s in began.items()]


def poster(client: httpx.Client, url: str) -> Callable[[str], None]:
    """Posts a critical alert."""

    def post(name: str) -> None:
        alert = {"labels": {"alertname": "Posted", "severity": "critical", "instance": name}}
        client.post(f"{url}/api/v2/alerts", content=json.dumps([alert]), headers=JSON).raise_for_status()

    return post


def writer(client: httpx.Client, url: str) -> Callable[[str], None]:
    """Writes a sample that crosses the line of the rule."""

    def write(name: str) -> None:
        series = [((("__name__", "bench_level"), ("instance", name)), [(time.time_ns() // 1_000_000, 100.0)])]
        client.post(f"{url}/api/v1/write", content=remote_write(series), headers=WRITE_HEADERS).raise_for_status()

    return write


@contextlib.contextmanager
def others_firing(url: str) -> Iterator[None]:
    """5,000 alerts that fire, repeated in even steps within a minute."""
    alerts = storm(OTHERS, prefix="other")
    batches = [json.dumps(alerts[first : first + OTHERS_BATCH]) for first in range(0, OTHERS, OTHERS_BATCH)]
    over = threading.Event()

    def repeat() -> None:
        with httpx.Client(timeout=60) as client:
            while True:
                for batch in batches:
                    client.post(f"{url}/api/v2/alerts", content=batch, headers=JSON)
                    if over.wait(60 / len(batches)):
                        return

    with httpx.Client(timeout=60) as client:
        for batch in batches:
            client.post(f"{url}/api/v2/alerts", content=batch, headers=JSON).raise_for_status()
    time.sleep(3)  # their own telling is over
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def tell(name: str, latencies_ms: list[float], *, p50: float | None = None, p99: float | None = None) -> None:
    show(f"page latency, {name}, p50", quantile(latencies_ms, 0.50), "ms", bar=p50, is_most=True)
    show(f"page latency, {name}, p99", quantile(latencies_ms, 0.99), "ms", bar=p99, is_most=True)


def ours(sink: WebhookSink) -> None:
    """The four figures of anyascope."""
    with tempfile.TemporaryDirectory() as name, httpx.Client(timeout=30) as client:
        folder = Path(name)
        (folder / "rules.yml").write_text(RULES.format(interval="1m"))
        (folder / "alertmanager.yml").write_text(routing(sink.url))
        config = QUIET_CONFIG + "\nrule_files: [rules.yml]\nrules: {default_pack: false}\n"
        arguments = ("--no-collect", "--alertmanager-config", str(folder / "alertmanager.yml"))
        with running_server(folder, config=config, arguments=arguments) as server:
            post, write = poster(client, server.url), writer(client, server.url)
            trials(sink, post, prefix="warm")
            tell("posted", trials(sink, post, prefix="p"), p50=100, p99=500)
            tell("by a rule", trials(sink, write, prefix="r", every_s=RULE_EVERY_S), p50=100, p99=500)
            with others_firing(server.url):
                tell("posted, 5,000 others", trials(sink, post, prefix="po"), p99=2000)
                tell("by a rule, 5,000 others", trials(sink, write, prefix="ro", every_s=RULE_EVERY_S), p99=2000)


def theirs(sink: WebhookSink) -> None:
    """The same of Prometheus and Alertmanager."""
    with tempfile.TemporaryDirectory() as name, httpx.Client(timeout=30) as client:
        folder = Path(name)
        (folder / "rules.yml").write_text(RULES.format(interval="1s"))
        with real_alertmanager(folder, settings=routing(sink.url)) as manager:
            settings = (
                f"global: {{evaluation_interval: 1s}}\nrule_files: [{folder / 'rules.yml'}]\n"
                f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{manager[7:]}']}}]}}]}}\n"
            )
            with RealPrometheus(component("prometheus"), folder, settings=settings) as prometheus:
                tell("Alertmanager, posted", trials(sink, poster(client, manager), prefix="tp"))
                tell("Prometheus and Alertmanager", trials(sink, writer(client, prometheus.url), prefix="tr"))


def main() -> None:
    with webhook_sink() as sink:
        if component("prometheus").exists() and component("prometheus-alertmanager").exists():
            theirs(sink)
        ours(sink)


if __name__ == "__main__":
    main()
