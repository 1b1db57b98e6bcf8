"""The main road with real parts: a service fails, people are told, the server is killed on the way, the service recovers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.custody import CustodyProcess
from support.ports import free_port
from support.server import QUIET_CONFIG, ServerProcess, eventually
from support.sinks import Sink, http_sink, mail_sink

RULES = """
groups:
- name: custody
  interval: 5s
  rules:
  - alert: SigningFailed
    # A signature ends it, and nothing else: the server may be away for minutes, and what the service sends for many seconds.
    expr: >-
      increase(anya_hsm_operations_total{status="error"}[10m]) > 0
      unless on (job, instance) increase(anya_hsm_operations_total{status="success"}[20s]) > 0
    labels: {severity: critical, category: security, component: hsm}
    annotations:
      summary: Signing failed
      description: The signer of {{ $labels.job }} refuses to sign.
"""
CONFIG = (
    QUIET_CONFIG
    + """
rule_files: [rules.yml]
rules: {{default_pack: false}}
route: {{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 1s}}
receivers:
- name: team
  webhook_configs: [{{url: "http://127.0.0.1:{http}/hook"}}]
  slack_configs: [{{api_url: "http://127.0.0.1:{http}/slack", channel: "#alerts", send_resolved: true}}]
  email_configs:
  - to: oncall@example.org
    from: anyascope@example.org
    smarthost: 127.0.0.1:{mail}
    auth_username: u
    auth_password: p
    tls_config: {{insecure_skip_verify: true}}
    send_resolved: true
"""
)
WITHIN_S = 150.0  # a channel that failed again and again is tried once a minute, and a sender that failed as rarely
MAIL_OPTIONS = ("--starttls", "--require-tls", "--auth", "u:p")


@contextlib.contextmanager
def custody_service(endpoint: str, folder: Path) -> Iterator[str]:
    """The example service with its own load, pushing twice a second."""
    service = CustodyProcess("all", folder, endpoint, ("--load", "10"))
    try:
        yield service.start().url
    finally:
        service.stop()


def alerts(server: ServerProcess, state: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{server.url}/api/anyascope/v1/alerts", params={"state": state}).json()["alerts"]
    return [alert for alert in found if alert["name"] == "SigningFailed"]


def pushes_arrive(server: ServerProcess) -> bool:
    """Whether the service's counter came several times in the last seconds."""
    query = 'min(count_over_time(anya_hsm_operations_total{status="error"}[10s])) > 3'
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": query}).json()
    return bool(answer["data"]["result"])


def told(sink: Sink, path: str) -> list[dict[str, Any]]:
    """Bodies that the sink accepted at this path."""
    return [json.loads(r["body"]) for r in sink.records() if r["path"] == path and str(r["answer"]).startswith("200")]


def mails(sink: Sink, subject: str) -> list[dict[str, Any]]:
    return [record for record in sink.records() if str(record["subject"]).startswith(subject)]


@pytest.mark.long
@pytest.mark.parametrize("is_killed", [False, True], ids=["undisturbed", "killed between firing and delivery"])
def test_a_failure_is_told_once_and_so_is_its_end(tmp_path: Path, *, is_killed: bool) -> None:
    """Slack, webhook and e-mail each say once that signing failed and once that it works again, also across kill -9."""
    http_port, mail_port = free_port(), free_port()
    (tmp_path / "rules.yml").write_text(RULES)
    server = ServerProcess(tmp_path, config=CONFIG.format(http=http_port, mail=mail_port))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: server.kill() if server.is_running else None)
        server.start()
        receiver = f"http://{server.face('otlp_http')}"
        if is_killed:
            # The service must find the server again after its restart: the main address would be another one.
            port = free_port()
            config = CONFIG.replace("otlp_http: 127.0.0.1:0", f"otlp_http: 127.0.0.1:{port}")
            server.stop()
            server.config_file.write_text(config.format(http=http_port, mail=mail_port))
            server.start()
            receiver = f"http://127.0.0.1:{port}"
        else:
            hooks = stack.enter_context(http_sink(tmp_path / "http.jsonl", port=http_port))
            post = stack.enter_context(mail_sink(tmp_path / "mail.jsonl", *MAIL_OPTIONS, port=mail_port))
        service = stack.enter_context(custody_service(receiver, tmp_path / "custody"))

        httpx.put(f"{service}/failures", json={"part": "signer"}).raise_for_status()
        eventually(lambda: alerts(server, "firing"), within_s=WITHIN_S, what="the alert fires")
        if is_killed:
            server.kill()
            hooks = stack.enter_context(http_sink(tmp_path / "http.jsonl", port=http_port))
            post = stack.enter_context(mail_sink(tmp_path / "mail.jsonl", *MAIL_OPTIONS, port=mail_port))
            server.start()
            # Senders wait longer and longer for a server that is away. A gap of theirs is no end of the failure.
            eventually(lambda: pushes_arrive(server), within_s=WITHIN_S, what="the service has found the server again")
        eventually(lambda: told(hooks, "/hook") and told(hooks, "/slack") and mails(post, "[FIRING"), within_s=WITHIN_S)

        httpx.delete(f"{service}/failures").raise_for_status()
        eventually(
            lambda: len(told(hooks, "/hook")) > 1 and len(told(hooks, "/slack")) > 1, within_s=WITHIN_S, what="the end"
        )
        eventually(lambda: mails(post, "[RESOLVED"), within_s=WITHIN_S, what="the end by mail")
        time.sleep(2)  # long enough for a second telling, were there one

    assert [body["status"] for body in told(hooks, "/hook")] == ["firing", "resolved"]
    assert len(mails(post, "[FIRING")) == len(mails(post, "[RESOLVED")) == 1
    firing, _ = told(hooks, "/slack")
    alert_id = firing["attachments"][0]["fields"][3]["value"]
    ts = firing["attachments"][0]["ts"]
    assert isinstance(ts, int)
    assert firing == {
        "channel": "#alerts",
        "username": "Anya Core Alerts",
        "icon_emoji": ":warning:",
        "attachments": [
            {
                "color": "#FF0000",
                "title": "[🚨] Signing failed",
                "text": "The signer of custody refuses to sign.",
                "fields": [
                    {"title": "Severity", "value": "critical", "short": True},
                    {"title": "Category", "value": "security", "short": True},
                    {"title": "Source", "value": "hsm", "short": True},
                    {"title": "Alert ID", "value": alert_id, "short": True},
                ],
                "ts": ts,
            }
        ],
    }
