"""What the options of every kind of channel have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.http import HttpOptions

TIMEOUT_S_DEFAULT = 10.0  # Alertmanager's least time for one notification


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """The options of one integration; each kind of channel has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorOptions(ChannelOptions):
    """What channels to a vendor's HTTP API share.

    Attributes:
        texts: those of its template fields that were set, by Alertmanager's names; the channel knows the others' defaults.
        timeout_s: for each request as a whole.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S_DEFAULT
    http: HttpOptions = field(default_factory=HttpOptions)
