"""Labels of routes are templates over what they are said of; they are filled in when that is said."""

from __future__ import annotations

from dataclasses import replace

from anyascope.model.notifications import Notification
from anyascope.notify.channel import Channel, Outcome
from anyascope.notify.templates import Templates
from anyascope.wire.gotemplate import TemplateError


class RouteLabelled:
    """A channel whose notifications have their route's labels filled in first.

    A label whose template fails stands as it was written: what it is for cannot be guessed, and the message goes out.
    """

    def __init__(self, channel: Channel, *, templates: Templates) -> None:
        self.channel = channel
        self._templates = templates

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        return await self.channel.send(self._filled(notification), done=done)

    async def close(self) -> None:
        await self.channel.close()

    def _filled(self, notification: Notification) -> Notification:
        if not any("{{" in value for _, value in notification.route_labels):
            return notification
        # While they are filled in they are not there: a label cannot be made of another, or of itself.
        said_of = replace(notification, route_labels=())
        labels = tuple((name, self._value(value, said_of)) for name, value in notification.route_labels)
        return replace(notification, route_labels=labels)

    def _value(self, text: str, notification: Notification) -> str:
        try:
            return self._templates.render(text, notification)
        except TemplateError:
            return text
