"""Alerts of other programs land here: the answers are a real Alertmanager's, amtool and Prometheus work unchanged."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from anyascope.wire.alertmanager import ALERTS_PATH
from support.alertmanager import amtool, queried, real_alertmanager
from support.components import component
from support.ports import free_port
from support.server import QUIET_CONFIG, eventually, running_server

CONFIG = QUIET_CONFIG + "\nrules: {default_pack: false}\nroute: {receiver: all}\nreceivers: [{name: all}]\n"
JSON = {"content-type": "application/json"}
L = '"labels":{"alertname":"x","n":"%d"}'

# Bodies and whether the answer's text is the same; our words on JSON that cannot be read name no types of Go.
POSTS = [
    ("[]", True),
    ("null", True),
    ("", True),
    ("{}", False),
    ("x", False),
    ("[1]", False),
    ("[{}]", True),
    ('[{"labels":null}]', True),
    ('[{"labels":{}}]', True),
    ('[{"labels":{"a":""}}]', True),
    ('[{"labels":{"a":1}}]', False),
    ('[{"labels":{"":"b"}}]', True),
    ('[{"labels":{"1a é":"b"}}]', True),
    ('[{%s,"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]' % (L % 1), True),
    ('[{%s,"startsAt":"x"}]' % (L % 1), False),
    ('[{%s,"startsAt":""}]' % (L % 2), True),
    ('[{%s,"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00.000Z"}]' % (L % 3), True),
    ('[{%s,"generatorURL":"::bad"}]' % (L % 4), True),
    ('[{%s,"generatorURL":"http://h/g?a=1&b=<2>","unknown":1}]' % (L % 5), True),
    ('[{%s,"annotations":{"x":""}}]' % (L % 6), True),
    ('[{%s,"annotations":{"":"x"}}]' % (L % 7), True),
    ('[{%s},{"labels":{"a":""}},{"labels":{}}]' % (L % 8), True),
    ('[{"labels":{"z":"\\ud800"}}]', True),
]  # fmt: skip
GETS = [
    "", "active=false", "active=x", "active=1", "silenced=false", "inhibited=false", "unprocessed=false",
    "filter=alertname=x", 'filter=n="5"', "filter=n=~[0-4]", "filter=n!=5&filter=alertname=x", "filter=x", "filter=",
    "filter={n=5}", "filter=n=5,alertname=x", "filter=n=~%22(%22", 'filter="n"=5', "receiver=all", "receiver=al", "receiver=(",
    "receiver_matchers=name=all", "receiver_matchers=name=x", "receiver_matchers=x", "foo=1",
]  # fmt: skip

TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d")


def same_shape(alerts: list[dict]) -> list[dict]:
    """The alerts without times, and with annotations only where there are some."""
    by_nature = {"startsAt", "endsAt", "updatedAt"}
    assert all(set(alert) >= by_nature for alert in alerts)
    return [{name: value for name, value in alert.items() if name not in by_nature} for alert in alerts]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_answers_as_the_real_one_does(tmp_path: Path) -> None:
    """The same requests get the same statuses, messages and alerts from both."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    with real_alertmanager(tmp_path / "theirs") as theirs, running_server(tmp_path / "ours", config=CONFIG) as ours:
        for body, is_same in POSTS:
            want, got = (httpx.post(f"{url}{ALERTS_PATH}", content=body, headers=JSON) for url in (theirs, ours.url))
            assert (got.status_code, got.headers.get("content-type")) == (
                want.status_code, want.headers.get("content-type"),
            ), body  # fmt: skip
            if is_same:
                assert got.text == want.text, body
        for query in GETS:
            want, got = (httpx.get(f"{url}{ALERTS_PATH}?{query}") for url in (theirs, ours.url))
            assert got.status_code == want.status_code, query
            if got.status_code != 200:
                assert got.text == want.text
            else:
                assert same_shape(got.json()) == same_shape(want.json()), query
        for method, headers in (("POST", {"content-type": "text/plain"}), ("DELETE", {})):
            want, got = (
                httpx.request(method, f"{url}{ALERTS_PATH}", content=b"[]", headers=headers)
                for url in (theirs, ours.url)
            )
            assert got.status_code == want.status_code
        want, got = (amtool(url, "alert", "query", "n=5").replace("\0", "") for url in (theirs, ours.url))
        assert TIME_OF_DAY.sub("", got) == TIME_OF_DAY.sub("", want)  # posted one after the other


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
