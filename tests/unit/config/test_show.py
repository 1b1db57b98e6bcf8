"""The configuration as it is shown: every secret masked, nothing else."""

from __future__ import annotations

import re

from ruamel.yaml import YAML

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.config.show import shown_yaml

# Every secret that Alertmanager's format knows, each told by its number.
ALERTMANAGER = """
global:
  smtp_smarthost: mail:25
  smtp_from: a@b
  smtp_auth_password: hidden-1
  smtp_auth_secret: hidden-2
  slack_api_url: https://hidden-3/
  opsgenie_api_key: hidden-4
  opsgenie_api_url: https://opsgenie.test/
  wechat_api_secret: hidden-5
  wechat_api_corp_id: corp
  victorops_api_key: hidden-6
  telegram_bot_token: hidden-7
  rocketchat_token: hidden-8
  rocketchat_token_id: hidden-9
  mattermost_webhook_url: https://hidden-10/
  http_config:
    proxy_url: http://u:hidden-11@proxy:3128
    proxy_connect_header: {X-Key: [hidden-12]}
    http_headers: {X-A: {values: [shown], secrets: [hidden-13]}}
    basic_auth: {username: u, password: hidden-14}
    tls_config: {cert: c, key: hidden-15}
route:
  receiver: every
  routes: [{match: {token: shown-label}, receiver: every}]
receivers:
- name: every
  webhook_configs: [{url: 'https://hidden-16/', signing_secret: hidden-17}]
  slack_configs: [{api_url: 'https://hidden-18/', http_config: {authorization: {credentials: hidden-19}}}]
  email_configs: [{to: a@b, auth_password: hidden-20, auth_secret: hidden-21}]
  pagerduty_configs: [{routing_key: hidden-22}, {service_key: hidden-23}]
  opsgenie_configs: [{api_key: hidden-24, api_url: 'https://opsgenie.test/'}]
  wechat_configs: [{api_secret: hidden-25}]
  victorops_configs: [{api_key: hidden-26, routing_key: hidden-r}]
  pushover_configs: [{user_key: hidden-27, token: hidden-28}]
  sns_configs: [{topic_arn: t, sigv4: {access_key: k, secret_key: hidden-29}}]
  telegram_configs: [{chat_id: 7, bot_token: hidden-30}]
  discord_configs: [{webhook_url: 'https://hidden-31/'}]
  webex_configs: [{room_id: r, http_config: {oauth2: {client_id: c, client_secret: hidden-32, token_url: 'http://t/'},
    authorization: {credentials: hidden-33}}}]
  msteams_configs: [{webhook_url: 'https://hidden-34/'}]
  msteamsv2_configs: [{webhook_url: 'https://hidden-35/'}]
  jira_configs: [{api_url: 'https://jira.test/', project: p, issue_type: Bug, http_config: {bearer_token: hidden-36}}]
  rocketchat_configs: [{token: hidden-37, token_id: hidden-38}]
  incidentio_configs: [{url: 'https://i.test/', alert_source_token: hidden-39}]
  mattermost_configs: [{webhook_url: 'https://hidden-40/', channel: c}]
"""


def test_no_secret_is_shown(tmp_path):
    """Of every kind of channel the secrets are masked, and what is no secret stands as it was written."""
    file = tmp_path / "alertmanager.yml"
    file.write_text(ALERTMANAGER)
    shown = shown_yaml([file])
    assert "hidden" not in shown
    assert shown.count("<secret>") == ALERTMANAGER.count("hidden-")
    printed = YAML(typ="safe").load(shown)
    (receiver,) = printed["receivers"]
    assert receiver["opsgenie_configs"][0]["api_url"] == "https://opsgenie.test/"
    assert receiver["jira_configs"][0]["api_url"] == "https://jira.test/"
    assert receiver["incidentio_configs"][0]["url"] == "https://i.test/"
    assert printed["route"]["routes"][0]["match"] == {"token": "shown-label"}
    assert printed["global"]["http_config"]["http_headers"] == {"X-A": {"values": ["shown"], "secrets": ["<secret>"]}}


def test_what_is_printed_can_be_read_again(tmp_path):
    """Those who print a configuration and read it again, as amtool does, meet no mistake in the masks."""
    file = tmp_path / "alertmanager.yml"
    start, end = ALERTMANAGER.index("  http_config:"), ALERTMANAGER.index("route:")
    file.write_text(re.sub(r"oauth2: \{[^}]*\},", "", ALERTMANAGER[:start] + ALERTMANAGER[end:]))
    assert len(read_alertmanager_file(shown_yaml([file]), file="again.yml").receivers["every"].integrations) == 19
