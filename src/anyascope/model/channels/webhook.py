"""A webhook."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyascope.model.channels.base import TIMEOUT_S_DEFAULT, ChannelOptions
from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True)
class WebhookOptions(ChannelOptions):
    """`webhook_configs`.

    Attributes:
        url: an address, or a template of one.
        max_alerts: 0 is no limit.
        payload: what is sent instead of Alertmanager's document; each text in it is a template. None where not given.
        signing_secret: ours; it signs each body.
    """

    url: Secret
    max_alerts: int = 0
    timeout_s: float = TIMEOUT_S_DEFAULT
    payload: object = None
    signing_secret: Secret | None = None
    http: HttpOptions = field(default_factory=HttpOptions)
