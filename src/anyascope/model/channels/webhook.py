"""A webhook."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyascope.model.channels.base import TIMEOUT_S_DEFAULT, ChannelOptions
from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True)
class WebhookOptions(ChannelOptions):
    """`webhook_configs`. `max_alerts` of 0 is no limit; `signing_secret` is ours: it signs each body."""

    url: Secret
    max_alerts: int = 0
    timeout_s: float = TIMEOUT_S_DEFAULT
    signing_secret: Secret | None = None
    http: HttpOptions = field(default_factory=HttpOptions)
