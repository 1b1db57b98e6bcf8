"""What vendors are told, beside the real Alertmanager with the same configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.clock import SystemClock
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, Notification, NotificationReason, NotifiedAlert
from anyascope.notify.channels.registry import build_channels
from anyascope.notify.templates import load_templates
from anyascope.wire.alertmanager import time_ns
from support.alertmanager import real_alertmanager
from support.scripted_end import Say, scripted_end
from support.server import eventually

# Requests of one notification: OpsGenie takes three and then one, WeChat and Jira two and then one.
REQUESTS_FIRED, REQUESTS_ENDED = 18, 14
# What differs on purpose: a FIFO topic would drop upstream's resolve, and Alertmanager has `routeLabels` from 0.34 on.
TOLD_OTHERWISE = {"MessageDeduplicationId", "routeLabels"}

CONFIG = """
global:
  opsgenie_api_key: og-key
  opsgenie_api_url: {url}/opsgenie/
  wechat_api_url: {url}/wechat/
  wechat_api_secret: wc-secret
  wechat_api_corp_id: corp
route: {{receiver: all, group_by: [alertname], group_wait: 50ms, group_interval: 1s}}
templates: [{folder}/*.tmpl]
receivers:
- name: all
  webhook_configs: [{{url: '{url}/webhook'}}]
  pagerduty_configs:
  - routing_key: pd-key
    url: {url}/pagerduty
    severity: '{{{{ .CommonLabels.severity }}}}'
    class: c
    component: '{{{{ .CommonLabels.job }}}}'
    details: {{note: '{{{{ .CommonAnnotations.summary }}}}', count: '{{{{ len .Alerts }}}}', deep: {{list: ['{{{{ .Status }}}}', 3]}}}}
    links: [{{href: '{{{{ .ExternalURL }}}}', text: t}}, {{href: '', text: none}}]
    images: [{{src: 'http://i/', alt: a, href: h}}]
  opsgenie_configs:
  - tags: 'a,b'
    note: n
    priority: P2
    details: {{extra: '{{{{ .Receiver }}}}'}}
    update_alerts: true
    responders: [{{name: 'x,y', type: teams}}, {{username: u, type: user}}]
  telegram_configs:
  - {{bot_token: '1:tg', chat_id: -7, api_url: '{url}/telegram'}}
  discord_configs:
  - {{webhook_url: '{url}/discord', username: am, avatar_url: 'http://a/', content: hello}}
  msteams_configs: [{{webhook_url: '{url}/msteams'}}]
  msteamsv2_configs: [{{webhook_url: '{url}/msteamsv2'}}]
  webex_configs:
  - {{room_id: r, api_url: '{url}/webex', http_config: {{authorization: {{credentials: wx-token}}}}}}
  sns_configs:
  - api_url: {url}/sns/
    topic_arn: arn:aws:sns:us-east-2:123456789012:pages.fifo
    sigv4: {{region: us-east-2, access_key: AKID, secret_key: sk}}
    attributes: {{severity: '{{{{ .CommonLabels.severity }}}}'}}
  victorops_configs:
  - {{api_key: vo-key, routing_key: ops, api_url: '{url}/victorops/', custom_fields: {{job: '{{{{ .CommonLabels.job }}}}'}}}}
  wechat_configs: [{{to_user: '@all', agent_id: '1', send_resolved: true}}]
  jira_configs:
  - api_url: {url}/jira/rest/api/2
    project: OPS
    issue_type: Bug
    labels: [z, '{{{{ .CommonLabels.severity }}}}']
    fields: {{customfield_1: {{value: red}}, customfield_2: '{{{{ len .Alerts }}}}', customfield_3: [{{value: a}}]}}
  rocketchat_configs:
  - api_url: {url}/rocketchat
    token: rc-token
    token_id: rc-id
    channel: '#ops'
    send_resolved: true
    fields: [{{title: Job, value: '{{{{ .CommonLabels.job }}}}'}}]
    actions: [{{text: Look, url: '{{{{ .ExternalURL }}}}'}}]
  incidentio_configs: [{{url: '{url}/incidentio', alert_source_token: io-token}}]
"""
WELL = {
    "success": True,
    "ok": True,
    "errcode": 0,
    "access_token": "wc-token",
    "expires_in": 7200,
    "issues": [],
    "result": {"message_id": 1, "chat": {"id": -7}},
}
HEADERS = ("content-type", "authorization", "x-auth-token", "x-user-id")


def told(heard):
    """The requests by kind: method, path, query, headers that the vendor looks at, and the body as values."""
    found = {}
    for one in heard:
        parts = urlsplit(one.path)
        kind = parts.path.split("/")[1]
        text = one.body.decode()
        is_form = "urlencoded" in one.header("content-type")
        body = dict(parse_qsl(text, keep_blank_values=True)) if is_form else json.loads(text) if text else None
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name not in TOLD_OTHERWISE}
        if kind == "telegram":  # upstream's library writes all values as texts, and false ones not at all
            body = {name: str(value).replace("True", "true") for name, value in body.items() if value is not False}
        headers = {name: one.header(name) for name in HEADERS if name == "authorization" or one.body}
        if headers["authorization"].startswith("AWS4"):
            headers["authorization"] = headers["authorization"].partition("/")[0]
        headers["content-type"] = headers.get("content-type", "").partition(";")[0]
        request = (one.method, parts.path, sorted(parse_qsl(parts.query)), headers, body)
        found.setdefault(kind, [])
        if request not in found[kind]:
            found[kind].append(request)
    return found


def notification_of(message):
    """The notification that Alertmanager's own webhook told."""
    alerts = tuple(
        NotifiedAlert(
            fingerprint=alert["fingerprint"],
            is_firing=alert["status"] == "firing",
            labels=labels_of(alert["labels"]),
            annotations=alert["annotations"],
            starts_ns=time_ns(alert["startsAt"]),
            ends_ns=0 if alert["status"] == "firing" else time_ns(alert["endsAt"]),
            generator_url=alert["generatorURL"],
        )
        for alert in message["alerts"]
    )
    is_firing = message["status"] == "firing"
    return Notification(
        id="018bcfe568007000800000000000abcd",
        created_ns=0,
        receiver="all",
        channel="",
        integration="",
        group_key=message["groupKey"],
        reason=NotificationReason.FIRST if is_firing else NotificationReason.ALL_RESOLVED,
        alerts=alerts,
        group_labels=labels_of(message["groupLabels"]),
        external_url=message["externalURL"],
    )


async def tell(channels, notification):
    for key, channel in channels.items():
        done: frozenset[str] = frozenset()
        while True:
            outcome = await channel.send(notification, done=done)
            assert outcome.kind is AttemptOutcome.OK, (key, outcome)
            done |= frozenset(outcome.parts_done)
            if not outcome.is_more:
                break


def _post(url, alerts):
    httpx.post(url, json=alerts).raise_for_status()


def _count(requests):
    return sum(map(len, requests.values()))


@pytest.mark.long
async def test_vendors_are_told_what_alertmanager_tells_them(tmp_path):
    """The same requests to every vendor whose address can be set: fired and resolved, paths, keys and bodies."""
    (tmp_path / "shared.tmpl").write_text('{{ define "__alertmanager" }}Watch{{ end }}')
    with scripted_end() as end:
        end.otherwise = Say(200, json.dumps(WELL).encode(), (("Content-Type", "application/json"),))
        config = CONFIG.format(url=end.url, folder=tmp_path)
        options = read_alertmanager_file(config, file=str(tmp_path / "am.yml"))
        clock = SystemClock()
        templates = load_templates(options.templates, now_ns=clock.now_ns)
        channels = build_channels(options.receivers.values(), templates=templates, clock=clock)
        now = datetime.now(UTC)
        alert = {
            "labels": {"alertname": "Down", "job": "a<b>", "severity": "critical"},
            "annotations": {"summary": 'It is "down" & out', "runbook": "look"},
            "startsAt": now.isoformat(),
            "generatorURL": "http://p.test/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        }
        with real_alertmanager(tmp_path, settings=config) as url:
            for is_firing in (True, False):
                ends = {} if is_firing else {"endsAt": (now + timedelta(milliseconds=1)).isoformat()}
                end.says()
                _post(f"{url}/api/v2/alerts", [alert | ends])
                wanted = REQUESTS_FIRED if is_firing else REQUESTS_ENDED
                eventually(lambda: _count(told(list(end.heard))) >= wanted, what="requests")  # noqa: B023
                theirs = told(list(end.heard))
                end.says()
                message = theirs.pop("webhook")[0][4]
                await tell(channels, notification_of(message))
                mine = told(list(end.heard))
                mine.pop("webhook")
                other = {kind: (mine.get(kind), theirs[kind]) for kind in theirs if mine.get(kind) != theirs[kind]}
                assert other == {}, f"told otherwise when {'fired' if is_firing else 'resolved'}: {other}"
