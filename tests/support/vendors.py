"""Every kind of channel over HTTP, with options that reach a far end on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from anyascope.model.channels.base import ChannelOptions
from anyascope.model.channels.discord import DiscordOptions
from anyascope.model.channels.incidentio import IncidentioOptions
from anyascope.model.channels.jira import JiraOptions
from anyascope.model.channels.mattermost import MattermostOptions
from anyascope.model.channels.msteams import MsteamsOptions
from anyascope.model.channels.msteamsv2 import Msteamsv2Options
from anyascope.model.channels.opsgenie import OpsgenieOptions
from anyascope.model.channels.pagerduty import PagerdutyOptions
from anyascope.model.channels.phone import PhoneMode, PhoneOptions, TwilioAccount
from anyascope.model.channels.pushover import PushoverOptions
from anyascope.model.channels.rocketchat import RocketchatOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.sns import Sigv4Options, SnsOptions
from anyascope.model.channels.telegram import TelegramOptions
from anyascope.model.channels.victorops import VictoropsOptions
from anyascope.model.channels.webex import WebexOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.channels.wechat import WechatOptions
from anyascope.model.http import Authorization, HttpOptions
from anyascope.model.secret import Secret

KEY = "key-that-nobody-may-see"

# What every vendor's API would call well.
WELL = json.dumps(
    {"success": True, "ok": True, "errcode": 0, "access_token": KEY, "expires_in": 7200, "issues": [], "status": "ok"}
).encode()


@dataclass(frozen=True)
class VendorKind:
    """A kind of channel.

    Attributes:
        make: options for a far end at a base address.
        refusals: statuses that are final.
        calls: requests that one firing notification takes.
    """

    name: str
    make: Callable[..., ChannelOptions]
    refusals: tuple[int, ...] = (400, 401, 403, 404, 410)
    calls: int = 1

    def options(self, url: str, *, timeout_s: float = 30.0, **http: Any) -> ChannelOptions:
        return self.make(url, timeout_s=timeout_s, http=HttpOptions(**http))


def _secret_url(kind: type, name: str, **more: Any) -> Callable[..., ChannelOptions]:
    return lambda url, **shared: kind(**{name: Secret(f"{url}/hooks/{KEY}")}, **more, **shared)


def _authorized(http: HttpOptions) -> HttpOptions:
    return http if http.basic_auth is not None else replace(http, authorization=Authorization(Secret(KEY)))


def _webex(url: str, *, http: HttpOptions, timeout_s: float) -> ChannelOptions:
    return WebexOptions(room_id="room-1", api_url=f"{url}/v1/messages", timeout_s=timeout_s, http=_authorized(http))


def _jira(url: str, *, http: HttpOptions, timeout_s: float) -> ChannelOptions:
    return JiraOptions(
        api_url=f"{url}/rest/api/2",
        project="OPS",
        issue_type="Bug",
        labels=("alert", "{{ .CommonLabels.severity }}"),
        fields={"customfield_1": {"value": "{{ .CommonLabels.wallet }}"}, "customfield_2": "{{ len .Alerts }}"},
        resolve_transition="Done",
        reopen_transition="Reopen",
        reopen_duration_s=3600.0,
        wont_fix_resolution="Won't Fix",
        timeout_s=timeout_s,
        http=_authorized(http),
    )


def _sns(url: str, **shared: Any) -> ChannelOptions:
    return SnsOptions(
        sigv4=Sigv4Options(region="eu-west-1", access_key="AKIDEXAMPLE", secret_key=Secret(KEY)),
        texts={"api_url": f"{url}/", "topic_arn": "arn:aws:sns:eu-west-1:123456789012:pages"},
        attributes={"severity": "{{ .CommonLabels.severity }}"},
        **shared,
    )


def _twilio(mode: PhoneMode) -> Callable[..., ChannelOptions]:
    def make(url: str, **shared: Any) -> ChannelOptions:
        account = TwilioAccount("AC" + "0" * 32, Secret(KEY), "+41440000000", api_url=url)
        return PhoneOptions(("+41440000001",), mode, account, **shared)

    return make


VENDORS = [
    VendorKind("webhook", _secret_url(WebhookOptions, "url")),
    VendorKind("slack", _secret_url(SlackOptions, "api_url", channel="#ops")),
    VendorKind(
        "pagerduty",
        lambda url, **shared: PagerdutyOptions(routing_key=Secret(KEY), url=f"{url}/v2/enqueue", **shared),
    ),
    VendorKind(
        "pagerduty-v1",
        lambda url, **shared: PagerdutyOptions(service_key=Secret(KEY), v1_url=f"{url}/create_event.json", **shared),
        refusals=(400, 401, 404),
    ),
    VendorKind(
        "opsgenie",
        lambda url, **shared: OpsgenieOptions(
            api_key=Secret(KEY),
            api_url=f"{url}/",
            responders=({"name": "{{ .CommonLabels.component }},sre", "type": "teams"}, {"name": "", "type": "user"}),
            details={"wallet": "{{ .CommonLabels.wallet }}"},
            update_alerts=True,
            texts={"tags": "a,,b", "priority": "P1"},
            **shared,
        ),
        calls=3,
    ),
    VendorKind(
        "pushover",
        lambda url, **shared: PushoverOptions(
            user_key=Secret("user-that-nobody-may-see"), token=Secret(KEY), url=f"{url}/1/messages.json", **shared
        ),
    ),
    VendorKind(
        "telegram",
        lambda url, **shared: TelegramOptions(bot_token=Secret(KEY), chat_id=Secret("-100123"), api_url=url, **shared),
    ),
    VendorKind("discord", _secret_url(DiscordOptions, "webhook_url", username="anyascope")),
    VendorKind("msteams", _secret_url(MsteamsOptions, "webhook_url")),
    VendorKind("msteamsv2", _secret_url(Msteamsv2Options, "webhook_url")),
    VendorKind("webex", _webex),
    VendorKind("sns", _sns),
    VendorKind(
        "victorops",
        lambda url, **shared: VictoropsOptions(
            api_key=Secret(KEY),
            routing_key="{{ .CommonLabels.component }}",
            api_url=f"{url}/alert/",
            custom_fields={"wallet": "{{ .CommonLabels.wallet }}"},
            **shared,
        ),
    ),
    VendorKind(
        "wechat",
        lambda url, **shared: WechatOptions(
            api_secret=Secret(KEY), corp_id="corp", api_url=f"{url}/cgi-bin/", texts={"to_user": "@all"}, **shared
        ),
        refusals=(),
        calls=2,
    ),
    VendorKind("jira", _jira, calls=2),
    VendorKind(
        "rocketchat",
        lambda url, **shared: RocketchatOptions(
            token=Secret(KEY),
            token_id=Secret("token-id-nobody-may-see"),
            api_url=url,
            texts={"channel": "#ops"},
            fields=({"title": "Wallet", "value": "{{ .CommonLabels.wallet }}", "short": None},),
            actions=({"text": "Runbook", "url": "{{ .ExternalURL }}/r"},),
            **shared,
        ),
    ),
    VendorKind(
        "mattermost",
        _secret_url(
            MattermostOptions,
            "webhook_url",
            texts={"priority": "Urgent"},
            requested_ack=True,
            attachments=({"title": "{{ .CommonLabels.alertname }}", "fields": ()},),
        ),
    ),
    VendorKind("phone-gateway", _secret_url(PhoneOptions, "url", numbers=("+41440000001",))),
    VendorKind("phone-call", _twilio(PhoneMode.CALL)),
    VendorKind("phone-sms", _twilio(PhoneMode.SMS)),
    VendorKind("incidentio", _secret_url(IncidentioOptions, "url", alert_source_token=Secret(KEY))),
]
