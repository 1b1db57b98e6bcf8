"""Whom to tell, and how: receivers and the options of each kind of channel, with Alertmanager's field names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from anyascope.model.http import HttpOptions, TlsOptions
from anyascope.model.secret import Secret

TIMEOUT_S_DEFAULT = 10.0  # Alertmanager's least time for one notification


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """`webhook_configs`. `max_alerts` of 0 is no limit; `signing_secret` is ours: it signs each body."""

    url: Secret
    max_alerts: int = 0
    timeout_s: float = TIMEOUT_S_DEFAULT
    signing_secret: Secret | None = None
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True)
class SlackField:
    """One of a Slack attachment's own fields; title and value are templates."""

    title: str
    value: str
    short: bool | None = None


@dataclass(frozen=True, slots=True)
class SlackOptions:
    """`slack_configs`. `templates` holds those of its template fields that were set, by Alertmanager's names."""

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
    timeout_s: float = TIMEOUT_S_DEFAULT
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True)
class EmailOptions:
    """`email_configs`. `to`, header values, `html` and `text` are templates; None stands for our own layout.

    Attributes:
        require_tls: refuse to send where STARTTLS is not offered.
        implicit_tls: TLS from the first byte, as on port 465.
    """

    to: str
    sender: str
    smarthost: tuple[str, int]
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_secret: Secret | None = None
    auth_identity: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    html: str | None = None
    text: str | None = None
    require_tls: bool = True
    implicit_tls: bool = False
    thread_by_group: bool = True
    timeout_s: float = 30.0  # greeting, TLS, authentication and data are a dozen round trips
    tls: TlsOptions = field(default_factory=TlsOptions)


ChannelOptions: TypeAlias = WebhookOptions | SlackOptions | EmailOptions


@dataclass(frozen=True, slots=True)
class Integration:
    """One channel of a receiver. `key` tells it from all others: `receiver/kind/index`."""

    key: str
    kind: str
    options: ChannelOptions
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Receiver:
    """A name in the routes, and the channels behind it; none is a receiver that nobody hears."""

    name: str
    integrations: tuple[Integration, ...] = ()
