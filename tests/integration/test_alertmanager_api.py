"""Alerts of other programs land here: amtool and Prometheus work unchanged."""

from __future__ import annotations

import json
import subprocess
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
        server.kill()
        server.start()
        (added,) = queried(server.url, "alertname=Added")
        (leak,) = queried(server.url, "alertname=Leak")
    assert added["labels"] == {"alertname": "Added", "severity": "critical"}
    assert added["annotations"] == {"summary": "by hand"}
    assert added["status"]["state"] == "active"
    assert key not in json.dumps(leak)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_real_prometheus_leaves_its_alerts_here(tmp_path: Path) -> None:
    """A Prometheus whose alertmanager we are has its alerts told by our routes, and sees us as active."""
    program = component("prometheus")
    with running_server(tmp_path, config=CONFIG) as server:
        settings = tmp_path / "prometheus.yml"
        settings.write_text(
            "global: {evaluation_interval: 1s, external_labels: {cluster: c1}}\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{server.url[7:]}']}}]}}]}}\n"
            "rule_files: [rules.yml]\n"
        )
        (tmp_path / "rules.yml").write_text(
            "groups: [{name: g, rules: [{alert: Always, expr: vector(1) > 0, labels: {severity: page},"
            " annotations: {summary: it fires}}]}]\n"
        )
        with (tmp_path / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(str(program), f"--config.file={settings}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"),
                    # The first ones are lost on Prometheus' own start: it looks for alertmanagers some seconds later.
                    *(f"--web.listen-address=127.0.0.1:{free_port()}", "--rules.alert.resend-delay=1s"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                (alert,) = eventually(lambda: queried(server.url, "alertname=Always"), within_s=60, what="it arrives")
            finally:
                process.terminate()
                process.wait(timeout=20)
        own = httpx.get(f"{server.url}/api/anyascope/v1/alerts").json()["alerts"]
    assert alert["labels"] == {"alertname": "Always", "cluster": "c1", "severity": "page"}
    assert alert["annotations"] == {"summary": "it fires"}
    assert [name["name"] for name in alert["receivers"]] == ["all"]
    assert [(entry["name"], entry["severity"]) for entry in own] == [("Always", "critical")]
