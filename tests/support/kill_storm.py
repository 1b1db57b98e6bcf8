"""`kill -9` at random moments of a storm of alerts, to a webhook that fails at random."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from support.components import REPOSITORY
from support.server import eventually
from support.webhook_sink import WebhookSink, webhook_sink

PAGER = REPOSITORY / "tests" / "support" / "pager.py"
ROUTES = 10
GROUPS_A_ROUTE = 4
BATCH = 20
LIFE_S = (0.05, 1.5)  # from the first batch to the kill
FAILING = 0.2
SETTLE_S = 180.0  # a channel that failed again and again is tried once a minute


class Storm:
    """One life of the process: hands batches over until it is killed."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.taken: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(PAGER), str(folder / "alertmanager.yml"), str(folder / "state.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        )
        assert self._hears("ready")
        self._sender = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Hand over, batch after batch."""
        self._sender.start()

    def kill(self) -> None:
        """SIGKILL, and what was said until then."""
        self._process.kill()
        self._process.wait()
        if self._sender.ident is not None:
            self._sender.join()

    def _hears(self, word: str) -> bool:
        """Whether the process says this before it ends; between its words stand its log lines."""
        assert self._process.stdout is not None
        return any(line.strip() == word for line in self._process.stdout)

    def _send(self) -> None:
        assert self._process.stdin is not None
        count = 0
        with contextlib.suppress(OSError, ValueError):
            while True:
                names = [f"{self.number}-{count + position}" for position in range(BATCH)]
                alerts = [{"labels": _labels(name, count + position)} for position, name in enumerate(names)]
                self._process.stdin.write(json.dumps({"alerts": alerts}) + "\n")
                self._process.stdin.flush()
                if not self._hears("taken"):
                    return
                self.taken.extend(names)
                count += BATCH
                time.sleep(0.02)


def _labels(name: str, number: int) -> dict[str, str]:
    return {
        "alertname": f"A{number // ROUTES % GROUPS_A_ROUTE}",
        "team": f"t{number % ROUTES}",
        "severity": "critical" if number % 7 == 0 else "warning",
        "instance": name,
    }


def settings_for(sink: WebhookSink) -> str:
    """A route and a webhook a team, with waits short enough to be told within a life."""
    routes = [{"receiver": f"r{number}", "matchers": [f'team="t{number}"']} for number in range(ROUTES)]
    receivers = [
        {"name": f"r{number}", "webhook_configs": [{"url": f"{sink.url}/storm/r{number}"}]} for number in range(ROUTES)
    ]
    times = {"group_by": ["alertname"], "group_wait": "200ms", "group_interval": "500ms", "repeat_interval": "1h"}
    return json.dumps({"route": {"receiver": "r0", **times, "routes": routes}, "receivers": receivers})


def kill_storm(rounds: int, *, seed: int = 1) -> dict[str, int]:
    """The counts after so many kills."""
    chance = random.Random(seed)
    taken: list[str] = []
    worst = repeated = 0
    with tempfile.TemporaryDirectory() as name, webhook_sink(failing=FAILING) as sink:
        folder = Path(name)
        (folder / "alertmanager.yml").write_text(settings_for(sink))
        for number in range(rounds):
            storm = Storm(folder, number)
            storm.start()
            time.sleep(chance.uniform(*LIFE_S))
            if number == rounds - 1:  # else a slow machine might have handed nothing over in all of its lives
                eventually(lambda: taken or storm.taken, what="a batch is taken over")  # noqa: B023
            storm.kill()
            taken.extend(storm.taken)
            now_repeated = _repeated(sink)
            worst, repeated = max(worst, now_repeated - repeated), now_repeated
        last = Storm(folder, rounds)
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline and not sink.heard("storm").firing.keys() >= set(taken):
            time.sleep(0.2)
        last.kill()
        heard = sink.heard("storm")
        worst = max(worst, _repeated(sink) - repeated)
    return {
        "rounds": rounds,
        "taken": len(taken),
        "notifications": heard.notifications,
        "refused": heard.refused,
        "lost": len(set(taken) - heard.firing.keys()),
        "repeated": sum(count - 1 for count in heard.ids.values()),
        "worst": worst,
    }


def _repeated(sink: WebhookSink) -> int:
    return sum(count - 1 for count in sink.heard("storm").ids.values())
