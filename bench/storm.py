"""5,000 alerts over 50 routes and 200 groups to a webhook, side by side with Alertmanager under the same configuration.

Three storms each: as fast as four connections post, spread over 10 s, and one in which the server is killed in the middle
and started again. Alertmanager is left out where it is not installed (ANYASCOPE_COMPONENTS).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from figures import show
from support.components import component
from support.ports import free_port
from support.server import QUIET_CONFIG, ServerProcess
from support.webhook_sink import WebhookSink, webhook_sink

ALERTS = 5_000
ROUTES = 50
GROUPS_A_ROUTE = 4
SENDERS = 4
FAST_BATCH = 100
SLOW_S = 10.0
SLOW_BATCH = 50
KILLED_AFTER_S = 1.15  # a hundred milliseconds into the telling
SETTLE_S = 60.0


class Peer:
    """A server that takes alerts at `url`, can be killed and started again."""

    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...


class Ours(Peer):
    """anyascope with an Alertmanager's configuration file."""

    def __init__(self, folder: Path, settings: str) -> None:
        (folder / "alertmanager.yml").write_text(settings)
        config = QUIET_CONFIG + "\nrules: {default_pack: false}\n"
        arguments = ("--no-collect", "--alertmanager-config", str(folder / "alertmanager.yml"))
        self._server = ServerProcess(folder, config=config, arguments=arguments)

    def start(self) -> None:
        self._server.start()
        self.url = self._server.url

    def kill(self) -> None:
        self._server.kill()


class Theirs(Peer):
    """A real Alertmanager."""

    def __init__(self, folder: Path, settings: str) -> None:
        (folder / "alertmanager.yml").write_text(settings)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [
                *(str(component("prometheus-alertmanager")), f"--config.file={self._folder / 'alertmanager.yml'}"),
                *(f"--storage.path={self._folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
                *("--cluster.listen-address=", "--log.level=error"),
            ],
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/-/ready").status_code == 200:
                    return
            time.sleep(0.02)
        raise TimeoutError("the Alertmanager did not get ready")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def settings_for(sink: str) -> str:
    """50 routes with a receiver each, told by a webhook below `sink`."""
    routes = [
        {"receiver": f"r{number}", "matchers": [f'team="t{number}"'], "group_by": ["alertname"]}
        for number in range(ROUTES)
    ]
    receivers = [{"name": f"r{number}", "webhook_configs": [{"url": f"{sink}/r{number}"}]} for number in range(ROUTES)]
    times = {"group_wait": "1s", "group_interval": "5s", "repeat_interval": "1h"}
    return json.dumps({"route": {"receiver": "r0", **times, "routes": routes}, "receivers": receivers})


def storm(count: int, *, prefix: str) -> list[dict[str, object]]:
    """Alerts, one group after the other in turn."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return [
        {
            "labels": {
                "alertname": f"A{number // ROUTES % GROUPS_A_ROUTE}",
                "team": f"t{number % ROUTES}",
                "severity": "warning",
                "instance": f"{prefix}-{number}",
                "job": "custody",
            },
            "annotations": {"summary": f"instance {number} is down", "runbook": "https://example.org/runbook"},
            "startsAt": now,
            "generatorURL": "http://prometheus.example.org/graph?g0.expr=up",
        }
        for number in range(count)
    ]


@dataclass
class Posted:
    """What a server acknowledged, and when."""

    began_s: float
    ended_s: float
    accepted: list[str]


def post(url: str, alerts: Sequence[dict[str, object]], *, batch: int, over_s: float = 0.0) -> Posted:
    """Post from `SENDERS` connections, in even steps over `over_s` (0: as fast as it goes)."""
    batches = [alerts[first : first + batch] for first in range(0, len(alerts), batch)]
    accepted: list[str] = []
    began_s, began = time.time(), time.monotonic()

    def send(sender: int) -> None:
        with httpx.Client(timeout=30) as client:
            for number in range(sender, len(batches), SENDERS):
                time.sleep(max(began + over_s * number / len(batches) - time.monotonic(), 0))
                body = json.dumps(batches[number])
                with contextlib.suppress(httpx.HTTPError):
                    if client.post(f"{url}/api/v2/alerts", content=body, headers=JSON).status_code == 200:
                        accepted.extend(str(one["labels"]["instance"]) for one in batches[number])  # type: ignore[index]

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    return Posted(began_s, time.time(), accepted)


JSON = {"content-type": "application/json"}


def wait_until_told(sink: WebhookSink, path: str, names: Sequence[str], *, within_s: float = SETTLE_S) -> float:
    """When the last of these was first told as firing, Unix seconds; the end of the wait where some never were."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        firing = sink.heard(path).firing
        if all(name in firing for name in names):
            return max(firing[name] for name in names)
        time.sleep(0.2)
    return time.time()


@contextlib.contextmanager
def running(make: Callable[[Path, str], Peer], sink: WebhookSink, path: str) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as folder:
        peer = make(Path(folder), settings_for(f"{sink.url}/{path}"))
        peer.start()
        try:
            yield peer
        finally:
            peer.kill()


def measure(make: Callable[[Path, str], Peer], sink: WebhookSink, side: str) -> dict[str, float]:
    """The figures of one server."""
    figures: dict[str, float] = {}
    with running(make, sink, f"{side}-fast") as peer:
        posted = post(peer.url, storm(ALERTS, prefix="fast"), batch=FAST_BATCH)
        figures["accepted"] = len(posted.accepted) / (posted.ended_s - posted.began_s)
        figures["fast"] = wait_until_told(sink, f"{side}-fast", posted.accepted) - posted.began_s
    with running(make, sink, f"{side}-slow") as peer:
        posted = post(peer.url, storm(ALERTS, prefix="slow"), batch=SLOW_BATCH, over_s=SLOW_S)
        figures["slow"] = wait_until_told(sink, f"{side}-slow", posted.accepted) - posted.began_s
        figures["slow posts"] = posted.ended_s - posted.began_s
    with running(make, sink, f"{side}-kill") as peer:
        posted = post(peer.url, storm(ALERTS // 2, prefix="kill"), batch=FAST_BATCH)
        time.sleep(max(posted.began_s + KILLED_AFTER_S - time.time(), 0))
        peer.kill()
        figures["told before the kill"] = len(sink.heard(f"{side}-kill").firing)
        peer.start()
        wait_until_told(sink, f"{side}-kill", posted.accepted, within_s=15)
        figures["lost"] = len(set(posted.accepted) - sink.heard(f"{side}-kill").firing.keys())
    return figures


def main() -> None:
    with webhook_sink() as sink:
        theirs: dict[str, float] = {}
        if component("prometheus-alertmanager").exists():
            theirs = measure(Theirs, sink, "theirs")
        ours = measure(Ours, sink, "ours")
    if theirs:
        show("storm, Alertmanager: accepted", theirs["accepted"], "alerts/s")
        show("storm, Alertmanager: all told after", theirs["fast"], "s")
        show("storm over 10 s, Alertmanager: all told after", theirs["slow"], "s")
        show("storm, Alertmanager: lost by kill -9", theirs["lost"], "alerts")
    show("storm: accepted", ours["accepted"], "alerts/s")
    show("storm: all told after", ours["fast"], "s", bar=2 * theirs["fast"] if theirs else None, is_most=True)
    show("storm over 10 s: all told after", ours["slow"], "s", bar=2 * theirs["slow"] if theirs else None, is_most=True)
    show("storm: told before the kill", ours["told before the kill"], "alerts")
    show("storm: lost by kill -9", ours["lost"], "alerts", bar=0.5, is_most=True)


if __name__ == "__main__":
    main()
