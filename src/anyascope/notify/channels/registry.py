"""Which module serves which kind of channel."""

from __future__ import annotations

from collections.abc import Iterable

from anyascope.clock import Clock
from anyascope.model.receivers import ChannelOptions, EmailOptions, Receiver, SlackOptions, WebhookOptions
from anyascope.notify.channel import Channel
from anyascope.notify.channels.email import EmailChannel
from anyascope.notify.channels.slack import SlackChannel
from anyascope.notify.channels.webhook import WebhookChannel
from anyascope.notify.templates import Templates


def build_channels(receivers: Iterable[Receiver], *, templates: Templates, clock: Clock) -> dict[str, Channel]:
    """A channel for each integration, by its key."""
    return {
        integration.key: build_channel(integration.options, templates=templates, clock=clock)
        for receiver in receivers
        for integration in receiver.integrations
    }


def build_channel(options: ChannelOptions, *, templates: Templates, clock: Clock) -> Channel:
    """The channel that these options are for."""
    match options:
        case WebhookOptions():
            return WebhookChannel(options, clock=clock)
        case SlackOptions():
            return SlackChannel(options, templates=templates, clock=clock)
        case EmailOptions():
            return EmailChannel(options, templates=templates, clock=clock)
