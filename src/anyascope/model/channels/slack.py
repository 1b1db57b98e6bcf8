"""Slack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.channels.base import TIMEOUT_S_DEFAULT, ChannelOptions
from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True)
class SlackField:
    """One of a Slack attachment's own fields; title and value are templates."""

    title: str
    value: str
    short: bool | None = None


@dataclass(frozen=True, slots=True)
class SlackOptions(ChannelOptions):
    """`slack_configs`. `templates` holds those of its template fields that were set, by Alertmanager's names.

    `signing_secret` is ours: with it messages have buttons, and what they send is verified by it. `update_message` and
    `post_updates_to_thread` are for bots: news of a group change its message, or answer it.
    """

    api_url: Secret | None = None
    app_token: Secret | None = None
    app_url: str = ""
    channel: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[SlackField, ...] | None = None
    actions: tuple[Mapping[str, object], ...] = ()
    short_fields: bool = False
    link_names: bool = False
    mrkdwn_in: tuple[str, ...] | None = None
    signing_secret: Secret | None = None
    update_message: bool = False
    post_updates_to_thread: bool = False
    timeout_s: float = TIMEOUT_S_DEFAULT
    http: HttpOptions = field(default_factory=HttpOptions)
