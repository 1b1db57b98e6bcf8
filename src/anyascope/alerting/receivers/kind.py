"""What the reader of one kind of channel is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.model.channels.base import ChannelOptions
from anyascope.wire.settings import GO_TYPE, Section


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of channel is read from a receiver.

    Attributes:
        name: `slack` for what stands in `slack_configs`.
        read: the options of one entry, with what it inherits from `global`. Notes what is wrong; the caller says `done`.
        is_resolved_sent: `send_resolved` where the entry does not say.
        is_null_allowed: whether an empty entry of the list counts as one without fields.
        type_name: what upstream's program calls the structure.
    """

    name: str
    read: Callable[[Section, GlobalOptions], ChannelOptions]
    is_resolved_sent: bool
    is_null_allowed: bool = False
    type_name: str = GO_TYPE
