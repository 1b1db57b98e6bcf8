"""`slack_configs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyascope.alerting.receivers.fields import read_http_or, read_timeout
from anyascope.alerting.receivers.inherited import SLACK_APP_URL, GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret, read_secret_url
from anyascope.model.channels.slack import SlackField, SlackOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

_TEMPLATES: Final = (
    "callback_id", "color", "fallback", "footer", "icon_emoji", "icon_url", "image_url", "message_text", "pretext",
    "text", "thumb_url", "title", "title_link", "username",
)  # fmt: skip
_ACTION_TEXTS: Final = ("type", "text", "url", "style", "name", "value")
_CONFIRM_TEXTS: Final = ("text", "title", "ok_text", "dismiss_text")


def _read(section: Section, inherited: GlobalOptions) -> SlackOptions:
    own_url, own_token = read_secret_url(section, "api_url"), read_secret(section, "app_token")
    if own_token is not None and own_url is not None:
        section.wrong("at most one of api_url/api_url_file & app_token/app_token_file must be configured")
    http = read_http_or(section, inherited.http)
    has_own_login = section.has("http_config") and http.authorization is not None
    # A receiver with a way of its own does not take the token of `global`.
    app_token = own_token if own_token or own_url or has_own_login else inherited.slack_app_token
    api_url = own_url or inherited.slack_api_url
    if api_url is None and app_token is None:
        section.wrong("no Slack API URL nor App token set either inline or in a file")
    if app_token is not None and http.authorization is not None:
        section.wrong("http authorization can't be set when using Slack App tokens")
    # Upstream refuses the two with an app's token too, whose bot can do it.
    is_bot = app_token is not None or (type(api_url) is Secret and api_url.reveal() == SLACK_APP_URL)
    templates = {name: section.text(name, "") for name in _TEMPLATES if section.has(name)}
    return SlackOptions(
        api_url=None if app_token is not None else api_url,
        app_token=app_token,
        app_url=section.parsed("app_url", parse_url, inherited.slack_app_url),
        channel=section.text("channel", ""),
        templates=templates,
        fields=_read_fields(section),
        actions=tuple(_read_action(entry) for entry in section.sections("actions")),
        short_fields=section.boolean("short_fields", False),
        link_names=section.boolean("link_names", False),
        mrkdwn_in=section.texts("mrkdwn_in") if section.has("mrkdwn_in") else None,
        signing_secret=read_secret(section, "signing_secret"),
        update_message=_read_edit(section, "update_message", is_bot=is_bot),
        post_updates_to_thread=_read_edit(section, "post_updates_to_thread", is_bot=is_bot),
        timeout_s=read_timeout(section),
        http=http,
    )


def _read_edit(section: Section, name: str, *, is_bot: bool) -> bool:
    is_wanted = section.boolean(name, False)
    if is_wanted and not is_bot:
        section.wrong(f"{name} can only be used with bot tokens. api_url must be set to {SLACK_APP_URL}", name=name)
    return is_wanted


def _read_fields(section: Section) -> tuple[SlackField, ...] | None:
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


def _read_action(section: Section) -> Mapping[str, object]:
    action: dict[str, object] = {name: section.text(name) for name in _ACTION_TEXTS if section.has(name)}
    for name in ("type", "text"):
        if not action.get(name):
            section.wrong(f"missing {name} in Slack action configuration")
    if not action.get("url") and not action.get("name"):
        section.wrong("missing name or url in Slack action configuration")
    if section.has("confirm"):
        inner = section.section("confirm")
        confirm = {name: inner.text(name) for name in _CONFIRM_TEXTS if inner.has(name)}
        if not confirm.get("text"):
            inner.wrong("missing text in Slack confirmation configuration")
        inner.done()
        action["confirm"] = confirm
    section.done()
    return action


SLACK: Final = Kind("slack", _read, is_resolved_sent=False, is_null_allowed=True)
