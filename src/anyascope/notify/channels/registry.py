"""Which module serves which kind of channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from anyascope.clock import Clock
from anyascope.model.channels.base import ChannelOptions
from anyascope.model.channels.email import EmailOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.receivers import Receiver
from anyascope.notify.channel import Channel
from anyascope.notify.channels.email import EmailChannel
from anyascope.notify.channels.slack import SlackChannel
from anyascope.notify.channels.webhook import WebhookChannel
from anyascope.notify.templates import Templates

# Each is called with its options, `templates` and `clock`.
_CHANNELS: Final[Mapping[type[ChannelOptions], Callable[..., Channel]]] = {
    WebhookOptions: WebhookChannel,
    SlackOptions: SlackChannel,
    EmailOptions: EmailChannel,
}


def build_channels(receivers: Iterable[Receiver], *, templates: Templates, clock: Clock) -> dict[str, Channel]:
    """A channel for each integration, by its key."""
    return {
        integration.key: build_channel(integration.options, templates=templates, clock=clock)
        for receiver in receivers
        for integration in receiver.integrations
    }


def build_channel(options: ChannelOptions, *, templates: Templates, clock: Clock) -> Channel:
    """The channel that these options are for."""
    return _CHANNELS[type(options)](options, templates=templates, clock=clock)
