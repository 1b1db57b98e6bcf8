"""Pushover."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PushoverOptions(VendorOptions):
    """`pushover_configs`. Of `html` and `monospace` at most one. `ttl_s` of 0 is none; `url` is not a setting."""

    user_key: Secret
    token: Secret
    retry_s: float = 60.0
    expire_s: float = 3600.0
    ttl_s: float = 0.0
    html: bool = False
    monospace: bool = False
    url: str = "https://api.pushover.net/1/messages.json"
