"""What the reader of one kind of channel is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.model.channels.base import ChannelOptions
from anyascope.wire.settings import Section


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of channel is read from a receiver.

    Attributes:
        name: `slack` for what stands in `slack_configs`.
        read: the options of one entry, with what it inherits from `global`. Notes what is wrong; the caller says `done`.
        is_resolved_sent: `send_resolved` where the entry does not say.
    """

    name: str
    read: Callable[[Section, GlobalOptions], ChannelOptions]
    is_resolved_sent: bool
