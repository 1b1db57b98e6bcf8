"""What delivery itself has to say with a message: that somebody is told in another's place, or from memory. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from anyascope.model.notifications import Notification

ANNOTATION: Final = "delivery_notice"

# Channels whose layouts show a notification's notice in a place of its own.
LAID_OUT_KINDS: Final = frozenset(("email", "phone", "slack"))


def joined(*notices: str) -> str:
    """Several things to say in one text."""
    return " ".join(filter(None, notices))


def with_remark(notification: Notification, *more: str) -> Notification:
    """The notification with what is to be said beside it.

    Where the channel's layout has no place for it, it is an annotation of the first alert, which every template shows.
    """
    notice = joined(notification.notice, *more)
    if not notice:
        return notification
    told = replace(notification, notice=notice)
    if notification.channel in LAID_OUT_KINDS or not notification.alerts:
        return told
    first, *others = notification.alerts
    first = replace(first, annotations={**first.annotations, ANNOTATION: notice})
    return replace(told, alerts=(first, *others))
