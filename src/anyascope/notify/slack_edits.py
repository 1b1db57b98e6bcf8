"""A bot's messages that are changed, or answered in their thread, when there is news of what they tell.

Source: Slack, `chat.postMessage`, `chat.update`; when which is used as Alertmanager 0.34.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from anyascope.model.channels.slack import SlackOptions
from anyascope.model.notifications import Notification, NotificationReason
from anyascope.wire.notices.data import group_hash

POST: Final = "chat.postMessage"
UPDATE: Final = "chat.update"
DIGEST: Final = "digest"
GROUP: Final = "message"  # the part of the receiver's own layout: one for the whole group

# With these Slack says that a message can no longer be changed or answered; the news is a new one then.
GONE: Final = frozenset(
    ("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "channel_not_found")
)


@dataclass(frozen=True, slots=True)
class SlackPlace:
    """A message that was sent."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class SlackStep:
    """One call of Slack's API."""

    method: str
    message: Mapping[str, object]


def place_key(notification: Notification, part: str) -> str:
    """Under which name the message of a part is remembered; an alert's end has that of its beginning."""
    return f"{notification.integration}/{group_hash(notification)[:32]}/{part.removeprefix('-')}"


def is_new(notification: Notification, part: str) -> bool:
    """Whether a part must be a message of its own: a changed message wakes nobody."""
    if notification.reason is NotificationReason.FIRST or part == DIGEST:
        return True
    if notification.policy and notification.is_firing:
        return True  # a policy calls until somebody answers
    return part != GROUP and not part.startswith("-") and notification.reason.short != "repeat"


def steps(options: SlackOptions, message: Mapping[str, object], earlier: SlackPlace | None) -> list[SlackStep]:
    """What to call: a new message, or a change of the earlier one, an answer to it, or both."""
    if earlier is None:
        return [SlackStep(POST, message)]
    found: list[SlackStep] = []
    if options.update_message:
        found.append(SlackStep(UPDATE, {**message, "channel": earlier.channel, "ts": earlier.ts}))
    if options.post_updates_to_thread:
        found.append(SlackStep(POST, {**message, "channel": earlier.channel, "thread_ts": earlier.ts}))
    return found


def place_of(body: bytes) -> SlackPlace | None:
    """Where Slack put a message, by its answer."""
    try:
        said: Any = json.loads(body)
        channel, ts = said["channel"], said["ts"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return SlackPlace(channel, ts) if isinstance(channel, str) and isinstance(ts, str) else None


def place_from(facts: Mapping[str, str]) -> SlackPlace | None:
    """What was remembered of it."""
    channel, ts = facts.get("channel", ""), facts.get("ts", "")
    return SlackPlace(channel, ts) if channel and ts else None
