"""Alertmanager's `global`: what all receivers inherit."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.alerting.receivers.fields import parse_smarthost, read_http
from anyascope.alerting.receivers.secrets import parse_url, read_secret, read_secret_url
from anyascope.model.http import HttpOptions, TlsOptions
from anyascope.model.secret import Secret
from anyascope.wire.http_settings import read_tls
from anyascope.wire.settings import Section

RESOLVE_TIMEOUT_S = 300.0
SLACK_APP_URL = "https://slack.com/api/chat.postMessage"
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
OPSGENIE_API_URL = "https://api.opsgenie.com/"
WECHAT_API_URL = "https://qyapi.weixin.qq.com/cgi-bin/"
VICTOROPS_API_URL = "https://alert.victorops.com/integrations/generic/20131114/alert/"
TELEGRAM_API_URL = "https://api.telegram.org"
WEBEX_API_URL = "https://webexapis.com/v1/messages"
ROCKETCHAT_API_URL = "https://open.rocket.chat/"


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What receivers inherit, field by field as in `global`; None where upstream has no default."""

    resolve_timeout_s: float
    http: HttpOptions
    smtp_from: str
    smtp_hello: str
    smtp_smarthost: tuple[str, int] | None
    smtp_auth_username: str
    smtp_auth_password: Secret | None
    smtp_auth_secret: Secret | None
    smtp_auth_identity: str
    smtp_require_tls: bool
    smtp_implicit_tls: bool | None
    smtp_tls: TlsOptions
    slack_api_url: Secret | None
    slack_app_token: Secret | None
    slack_app_url: str
    pagerduty_url: str
    opsgenie_api_url: str
    opsgenie_api_key: Secret | None
    wechat_api_url: str
    wechat_api_secret: Secret | None
    wechat_api_corp_id: str
    victorops_api_url: str
    victorops_api_key: Secret | None
    telegram_api_url: str
    telegram_bot_token: Secret | None
    webex_api_url: str
    rocketchat_api_url: str
    rocketchat_token: Secret | None
    rocketchat_token_id: Secret | None
    mattermost_webhook_url: Secret | None
    jira_api_url: str | None


def read_global(section: Section) -> GlobalOptions:
    """Alertmanager's `global`. The caller says `done`, since Prometheus' fields may stand there too."""
    app_token = read_secret(section, "slack_app_token")
    api_url = read_secret_url(section, "slack_api_url")
    app_url = section.parsed("slack_app_url", parse_url, SLACK_APP_URL)
    # Those who gave the app's address as `slack_api_url`, with tokens in `http_config`, may go over one by one.
    is_app_url = api_url is not None and type(api_url) is Secret and api_url.reveal() == app_url
    if app_token is not None and api_url is not None and not is_app_url:
        section.wrong(
            "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
            name="slack_app_token",
        )
    return GlobalOptions(
        resolve_timeout_s=section.duration_s("resolve_timeout", RESOLVE_TIMEOUT_S),
        http=read_http(section.section("http_config")),
        smtp_from=section.text("smtp_from", ""),
        smtp_hello=section.text("smtp_hello", "localhost") or "localhost",
        smtp_smarthost=section.parsed("smtp_smarthost", parse_smarthost, None),
        smtp_auth_username=section.text("smtp_auth_username", ""),
        smtp_auth_password=read_secret(section, "smtp_auth_password"),
        smtp_auth_secret=read_secret(section, "smtp_auth_secret"),
        smtp_auth_identity=section.text("smtp_auth_identity", ""),
        smtp_require_tls=section.boolean("smtp_require_tls", True),
        smtp_implicit_tls=section.boolean("smtp_force_implicit_tls", None),
        smtp_tls=read_tls(section.section("smtp_tls_config")),
        slack_api_url=api_url,
        slack_app_token=app_token,
        slack_app_url=app_url,
        pagerduty_url=section.parsed("pagerduty_url", parse_url, PAGERDUTY_URL),
        opsgenie_api_url=section.parsed("opsgenie_api_url", parse_url, OPSGENIE_API_URL),
        opsgenie_api_key=read_secret(section, "opsgenie_api_key"),
        wechat_api_url=section.parsed("wechat_api_url", parse_url, WECHAT_API_URL),
        wechat_api_secret=read_secret(section, "wechat_api_secret"),
        wechat_api_corp_id=section.text("wechat_api_corp_id", ""),
        victorops_api_url=section.parsed("victorops_api_url", parse_url, VICTOROPS_API_URL),
        victorops_api_key=read_secret(section, "victorops_api_key"),
        telegram_api_url=section.parsed("telegram_api_url", parse_url, TELEGRAM_API_URL),
        telegram_bot_token=read_secret(section, "telegram_bot_token"),
        webex_api_url=section.parsed("webex_api_url", parse_url, WEBEX_API_URL),
        rocketchat_api_url=section.parsed("rocketchat_api_url", parse_url, ROCKETCHAT_API_URL),
        rocketchat_token=read_secret(section, "rocketchat_token"),
        rocketchat_token_id=read_secret(section, "rocketchat_token_id"),
        mattermost_webhook_url=read_secret_url(section, "mattermost_webhook_url"),
        jira_api_url=section.parsed("jira_api_url", parse_url, None),
    )
