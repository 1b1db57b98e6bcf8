"""Faults of a real SoftHSM, and how long each takes to reach Slack by the rules of the pack `hsm`: from the moment that it happens to the message's arrival."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx

from anyascope.collect.hsm_options import INTERVAL_S
from support.pkcs11_shim import Shim, shim
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server
from support.sinks import Sink, http_sink
from support.softhsm import SoftHsm, softhsm

ROUNDS_MAX = 3  # of one fault a server: an alert that fires four times in 15 minutes is flapping, and told once
FAULTS = {"HsmPinLocked": "PIN locked", "HsmDown": "token removed", "HsmCallLate": "signing hangs"}
TITLE = "'{{ .Status }} {{ .CommonLabels.alertname }}.'"
Fault = tuple[Callable[[], object], Callable[[], object]]  # how it is made, and how it is mended


def play(directory: Path, *, rounds: int, chance: Random, late_after: str = "") -> list[tuple[str, float]]:
    """(what happened, seconds until Slack had it) of each fault, `rounds` times; every fault is mended and its end awaited.

    Args:
        rounds: at most `ROUNDS_MAX`.
        chance: when within the interval of looks a fault happens.
        late_after: after which a call is told to be late; the settings' default of 0.5 s where empty. A call may take that
            long on a busy machine: with another one only what is made to hang does, and no call fails for its time.
    """
    assert rounds <= ROUNDS_MAX
    token = softhsm(directory)
    front = shim(token, directory)
    with (
        http_sink(directory / "slack.jsonl") as slack,
        running_server(directory, config=_config(token, front, slack, late_after=late_after)) as server,
    ):
        eventually(lambda: _status(server) == "healthy", what="a healthy HSM")
        return [
            (FAULTS[alert], _one(server, slack, alert, fault=fault, chance=chance))
            for _ in range(rounds)
            for alert, fault in _faults(token, front, directory).items()
        ]


def _one(server: ServerProcess, slack: Sink, alert: str, *, fault: Fault, chance: Random) -> float:
    breaks, mends = fault
    time.sleep(chance.uniform(0.0, INTERVAL_S))  # faults do not wait for a look
    started = time.time()
    breaks()
    message = eventually(lambda: _told(slack, f"firing {alert}", since_s=started), what=alert)[0]
    mends()
    eventually(lambda: _told(slack, f"resolved {alert}", since_s=message["at"]), what=f"the end of {alert}")
    eventually(lambda: _status(server) == "healthy", what="a healthy HSM")
    return float(message["at"]) - started


def _faults(token: SoftHsm, front: Shim, directory: Path) -> dict[str, Fault]:
    tokens, away = directory / "tokens", directory / "away"

    def remove() -> None:
        shutil.move(tokens, away)
        tokens.mkdir()

    def put_back() -> None:
        tokens.rmdir()
        shutil.move(away, tokens)

    locked, hang = front.folder / "locked", front.folder / "hang"
    return {
        "HsmPinLocked": (locked.touch, locked.unlink),
        "HsmDown": (remove, put_back),
        "HsmCallLate": (hang.touch, hang.unlink),
    }


def _config(token: SoftHsm, front: Shim, slack: Sink, *, late_after: str) -> str:
    environment = {"SOFTHSM2_CONF": str(token.config), **front.environment}
    hsm = {
        "name": "core",
        "provider": "softhsm",
        "module": str(front.module),
        "token": token.label,
        "pin": token.pin,
        "environment": environment,
        "canary": {"sign": "ec"},
        **({"late_after": late_after, "timeout": "60s"} if late_after else {}),
    }
    return (
        QUIET_CONFIG
        + f"""
rules: {{default_pack: false}}
collectors: {{hsm: [{json.dumps(hsm)}]}}
route: {{receiver: slack, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
- name: slack
  slack_configs: [{{api_url: "http://127.0.0.1:{slack.port}/slack", channel: "#hsm", send_resolved: true, title: {TITLE}}}]
"""
    )


def _status(server: ServerProcess) -> str:
    components = httpx.get(f"{server.url}/api/anyascope/v1/health").json()["components"]
    return next((one["status"] for one in components if one["component"] == "collect.hsm.core"), "")


def _told(slack: Sink, title: str, *, since_s: float) -> list[dict[str, Any]]:
    """What Slack was told under this title since then, oldest first."""
    return [record for record in slack.records() if record["at"] >= since_s and f"{title}." in json.dumps(record)]
