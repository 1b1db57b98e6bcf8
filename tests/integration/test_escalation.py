"""The real program escalates across `kill -9`, and a link from a real e-mail acknowledges once and only once."""

from __future__ import annotations

import email
import email.policy
import json
import re

import httpx
import pytest

from support.server import ServerProcess, eventually
from support.sinks import http_sink, mail_sink

CONFIG = """
server: {{external_url: 'http://127.0.0.1:1/anya'}}
receive: {{otlp_grpc: 127.0.0.1:0, otlp_http: 127.0.0.1:0}}
rules: {{default_pack: false}}
escalation_policies:
  - name: signing
    severities: [critical]
    levels: [{{channels: [team]}}, {{delay: 20s, channels: [night]}}]
global: {{smtp_smarthost: '127.0.0.1:{mail}', smtp_from: 'anyascope@example.test', smtp_require_tls: true,
  smtp_tls_config: {{insecure_skip_verify: true}}}}
route: {{receiver: team, group_by: [alertname]}}
receivers:
- name: team
  email_configs: [{{to: 'ops@example.test'}}]
- name: night
  webhook_configs: [{{url: 'http://127.0.0.1:{http}/night'}}]
"""
ALERT = {"labels": {"alertname": "SigningFailed", "severity": "critical"}, "annotations": {"summary": "Signing failed"}}


@pytest.mark.long
def test_the_next_level_is_called_after_kill_9_and_a_link_acknowledges_once(tmp_path):
    """The mail leaves, the process is killed, the second level is called in the next life; the mail's link then acts once."""
    with http_sink(tmp_path / "http.jsonl") as http, mail_sink(tmp_path / "mail.jsonl", "--starttls") as mail:
        server = ServerProcess(tmp_path, config=CONFIG.format(mail=mail.port, http=http.port))
        try:
            server.start()
            assert httpx.post(f"{server.url}/api/v2/alerts", json=[ALERT]).status_code == 200
            (sent,) = eventually(mail.records, what="the mail")
            eventually(lambda: is_on_record(server, "team"), what="the mail's receipt")
            assert http.records() == []  # the next level's time is long after the kill, also of a slow machine
            server.kill()
            server.start()
            (called,) = eventually(http.records, what="the second level")
            assert json.loads(called["body"])["notification_reason"] == "escalation level reached"
            eventually(lambda: is_on_record(server, "night"), what="the call's receipt")
            link = acknowledge_link(sent)
            page = httpx.get(server.url + link)
            assert (page.status_code, page.text.count("<button>")) == (200, 1)
            assert httpx.post(server.url + link, data={"by": "ann"}).status_code == 200
            server.kill()
            server.start()
            again = httpx.post(server.url + link, data={"by": "bob"})
            assert (again.status_code, "By ann" in again.text) == (409, True)
            assert httpx.get(server.url + link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 403
            (alert,) = httpx.get(f"{server.url}/api/anyascope/v1/alerts").json()["alerts"]
            assert alert["acknowledgement"]["by"] == "ann"
            assert alert["escalation"] == {"level": 1, "levels": 2, "next_at": None, "is_stopped": True}
            assert len(mail.records()) == len(http.records()) == 1
        finally:
            if server.is_running:
                server.kill()


def is_on_record(server: ServerProcess, receiver: str) -> bool:
    """Whether the journal has the receipt; a kill before that sends again, as it must."""
    answer = httpx.get(f"{server.url}/api/anyascope/v1/notifications", params={"receiver": receiver}).json()
    return [entry["status"] for entry in answer["notifications"]] == ["sent"]


def acknowledge_link(record: dict) -> str:
    """The path of the link in a mail's text."""
    message = email.message_from_string(record["raw"], policy=email.policy.default)
    text = message.get_body(("plain",)).get_content()
    return re.search(r"Acknowledge: http://127\.0\.0\.1:1/anya(/r/[\w-]+)", text).group(1)
