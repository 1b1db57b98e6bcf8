"""Alerts of other programs land here: amtool and Prometheus work unchanged."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from anyascope.wire.alertmanager_post import ALERTS_PATH
from support.alertmanager import amtool, queried
from support.components import component
from support.ports import free_port
from support.server import QUIET_CONFIG, eventually, running_server

CONFIG = QUIET_CONFIG + "\nrules: {default_pack: false}\nroute: {receiver: all}\nreceivers: [{name: all}]\n"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_amtool_adds_and_queries_and_nothing_is_lost_by_a_kill(tmp_path: Path) -> None:
    """What amtool added is stored when it returns: it stands after kill -9; secrets were taken out before."""
    with running_server(tmp_path, config=CONFIG) as server:
        amtool(server.url, "alert", "add", "Added", "severity=critical", "--annotation=summary=by hand")
        key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
        httpx.post(
            f"{server.url}{ALERTS_PATH}", json=[{"labels": {"alertname": "Leak"}, "annotations": {"d": f"key {key}"}}]
        ).raise_for_status()
        silence = amtool(server.url, "silence", "add", "alertname=Other", "--comment=why").strip()
        server.kill()
        server.start()
        assert amtool(server.url, "silence", "query", "--quiet").split() == [silence]
        (added,) = queried(server.url, "alertname=Added")
        (leak,) = queried(server.url, "alertname=Leak")
    assert added["labels"] == {"alertname": "Added", "severity": "critical"}
    assert added["annotations"] == {"summary": "by hand"}
    assert added["status"]["state"] == "active"
    assert key not in json.dumps(leak)


RULES = (
    "groups: [{name: g, rules: [{alert: Always, expr: vector(1) > %d, labels: {severity: page},"
    " annotations: {summary: it fires}}]}]\n"
)


@contextlib.contextmanager
def prometheus_posting_to(server: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Prometheus with one rule, whose alertmanager is this server: its address, and the process."""
    settings, url = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    settings.write_text(
        "global: {evaluation_interval: 1s, external_labels: {cluster: c1}}\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{server[7:]}']}}]}}]}}\n"
        "rule_files: [rules.yml]\n"
    )
    (folder / "rules.yml").write_text(RULES % 0)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(component("prometheus")), f"--config.file={settings}", f"--storage.tsdb.path={folder / 'tsdb'}"),
                # The first ones are lost on Prometheus' own start: it looks for alertmanagers some seconds later.
                # Each one ends by itself after four times this delay, were it not sent again.
                *(f"--web.listen-address={url}", "--rules.alert.resend-delay=8s"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://{url}", process
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.mark.long
def test_a_real_prometheus_leaves_its_alerts_here(tmp_path: Path) -> None:
    """A Prometheus whose alertmanager we are has its alerts told by our routes, silenced and resolved, and sees us as active."""

    def own(server: str) -> list[tuple[str, str, str]]:
        alerts = httpx.get(f"{server}/api/anyascope/v1/alerts").json()["alerts"]
        return [(alert["name"], alert["severity"], alert["state"]) for alert in alerts]

    with (
        running_server(tmp_path, config=CONFIG) as server,
        prometheus_posting_to(server.url, tmp_path) as (url, process),
    ):
        (alert,) = eventually(lambda: queried(server.url, "alertname=Always"), what="it arrives")
        known = httpx.get(f"{url}/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"]
        firing = own(server.url)
        silence = amtool(server.url, "silence", "add", "Always", "--comment=why").strip()
        (silenced,) = httpx.get(f"{server.url}/api/v2/alerts?silenced=true").json()
        (tmp_path / "rules.yml").write_text(RULES % 1)
        process.send_signal(signal.SIGHUP)
        resolved = [("Always", "critical", "resolved")]
        eventually(lambda: own(server.url) == resolved, what="it is resolved")
        still_firing = httpx.get(f"{server.url}/api/v2/alerts").json()
    assert [entry["url"] for entry in known] == [f"{server.url}/api/v2/alerts"]
    assert alert["labels"] == {"alertname": "Always", "cluster": "c1", "severity": "page"}
    assert alert["annotations"] == {"summary": "it fires"}
    assert [name["name"] for name in alert["receivers"]] == ["all"]
    assert firing == [("Always", "critical", "firing")]
    assert silenced["status"] == {"state": "suppressed", "silencedBy": [silence], "inhibitedBy": [], "mutedBy": []}
    assert still_firing == []
