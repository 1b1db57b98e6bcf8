"""Which module serves which kind of channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from anyascope.clock import Clock
from anyascope.model.channels.base import ChannelOptions
from anyascope.model.channels.discord import DiscordOptions
from anyascope.model.channels.email import EmailOptions
from anyascope.model.channels.incidentio import IncidentioOptions
from anyascope.model.channels.jira import JiraOptions
from anyascope.model.channels.mattermost import MattermostOptions
from anyascope.model.channels.msteams import MsteamsOptions
from anyascope.model.channels.msteamsv2 import Msteamsv2Options
from anyascope.model.channels.opsgenie import OpsgenieOptions
from anyascope.model.channels.pagerduty import PagerdutyOptions
from anyascope.model.channels.phone import PhoneOptions
from anyascope.model.channels.pushover import PushoverOptions
from anyascope.model.channels.rocketchat import RocketchatOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.sns import SnsOptions
from anyascope.model.channels.telegram import TelegramOptions
from anyascope.model.channels.victorops import VictoropsOptions
from anyascope.model.channels.webex import WebexOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.channels.wechat import WechatOptions
from anyascope.model.receivers import Receiver
from anyascope.notify.channel import Channel
from anyascope.notify.channels.discord import DISCORD
from anyascope.notify.channels.email import EmailChannel
from anyascope.notify.channels.incidentio import INCIDENTIO
from anyascope.notify.channels.jira import JiraChannel
from anyascope.notify.channels.mattermost import MATTERMOST
from anyascope.notify.channels.msteams import MSTEAMS, MSTEAMSV2
from anyascope.notify.channels.opsgenie import OPSGENIE
from anyascope.notify.channels.pagerduty import PAGERDUTY
from anyascope.notify.channels.phone import PhoneChannel
from anyascope.notify.channels.pushover import PUSHOVER
from anyascope.notify.channels.rocketchat import ROCKETCHAT
from anyascope.notify.channels.slack import SlackChannel
from anyascope.notify.channels.sns import SnsChannel
from anyascope.notify.channels.telegram import TELEGRAM
from anyascope.notify.channels.victorops import VICTOROPS
from anyascope.notify.channels.webex import WEBEX
from anyascope.notify.channels.webhook import WebhookChannel
from anyascope.notify.channels.wechat import WechatChannel
from anyascope.notify.memory import ChannelMemory
from anyascope.notify.phone.calls import CallBook
from anyascope.notify.route_labels import RouteLabelled
from anyascope.notify.templates import Templates

# Each is called with its options, `templates` and `clock`; others are made in `build_channel`.
_CHANNELS: Final[Mapping[type[ChannelOptions], Callable[..., Channel]]] = {
    WebhookOptions: WebhookChannel,
    EmailOptions: EmailChannel,
    DiscordOptions: DISCORD.channel,
    IncidentioOptions: INCIDENTIO.channel,
    JiraOptions: JiraChannel,
    MattermostOptions: MATTERMOST.channel,
    MsteamsOptions: MSTEAMS.channel,
    Msteamsv2Options: MSTEAMSV2.channel,
    OpsgenieOptions: OPSGENIE.channel,
    PagerdutyOptions: PAGERDUTY.channel,
    PushoverOptions: PUSHOVER.channel,
    RocketchatOptions: ROCKETCHAT.channel,
    SnsOptions: SnsChannel,
    TelegramOptions: TELEGRAM.channel,
    VictoropsOptions: VICTOROPS.channel,
    WebexOptions: WEBEX.channel,
    WechatOptions: WechatChannel,
}


def build_channels(
    receivers: Iterable[Receiver],
    *,
    templates: Templates,
    clock: Clock,
    calls: CallBook | None = None,
    memory: ChannelMemory | None = None,
) -> dict[str, Channel]:
    """A channel for each integration, by its key.

    Args:
        receivers: whose.
        templates, clock: what they are made with.
        calls: where callbacks tell phones what they heard.
        memory: what chats remember between notifications.
    """
    return {
        integration.key: RouteLabelled(
            build_channel(integration.options, templates=templates, clock=clock, calls=calls, memory=memory),
            templates=templates,
        )
        for receiver in receivers
        for integration in receiver.integrations
    }


def build_channel(
    options: ChannelOptions,
    *,
    templates: Templates,
    clock: Clock,
    calls: CallBook | None = None,
    memory: ChannelMemory | None = None,
) -> Channel:
    """The channel that these options are for."""
    if isinstance(options, SlackOptions):
        return SlackChannel(options, templates=templates, clock=clock, memory=memory)
    if isinstance(options, PhoneOptions):
        return PhoneChannel(options, templates=templates, clock=clock, calls=calls)
    return _CHANNELS[type(options)](options, templates=templates, clock=clock)
