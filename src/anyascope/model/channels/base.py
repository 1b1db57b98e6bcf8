"""What the options of every kind of channel have in common."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT_S_DEFAULT = 10.0  # Alertmanager's least time for one notification


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """The options of one integration; each kind of channel has its own."""
