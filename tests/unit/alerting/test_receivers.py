"""Receivers of vendors as Alertmanager's configuration has them: every field, and upstream's message for each mistake."""

from __future__ import annotations

import pytest

from anyascope.alerting.receivers.registry import KINDS
from anyascope.alerting.settings import read_alertmanager_file
from anyascope.clock import ManualClock
from anyascope.model.secret import SecretFile
from anyascope.notify.channels.registry import build_channels
from anyascope.notify.tally import CHANNELS
from anyascope.notify.templates import load_templates
from anyascope.wire.settings import SettingsError

HEAD = "route: {receiver: a}\nreceivers:\n- name: a\n"


def read(kind, entry, shared="{}"):
    text = f"global: {shared}\n{HEAD}  {kind}_configs:\n  - {entry}\n"
    return read_alertmanager_file(text, file="am.yml").receivers["a"].integrations[0]


WHOLE = {
    "pagerduty": "{routing_key: k, url: 'http://x/', client: c, client_url: u, description: d, details: {a: [1, {b: c}]}, "
    "images: [{src: s, alt: a, href: h}], links: [{href: h, text: t}], source: s, severity: e, class: c, component: p, "
    "group: g, timeout: 5s}",
    "opsgenie": "{api_key: k, api_url: 'http://x', message: m, description: d, source: s, details: {a: b}, entity: e, "
    "responders: [{name: n, type: Team}, {id: i, type: '{{ .Status }}'}], actions: a, tags: t, note: n, priority: P1, "
    "update_alerts: true}",
    "pushover": "{user_key: u, token_file: t, title: t, message: m, url: u, url_title: t, device: d, sound: s, priority: '1', "
    "retry: 1m, expire: 1h, ttl: 5m, html: true}",
    "telegram": "{api_url: 'http://x', bot_token_file: f, chat_id: -1001234567890123, message_thread_id: 4, message: m, "
    "disable_notifications: true, parse_mode: MarkdownV2, timeout: 3s}",
    "discord": "{webhook_url: 'http://x/', content: c, title: t, message: m, username: u, avatar_url: a}",
    "msteams": "{webhook_url: 'http://x/', title: t, summary: s, text: t}",
    "msteamsv2": "{webhook_url_file: f, title: t, text: t}",
    "webex": "{api_url: 'http://x/', message: m, room_id: r, http_config: {authorization: {credentials: c}}}",
    "sns": "{api_url: u, sigv4: {region: r, access_key: a, secret_key: s, profile: p, role_arn: r}, topic_arn: t, subject: s, "
    "message: m, attributes: {a: b}, use_aws_http_client: true}",
    "victorops": "{api_key: k, api_url: 'http://x', routing_key: r, message_type: INFO, state_message: s, "
    "entity_display_name: e, monitoring_tool: m, custom_fields: {a: b}}",
    "wechat": "{api_secret: s, corp_id: c, message: m, api_url: 'http://x', to_user: u, to_party: p, to_tag: t, agent_id: a, "
    "message_type: markdown}",
    "jira": "{api_url: 'http://x/rest/api/2', api_type: cloud, project: p, summary: {template: s, enable_update: false}, "
    "description: d, labels: {values: [a], enable_update: false}, priority: p, issue_type: b, reopen_transition: r, "
    "resolve_transition: d, wont_fix_resolution: w, reopen_duration: 1h, fields: {customfield_1: {value: red}}}",
    "rocketchat": "{api_url: 'http://x', token: t, token_id_file: f, channel: c, color: c, title: t, title_link: l, text: t, "
    "fields: [{title: t, value: v, short: true}], short_fields: true, emoji: e, icon_url: i, image_url: i, thumb_url: t, "
    "link_names: true, actions: [{type: button, text: t, url: u, msg: m}]}",
    "mattermost": "{webhook_url: 'http://x/', channel: c, username: u, text: t, fallback: f, color: c, pretext: p, "
    "author_name: n, author_link: l, author_icon: i, title: t, title_link: l, fields: [{title: t, value: v}], thumb_url: t, "
    "footer: f, footer_icon: i, image_url: i, icon_url: i, icon_emoji: e, attachments: [{title: t, fields: [{title: t, "
    "value: v, short: true}]}], type: t, props: {card: c}, priority: {priority: urgent, requested_ack: true, "
    "persistent_notifications: true}}",
    "incidentio": "{url: 'http://x/', alert_source_token: t, max_alerts: 3, timeout: 2s}",
}
IS_RESOLVED_SENT = {"slack": False, "email": False, "wechat": False, "rocketchat": False}


def test_every_field_of_every_kind_is_read():
    """Each kind takes all of upstream's fields, says by itself whether it tells of ends, and a channel is built for it."""
    for kind, entry in WHOLE.items():
        integration = read(kind, entry)
        assert integration.key == f"a/{kind}/0"
        assert integration.send_resolved is IS_RESOLVED_SENT.get(kind, True), kind
        assert read(kind, entry[:-1] + ", send_resolved: false}").send_resolved is False
        options = read_alertmanager_file(f"{HEAD}  {kind}_configs: [{entry}]\n", file="am.yml")
        built = build_channels(
            options.receivers.values(), templates=load_templates((), now_ns=lambda: 0), clock=ManualClock()
        )
        assert list(built) == [f"a/{kind}/0"]


def test_what_is_read():
    """The fields that are no plain texts."""
    pagerduty = read("pagerduty", WHOLE["pagerduty"]).options
    assert (pagerduty.details, pagerduty.timeout_s) == ({"a": [1, {"b": "c"}]}, 5.0)
    opsgenie = read("opsgenie", WHOLE["opsgenie"]).options
    assert (opsgenie.api_url, opsgenie.responders[0]["type"]) == ("http://x/", "team")
    telegram = read("telegram", WHOLE["telegram"]).options
    assert isinstance(telegram.bot_token, SecretFile)
    assert telegram.chat_id.reveal() == "-1001234567890123"
    jira = read("jira", WHOLE["jira"]).options
    assert (jira.kept, jira.texts["summary"], jira.labels) == ({"summary", "labels"}, "s", ("a",))
    assert jira.reopen_duration_s == 3600.0
    mattermost = read("mattermost", WHOLE["mattermost"]).options
    assert (mattermost.texts["priority"], mattermost.texts["card"], mattermost.requested_ack) == ("urgent", "c", True)
    assert read("jira", "{project: p, issue_type: b, labels: [a, b]}", "{jira_api_url: 'http://x'}").options.labels == (
        "a",
        "b",
    )


def test_global_is_inherited():
    """What an entry does not say is that of `global`."""
    shared = (
        "{opsgenie_api_key: k, victorops_api_key: k, wechat_api_secret: s, wechat_api_corp_id: c, telegram_bot_token: t, "
        "rocketchat_token: t, rocketchat_token_id: i, mattermost_webhook_url: 'http://m/', jira_api_url: 'http://j/'}"
    )
    entries = {
        "opsgenie": "{}", "victorops": "{routing_key: r}", "wechat": "{}", "telegram": "{chat_id: 1}", "rocketchat": "{}",
        "mattermost": "{}", "jira": "{project: p, issue_type: b}",
    }  # fmt: skip
    for kind, entry in entries.items():
        assert read(kind, entry, shared).kind == kind


@pytest.mark.parametrize(
    ("kind", "entry", "message"),
    [
        ("slack", "{api_url: 'http://x/', update_message: true}",
         "update_message can only be used with bot tokens. api_url must be set to https://slack.com/api/chat.postMessage"),
        ("email", "{to: a@x, from: b@x, smarthost: 'x:25', headers: {references: r}, threading: {enabled: true, thread_by_date: none}}",
         "conflicting configuration: threading.enabled conflicts with custom References header"),
        ("pagerduty", "{}", "missing service or routing key in PagerDuty config"),
        ("pagerduty", "{routing_key: a, routing_key_file: b}",
         "at most one of routing_key & routing_key_file must be configured"),
        ("opsgenie", "{}", "no global OpsGenie API Key set either inline or in a file"),
        ("opsgenie", "{api_key: k, responders: [{type: team}]}",
         "opsGenieConfig responder {   team} has to have at least one of id, username or name specified"),
        ("opsgenie", "{api_key: k, responders: [{id: i, type: wrong}]}",
         "opsGenieConfig responder {i   wrong} type does not match valid options ^(team|teams|user|escalation|schedule)$"),
        ("pushover", "{token: t}", "one of user_key or user_key_file must be configured"),
        ("pushover", "{user_key: t}", "one of token or token_file must be configured"),
        ("pushover", "{user_key: u, token: t, html: true, monospace: true}",
         "at most one of monospace & html must be configured"),
        ("telegram", "{bot_token: t}", "missing chat_id or chat_id_file on telegram_config"),
        ("telegram", "{bot_token: t, chat_id: 1, chat_id_file: f}",
         "at most one of chat_id & chat_id_file must be configured"),
        ("telegram", "{bot_token: t, chat_id: 1, parse_mode: x}",
         "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string"),
        ("telegram", "{chat_id: 1}", "missing bot_token or bot_token_file on telegram_config"),
        ("discord", "{}", "one of webhook_url or webhook_url_file must be configured"),
        ("msteams", "{webhook_url: 'http://x', webhook_url_file: f}",
         "at most one of webhook_url & webhook_url_file must be configured"),
        ("msteamsv2", "{webhook_url: 'ftp://x'}", 'unsupported scheme "ftp" for URL'),
        ("webex", "{http_config: {authorization: {credentials: c}}}", "missing room_id on webex_config"),
        ("webex", "{room_id: r}", "missing webex_configs.http_config.authorization"),
        ("sns", "{}", "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"),
        ("sns", "{topic_arn: t, phone_number: p}",
         "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"),
        ("sns", "{topic_arn: t, sigv4: {access_key: a}}",
         "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config"),
        ("victorops", "{api_key: k}", "missing Routing key in VictorOps config"),
        ("victorops", "{routing_key: k}", "no global VictorOps API Key set"),
        ("victorops", "{api_key: k, routing_key: r, custom_fields: {entity_id: x}}",
         "victorOps config contains custom field entity_id which cannot be used as it conflicts with the fixed/static fields"),
        ("wechat", "{api_secret: s, corp_id: c, message_type: x}",
         'weChat message type "x" does not match valid options ^(text|markdown)$'),
        ("wechat", "{api_secret: s}", "no global Wechat CorpID set"),
        ("jira", "{api_url: 'http://x', issue_type: b}", "missing project in jira_config"),
        ("jira", "{api_url: 'http://x', project: b}", "missing issue_type in jira_config"),
        ("jira", "{project: p, issue_type: b}", "no global Jira Cloud URL set"),
        ("jira", "{api_url: 'http://x', project: p, issue_type: b, api_type: x}",
         "unknown api_type on jira_config, must be auto, cloud or datacenter"),
        ("rocketchat", "{token: t}", "no global Rocketchat TokenID set either inline or in a file"),
        ("mattermost", "{}", "missing webhook_url or webhook_url_file on mattermost_config"),
        ("mattermost", "{webhook_url: 'http://x', fields: [{title: t}]}",
         "missing value in Mattermost field configuration"),
        ("incidentio", "{alert_source_token: t}", "one of url or url_file must be configured"),
        ("incidentio", "{url: 'http://x', http_config: {}}",
         "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured"),
        ("incidentio", "{url: 'http://x', alert_source_token: t, http_config: {authorization: {credentials: c}}}",
         "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_upstreams_words(kind, entry, message):
    """Each mistake has upstream's message, and the place in the file."""
    with pytest.raises(SettingsError) as caught:
        read(kind, entry)
    assert message in [mistake.message for mistake in caught.value.mistakes]


def test_every_kind_is_counted():
    """Whatever can be configured has its counters from the start."""
    assert {kind.name for kind in KINDS} <= set(CHANNELS)
