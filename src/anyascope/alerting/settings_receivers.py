"""Receivers and the channels behind them, in Alertmanager's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from anyascope.alerting.settings_secrets import parse_url, read_secret, read_secret_url
from anyascope.model.http import HttpOptions, TlsOptions
from anyascope.model.receivers import (
    TIMEOUT_S_DEFAULT,
    ChannelOptions,
    EmailOptions,
    Integration,
    Receiver,
    SlackField,
    SlackOptions,
    WebhookOptions,
)
from anyascope.model.secret import Secret
from anyascope.wire.http_settings import HttpSpeaker, read_http_options, read_tls
from anyascope.wire.settings import Section

SLACK_APP_URL = "https://slack.com/api/chat.postMessage"
RESOLVE_TIMEOUT_S = 300.0
SMTPS_PORT = 465

_SENDER: Final = HttpSpeaker(
    "the sender", proxy_schemes=("http", "https"), has_proxy_from_environment=True, needs_username=False
)

# Channels of Alertmanager that this version cannot serve; named so that the mistake can say what is missing.
UNSUPPORTED_KINDS: Final = (
    "discord", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty", "pushover",
    "rocketchat", "sns", "telegram", "victorops", "webex", "wechat",
)  # fmt: skip

# What `global` holds for those channels: read, so that a shared file loads, and used by none.
_GLOBAL_SECRETS_OF_OTHERS: Final = (
    "mattermost_webhook_url", "opsgenie_api_key", "rocketchat_token", "rocketchat_token_id", "telegram_bot_token",
    "victorops_api_key", "wechat_api_secret",
)  # fmt: skip
_GLOBAL_TEXTS_OF_OTHERS: Final = (
    "jira_api_url", "opsgenie_api_url", "pagerduty_url", "rocketchat_api_url", "telegram_api_url", "victorops_api_url",
    "webex_api_url", "wechat_api_corp_id", "wechat_api_url",
)  # fmt: skip

_SLACK_TEMPLATES: Final = (
    "callback_id", "color", "fallback", "footer", "icon_emoji", "icon_url", "image_url", "message_text", "pretext",
    "text", "thumb_url", "title", "title_link", "username",
)  # fmt: skip
_SLACK_ACTION_TEXTS: Final = ("type", "text", "url", "style", "name", "value")
_SLACK_CONFIRM_TEXTS: Final = ("text", "title", "ok_text", "dismiss_text")


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What receivers inherit."""

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


def read_global(section: Section) -> GlobalOptions:
    """Alertmanager's `global`. The caller says `done`, since Prometheus' fields may stand there too."""
    for name in _GLOBAL_SECRETS_OF_OTHERS:
        read_secret(section, name)
    for name in _GLOBAL_TEXTS_OF_OTHERS:
        section.text(name, "")
    app_token = read_secret(section, "slack_app_token")
    api_url = read_secret_url(section, "slack_api_url")
    if app_token is not None and api_url is not None:
        section.wrong(
            "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
            name="slack_app_token",
        )
    return GlobalOptions(
        resolve_timeout_s=section.duration_s("resolve_timeout", RESOLVE_TIMEOUT_S),
        http=_read_http(section.section("http_config")),
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
        slack_app_url=section.parsed("slack_app_url", parse_url, SLACK_APP_URL),
    )


def parse_smarthost(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port`; an empty text is none.

    Raises:
        ValueError: the port is missing or no number.
    """
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"address {text}: missing port in address")
    if not port:
        raise ValueError(f'address "{text}": port cannot be empty')
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f'address "{text}": port must be 1 to 65535')
    return host.removeprefix("[").removesuffix("]"), int(port)


def read_receivers(section: Section, inherited: GlobalOptions) -> dict[str, Receiver]:
    """The `receivers` by name, in file order."""
    found: dict[str, Receiver] = {}
    for entry in section.sections("receivers"):
        name = entry.text("name", "")
        if not name:
            entry.wrong("missing name in receiver")
        elif name in found:
            entry.wrong(f'notification config name "{name}" is not unique', name="name")
        entry.text_map("labels")
        integrations: list[Integration] = []
        for kind, read in _READERS.items():
            for index, inner in enumerate(entry.sections(f"{kind}_configs")):
                integrations.append(_read_integration(inner, f"{name}/{kind}/{index}", read, inherited))
        for kind in UNSUPPORTED_KINDS:
            if entry.has(f"{kind}_configs"):
                entry.plain(f"{kind}_configs")
                known = ", ".join(f"{known}_configs" for known in _READERS)
                message = f"{kind}_configs are not supported yet; use one of {known}"
                entry.wrong(message, name=f"{kind}_configs")
        entry.done()
        found.setdefault(name, Receiver(name, tuple(integrations)))
    return found


def _read_integration(section: Section, key: str, read: _Reader, inherited: GlobalOptions) -> Integration:
    kind = key.rsplit("/", 2)[1]
    integration = Integration(
        key=key,
        kind=kind,
        options=read(section, inherited),
        send_resolved=section.boolean("send_resolved", kind == "webhook"),
    )
    section.done()
    return integration


def _read_http_or(section: Section, inherited: HttpOptions) -> HttpOptions:
    return _read_http(section.section("http_config")) if section.has("http_config") else inherited


def _read_http(section: Section) -> HttpOptions:
    options = read_http_options(section, _SENDER)
    section.done()
    return options


def _read_timeout(section: Section) -> float:
    # 0 is Alertmanager's "no time-out of its own"; a send that never ends would hold its lane for ever.
    return section.duration_s("timeout", 0.0) or TIMEOUT_S_DEFAULT


def _read_webhook(section: Section, inherited: GlobalOptions) -> WebhookOptions:
    url = read_secret_url(section, "url")
    if url is None:
        section.wrong("one of url or url_file must be configured")
    max_alerts = section.integer("max_alerts", 0)
    if max_alerts < 0:
        section.wrong(f"must not be negative, got {max_alerts}", name="max_alerts")
    return WebhookOptions(
        url=url or Secret(""),
        max_alerts=max_alerts,
        timeout_s=_read_timeout(section),
        signing_secret=read_secret(section, "signing_secret"),
        http=_read_http_or(section, inherited.http),
    )


def _read_slack(section: Section, inherited: GlobalOptions) -> SlackOptions:
    api_url = read_secret_url(section, "api_url")
    app_token = read_secret(section, "app_token")
    if app_token is not None and api_url is not None:
        section.wrong("at most one of app_token/app_token_file & api_url/api_url_file must be configured")
    if api_url is None and app_token is None:
        api_url, app_token = inherited.slack_api_url, inherited.slack_app_token
    if api_url is None and app_token is None:
        section.wrong("no Slack API URL nor App token set either inline or in a file")
    if section.boolean("update_message", False):
        section.wrong("update_message is not supported yet", name="update_message")
    templates = {name: section.text(name, "") for name in _SLACK_TEMPLATES if section.has(name)}
    return SlackOptions(
        api_url=api_url,
        app_token=app_token,
        app_url=section.parsed("app_url", parse_url, inherited.slack_app_url),
        channel=section.text("channel", ""),
        templates=templates,
        fields=_read_slack_fields(section),
        actions=tuple(_read_slack_action(entry) for entry in section.sections("actions")),
        short_fields=section.boolean("short_fields", False),
        link_names=section.boolean("link_names", False),
        mrkdwn_in=section.texts("mrkdwn_in") if section.has("mrkdwn_in") else None,
        timeout_s=_read_timeout(section),
        http=_read_http_or(section, inherited.http),
    )


def _read_slack_fields(section: Section) -> tuple[SlackField, ...] | None:
    if not section.has("fields"):
        return None
    found: list[SlackField] = []
    for entry in section.sections("fields"):
        field = SlackField(entry.text("title", ""), entry.text("value", ""), entry.boolean("short", None))
        for name, value in (("title", field.title), ("value", field.value)):
            if not value:
                entry.wrong(f"missing {name} in Slack field configuration")
        entry.done()
        found.append(field)
    return tuple(found)


def _read_slack_action(section: Section) -> Mapping[str, object]:
    action: dict[str, object] = {name: section.text(name) for name in _SLACK_ACTION_TEXTS if section.has(name)}
    for name in ("type", "text"):
        if not action.get(name):
            section.wrong(f"missing {name} in Slack action configuration")
    if not action.get("url") and not action.get("name"):
        section.wrong("missing name or url in Slack action configuration")
    if section.has("confirm"):
        inner = section.section("confirm")
        confirm = {name: inner.text(name) for name in _SLACK_CONFIRM_TEXTS if inner.has(name)}
        if not confirm.get("text"):
            inner.wrong("missing text in Slack confirmation configuration")
        inner.done()
        action["confirm"] = confirm
    section.done()
    return action


def _read_email(section: Section, inherited: GlobalOptions) -> EmailOptions:
    to = section.text("to", "")
    if not to:
        section.wrong("missing to address in email config")
    smarthost = section.parsed("smarthost", parse_smarthost, None) or inherited.smtp_smarthost
    if smarthost is None:
        section.wrong("no global SMTP smarthost set")
    sender = section.text("from", "") or inherited.smtp_from
    if not sender:
        section.wrong("no global SMTP from set")
    tls = read_tls(section.section("tls_config")) if section.has("tls_config") else inherited.smtp_tls
    implicit_tls = section.boolean("force_implicit_tls", inherited.smtp_implicit_tls)
    is_implicit = implicit_tls if implicit_tls is not None else smarthost is not None and smarthost[1] == SMTPS_PORT
    if is_implicit and tls.server_name:
        section.wrong("tls_config.server_name is not supported together with implicit TLS yet")
    return EmailOptions(
        to=to,
        sender=sender,
        smarthost=smarthost or ("", 0),
        hello=section.text("hello", "") or inherited.smtp_hello,
        auth_username=section.text("auth_username", "") or inherited.smtp_auth_username,
        auth_password=read_secret(section, "auth_password") or inherited.smtp_auth_password,
        auth_secret=read_secret(section, "auth_secret") or inherited.smtp_auth_secret,
        auth_identity=section.text("auth_identity", "") or inherited.smtp_auth_identity,
        headers=_read_email_headers(section),
        html=section.text("html", "") if section.has("html") else None,
        text=section.text("text", "") if section.has("text") else None,
        require_tls=section.boolean("require_tls", inherited.smtp_require_tls),
        implicit_tls=is_implicit,
        thread_by_group=_read_threading(section),
        tls=tls,
    )


def _read_email_headers(section: Section) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name, value in section.text_map("headers").items():
        canonical = "-".join(part.capitalize() for part in name.split("-"))
        if canonical in found:
            section.wrong(f'duplicate header "{canonical}" in email config', name="headers")
        if not canonical or any(char <= " " or char == ":" or char > "~" for char in canonical):
            section.wrong(f'"{name}" is not a header name', name="headers")
        found[canonical] = value
    return tuple(found.items())


def _read_threading(section: Section) -> bool:
    if not section.has("threading"):
        return True
    inner = section.section("threading")
    enabled = inner.boolean("enabled", False)
    by_date = inner.text("thread_by_date", "daily")
    if by_date not in ("daily", "none"):
        inner.wrong(f"must be daily or none, got {by_date!r}", name="thread_by_date")
    inner.done()
    return enabled


_Reader = Callable[[Section, GlobalOptions], ChannelOptions]
_READERS: Final[Mapping[str, _Reader]] = {"webhook": _read_webhook, "slack": _read_slack, "email": _read_email}
