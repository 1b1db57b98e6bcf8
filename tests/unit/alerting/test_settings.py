"""Alertmanager's configuration: what loads, and what each mistake says."""

from __future__ import annotations

import pytest

from anyascope.alerting.receivers.inherited import read_global
from anyascope.alerting.settings import AlertingOptions, read_alerting, read_alertmanager_file
from anyascope.model.channels.email import EmailOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.wire.settings import SettingsError, read_settings


def mistakes_of(text, file="alertmanager.yml"):
    try:
        read_alertmanager_file(text, file=file)
    except SettingsError as error:
        return list(error.mistakes)
    return []


def messages_of(text):
    return [mistake.message for mistake in mistakes_of(text)]


def test_a_channel_that_nobody_knows_is_named_with_its_place():
    """A kind of channel that upstream has not says so, with file, line and path."""
    text = "route: {receiver: a}\nreceivers:\n- name: a\n  pigeon_configs:\n  - coop: x\n"
    (mistake,) = mistakes_of(text)
    assert str(mistake).startswith("alertmanager.yml:4: receivers[0].pigeon_configs: field pigeon_configs ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no route provided in config"),
        ("route: {receiver: a, match: {b: c}}\nreceivers: [{name: a}]", "root route must not have any matchers"),
        ("route: {receiver: a, continue: true}\nreceivers: [{name: a}]", "cannot have continue in root route"),
        ("route: {receiver: a, colour: red}\nreceivers: [{name: a}]", "field colour not found in type config.plain"),
        (
            "route: {receiver: a, group_by: ['...', b]}\nreceivers: [{name: a}]",
            "cannot have wildcard group_by (`...`) and other labels at the same time",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: b@c}]}]", "no global SMTP smarthost set"),
        ("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{}]}]", "missing to address in email config"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{}]}]",
            "one of url or url_file must be configured",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x'}]}]",
            'invalid URL: unsupported scheme "ftp" for URL',
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', url_file: y}]}]",
            "at most one of url & url_file must be configured",
        ),
        (
            "route: {receiver: a, routes: [{matchers: ['a=~\"[\"']}]}\nreceivers: [{name: a}]",
            "error parsing regexp: missing closing ]: `[)$`",
        ),
    ],
)
def test_mistakes(text, message):
    """What is wrong is said in upstream's words."""
    assert message in messages_of(text)


def test_reads_every_channel():
    """Webhook, Slack and e-mail inherit from `global`; secrets print as `<secret>`."""
    options = read_alertmanager_file(
        """
global: {smtp_smarthost: 'mail:587', smtp_from: am@x, smtp_auth_username: u, smtp_auth_password: pw-1,
  slack_api_url: 'https://hooks/T-1', resolve_timeout: 2m, http_config: {basic_auth: {username: u, password: pw-2}}}
route: {receiver: a}
receivers:
- name: a
  webhook_configs: [{url: 'http://hook/tok-3', max_alerts: 5, signing_secret: sig-4}]
  slack_configs: [{channel: '#ops', title: 'T {{ .Status }}', send_resolved: true}]
  email_configs: [{to: 'x@y', headers: {subject: hi}, require_tls: false}]
""",
        file="a.yml",
    )
    webhook, slack, email = options.receivers["a"].integrations
    assert isinstance(webhook.options, WebhookOptions)
    assert (webhook.key, webhook.send_resolved, webhook.options.max_alerts) == ("a/webhook/0", True, 5)
    assert webhook.options.http.basic_auth[1].reveal() == "pw-2"
    assert isinstance(slack.options, SlackOptions)
    assert (slack.send_resolved, slack.options.api_url.reveal()) == (True, "https://hooks/T-1")
    assert slack.options.templates == {"title": "T {{ .Status }}"}
    assert isinstance(email.options, EmailOptions)
    assert (email.send_resolved, email.options.smarthost, email.options.headers) == (
        False,
        ("mail", 587),
        (("Subject", "hi"),),
    )
    assert email.options.auth_password.reveal() == "pw-1"
    assert not email.options.require_tls
    assert options.resolve_timeout_s == 120
    for secret in ("pw-1", "pw-2", "tok-3", "sig-4", "T-1"):
        assert secret not in repr(options)


def test_global_reads_what_every_kind_of_channel_inherits():
    """`global` has upstream's addresses by default, its secrets hidden, and each may stand in a file."""
    inherited = read_global(
        read_settings(
            """
opsgenie_api_key: og-1
victorops_api_key_file: vo
wechat_api_secret: wc-2
telegram_bot_token: tg-3
rocketchat_token: rc-4
rocketchat_token_id: rc-5
mattermost_webhook_url: https://mm/hooks/mm-6
jira_api_url: https://jira.test
webex_api_url: https://webex.test
""",
            file="a.yml",
        )
    )
    assert inherited.pagerduty_url == "https://events.pagerduty.com/v2/enqueue"
    assert (inherited.jira_api_url, inherited.webex_api_url) == ("https://jira.test", "https://webex.test")
    assert inherited.opsgenie_api_key.reveal() == "og-1"
    assert inherited.victorops_api_key.path.name == "vo"
    for secret in ("og-1", "wc-2", "tg-3", "rc-4", "rc-5", "mm-6"):
        assert secret not in repr(inherited)


def test_a_receivers_labels_are_kept():
    """They tell receivers apart in the API."""
    text = "route: {receiver: a}\nreceivers: [{name: a, labels: {team: hsm, desk: 1}}]"
    receiver = read_alertmanager_file(text, file="a.yml").receivers["a"]
    assert receiver.labels == (("desk", "1"), ("team", "hsm"))


def test_secrets_may_stand_in_files(tmp_path):
    """A `*_file` is found beside the settings file and read when it is needed, without its last newline."""
    (tmp_path / "hook").write_text("http://h/1\n")
    text = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url_file: hook}]}]"
    options = read_alertmanager_file(text, file=str(tmp_path / "am.yml"))
    url = options.receivers["a"].integrations[0].options.url
    assert url.reveal() == "http://h/1"
    (tmp_path / "hook").write_text("http://h/2\n")
    assert url.reveal() == "http://h/2"


def test_a_file_without_alerting_has_a_silent_default():
    """Where nothing is said about alerting, alerts are grouped and kept, and nobody is told."""
    section = read_settings("global: {scrape_interval: 5s}\n", file="a.yml")
    options = read_alerting(section, other_global_fields=["scrape_interval"])
    section.raise_if_wrong()
    assert options == AlertingOptions()
