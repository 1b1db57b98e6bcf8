"""A real server, its control state in PostgreSQL, with channels that are down, phones, buttons and heartbeats; and killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from support.ports import free_port
from support.postgres import running_postgres
from support.server import QUIET_CONFIG, ServerProcess, eventually
from support.sinks import http_sink

SID, TOKEN, SECRET = "AC" + "1" * 32, "a-token-of-twilios", "a-secret-of-slacks"
BASE = "https://alerts.example.test"
WAITING = "SELECT count(*) FROM documents WHERE kind = 'outbox'"
CONFIG = """
storage: {{documents: '{database}'}}
global: {{resolve_timeout: 1h}}
route: {{receiver: team, group_by: [alertname], group_wait: 0s, routes: [{{matchers: [page="phone"], receiver: phone}}]}}
receivers:
- name: team
  slack_configs: [{{api_url: 'http://127.0.0.1:{slack}/hook', channel: '#ops', signing_secret: {secret}, send_resolved: true}}]
- name: oncall
  webhook_configs: [{{url: 'http://127.0.0.1:{sink}/oncall'}}]
- name: phone
  phone_configs:
  - to: ['+41440000001']
    callback_url: '{base}'
    twilio: {{account_sid: {sid}, auth_token: {token}, from: '+41440000000', api_url: 'http://127.0.0.1:{sink}'}}
notify: {{fallbacks: {{team: oncall}}}}
watchdog: {{url: 'http://127.0.0.1:{sink}/ping', interval: 5s, timeout: 2s}}
heartbeats: [{{name: backup, period: 2s, grace: 0s, key: k1}}]
"""


class Client:
    """What is asked of the server."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def own(self, path: str):
        return httpx.get(f"{self.server.url}/api/anyascope/v1{path}", timeout=60).json()

    def fire(self, **labels: str) -> None:
        posted = [
            {"labels": {"severity": "critical", **labels}, "annotations": {"summary": f"{labels['alertname']} fails"}}
        ]
        httpx.post(f"{self.server.url}/api/v2/alerts", json=posted, timeout=60).raise_for_status()

    def alert(self, name: str):
        return next(one for one in self.own("/alerts")["alerts"] if one["name"] == name)

    def channel(self, key: str):
        return {one["key"]: one for one in self.own("/channels")["channels"]}[key]

    def call_back(self, path: str, form: dict[str, str]) -> httpx.Response:
        signature = RequestValidator(TOKEN).compute_signature(f"{BASE}{path}", form)
        return httpx.post(f"{self.server.url}{path}", data=form, headers={"X-Twilio-Signature": signature}, timeout=60)

    def press(self, alert_id: str) -> httpx.Response:
        action = {"action_id": "anyascope_acknowledge", "value": alert_id}
        payload = {"type": "block_actions", "user": {"username": "anna"}, "actions": [action]}
        body, now = urlencode({"payload": json.dumps(payload)}), str(int(time.time()))
        digest = hmac.new(SECRET.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Signature": f"v0={digest}", "X-Slack-Request-Timestamp": now}
        return httpx.post(f"{self.server.url}/callbacks/slack", content=body, headers=headers, timeout=60)


def heard(sink, path):
    return [record for record in sink.records() if record["path"].startswith(path)]


@pytest.mark.long
def test_a_page_reaches_somebody_whatever_is_down(tmp_path):
    """Slack down: the fallback at once; a phone that is answered by a key; a kill; Slack back: told, and answered there."""
    slack_port = free_port()
    with running_postgres() as postgres, http_sink(tmp_path / "sink.jsonl") as sink:
        config = QUIET_CONFIG + CONFIG.format(
            database=postgres.emptied(),
            slack=slack_port,
            sink=sink.port,
            secret=SECRET,
            base=BASE,
            sid=SID,
            token=TOKEN,
        )
        server = ServerProcess(tmp_path, config=config)
        try:
            server.start()
            ask = Client(server)
            assert eventually(lambda: heard(sink, "/ping"), what="the watchdog")
            assert httpx.post(f"{server.url}/heartbeats/backup?key=k1", timeout=60).status_code == 200

            ask.fire(alertname="SignerDown", component="hsm-1")
            (told,) = eventually(
                lambda: [one for one in heard(sink, "/oncall") if "SignerDown" in one["body"]], what="the fallback"
            )
            (alert,) = json.loads(told["body"])["alerts"]
            assert alert["annotations"]["delivery_notice"] == "You are told because team/slack/0 cannot be reached."
            eventually(lambda: ask.channel("team/slack/0")["state"] == "open", what="Slack is known to be down")

            ask.fire(alertname="VaultOpen", component="vault", page="phone")
            (call,) = eventually(lambda: heard(sink, "/2010-04-01/"), what="the call")
            form = parse_qs(call["body"])
            action = re.search(r'action="https://alerts\.example\.test([^"]+)"', form["Twiml"][0])[1]
            assert ask.call_back(action + "x", {"Digits": "1"}).status_code == 404
            assert "1 alert acknowledged" in ask.call_back(action, {"Digits": "1"}).text
            assert ask.alert("VaultOpen")["acknowledgement"]["by"] == "+41440000001 (phone)"
            eventually(lambda: ask.channel("phone/phone/0")["waiting"] == 0, what="the call's end")

            assert eventually(lambda: ask.alert("HeartbeatMissed")["state"] == "firing", what="the missed heartbeat")
            server.kill()
            server.start()
            with http_sink(tmp_path / "slack.jsonl", port=slack_port) as slack:
                message = eventually(
                    lambda: [one for one in slack.records() if "SignerDown" in one["body"]], within_s=180, what="Slack"
                )[0]
                assert "anyascope_acknowledge" in message["body"]
                alert_id = ask.alert("SignerDown")["id"]
                assert ask.press(alert_id).status_code == 200
                assert ask.alert("SignerDown")["acknowledgement"]["by"] == "anna (Slack)"
                assert eventually(
                    lambda: ask.channel("team/slack/0")["state"] == "healthy", what="a channel that is well"
                )

                def beats() -> bool:
                    """It has to come every two seconds."""
                    httpx.post(f"{server.url}/heartbeats/backup?key=k1", timeout=60).raise_for_status()
                    return ask.alert("HeartbeatMissed")["state"] == "resolved"

                eventually(beats, what="the heartbeat's end")
                eventually(lambda: postgres.run(WAITING) == [[0]], what="nothing waits to be sent")
            ids = {
                dict(one["headers"])["Idempotency-Key"] for one in heard(sink, "/oncall") if "SignerDown" in one["body"]
            }
            assert len(ids) == 1
            assert len(heard(sink, "/2010-04-01/")) == 1
        finally:
            if server.is_running:
                server.kill()
