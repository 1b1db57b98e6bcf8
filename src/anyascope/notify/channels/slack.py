"""Slack, by an incoming webhook or an app's token.

Unless the receiver has templates of its own, each alert that is news is one message in one layout; many at once are one
digest in the same layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from anyascope.clock import Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.buttons import dressed
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.memory import ChannelMemory, NoMemory
from anyascope.notify.slack_edits import GONE, POST, is_new, place_from, place_key, place_of, steps
from anyascope.notify.templates import Templates
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import ANSWER_BYTES_MAX as SHORT_ANSWER_BYTES_MAX
from anyascope.wire.notices.answers import shown, slack_error
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.links import signed_parts
from anyascope.wire.notices.plain import template_notice
from anyascope.wire.notices.slack import default_messages

ANSWER_BYTES_MAX = 256 * 1024  # Slack repeats the whole message, and where it put it may stand behind
TITLE_CHARS_MAX = 1024  # what Slack takes of an attachment's title

_LOOK = frozenset(("username", "icon_emoji", "icon_url"))  # templates that change who speaks, not what is said


class SlackChannel:
    """Posts to one Slack channel."""

    def __init__(
        self, options: SlackOptions, *, templates: Templates, clock: Clock, memory: ChannelMemory | None = None
    ) -> None:
        self._options = options
        self._templates = templates
        self._memory = memory or NoMemory()
        self._is_editing = options.update_message or options.post_updates_to_thread
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)
        self._is_templated = (
            bool(options.templates.keys() - _LOOK) or options.fields is not None or bool(options.actions)
        )

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        note = ""
        try:
            parts = self._parts(notification)
        except TemplateError as error:
            # A page in our layout is worth more than none in the receiver's own.
            note = f"; in the default layout, since {error}"
            plain = default_messages(notification, channel=self._options.channel, look={})
            parts = [(part, {**message, "text": template_notice(error)}) for part, message in plain]
        # Buttons go nowhere without the secret by which their presses are verified.
        parts = dressed(parts, notification, has_buttons=self._options.signing_secret is not None)
        waiting = [(part, message) for part, message in parts if part not in done]
        if not waiting:
            return Outcome(AttemptOutcome.OK, "nothing left to send")
        part, message = waiting[0]
        outcome = await self._say(part, message, notification)
        if outcome.kind is not AttemptOutcome.OK:
            return outcome
        detail = shown(outcome.detail + note, ())
        return Outcome(AttemptOutcome.OK, detail, parts_done=(part,), is_more=len(waiting) > 1)

    async def close(self) -> None:
        await self._sender.close()

    def _parts(self, notification: Notification) -> Sequence[tuple[str, Mapping[str, object]]]:
        if self._is_templated:
            return [("message", templated_message(notification, self._options, self._templates))]
        look = {name: self._templates.render(text, notification) for name, text in self._options.templates.items()}
        channel = self._templates.render(self._options.channel, notification)
        has_buttons = self._options.signing_secret is not None
        return default_messages(notification, channel=channel, look=look, has_buttons=has_buttons)

    async def _say(self, part: str, message: Mapping[str, object], notification: Notification) -> Outcome:
        if not self._is_editing:
            _, outcome = await self._post(message, notification)
            return outcome
        key = place_key(notification, part)
        earlier = None if is_new(notification, part) else place_from(await self._memory.recall(key))
        outcome = Outcome(AttemptOutcome.OK, "")
        for step in steps(self._options, message, earlier):
            answer, outcome = await self._post(step.message, notification, method=step.method)
            if answer is None or outcome.kind is not AttemptOutcome.OK:
                return await self._if_gone(key, answer, outcome, is_edit=earlier is not None)
            place = place_of(answer.body) if earlier is None else None
            if place is not None and notification.is_firing:
                await self._memory.remember(key, {"channel": place.channel, "ts": place.ts})
        if part.startswith("-") or not notification.is_firing:
            await self._memory.forget(key)
        return outcome

    async def _if_gone(self, key: str, answer: Answer | None, outcome: Outcome, *, is_edit: bool) -> Outcome:
        """A message that is gone is no end: the next attempt tells the news in a new one."""
        if answer is None or not is_edit or slack_error(answer.body)[0] not in GONE:
            return outcome
        await self._memory.forget(key)
        return replace(outcome, kind=AttemptOutcome.RETRY)

    async def _post(
        self, message: Mapping[str, object], notification: Notification, *, method: str = POST
    ) -> tuple[Answer | None, Outcome]:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Idempotency-Key": notification.id}
        try:
            if self._options.app_token is not None:
                url, token = self._options.app_url, self._options.app_token.reveal()
                headers["Authorization"] = f"Bearer {token}"
            else:
                assert self._options.api_url is not None  # the settings have one of both
                url, token = self._options.api_url.reveal(), ""
        except InvalidInputError as error:
            return None, Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        if method != POST:
            url = f"{url.rpartition('/')[0]}/{method}"
        secrets = (token, *signed_parts(notification))
        bytes_max = ANSWER_BYTES_MAX if self._is_editing else SHORT_ANSWER_BYTES_MAX
        answer = await self._sender.post(url, body, headers=headers, secrets=secrets, answer_bytes_max=bytes_max)
        return (None, answer) if isinstance(answer, Outcome) else (answer, _judge(answer))


def _judge(answer: Answer) -> Outcome:
    """Slack's API says 200 to everything and what it means in the body."""
    outcome = judge(answer)
    error, may_pass = slack_error(answer.body)
    if outcome.kind is not AttemptOutcome.OK or not error:
        return outcome
    kind = AttemptOutcome.RETRY if may_pass else AttemptOutcome.FAILED
    return Outcome(kind, shown(f"{outcome.detail}: {error}", answer.hidden), retry_after_s=answer.retry_after_s)


# --- the receiver's own layout ----------------------------------------------------------------------------------------

_TEMPLATE_DEFAULTS: Final = {
    "title": '{{ template "slack.default.title" . }}',
    "title_link": '{{ template "slack.default.titlelink" . }}',
    "pretext": '{{ template "slack.default.pretext" . }}',
    "text": '{{ template "slack.default.text" . }}',
    "fallback": '{{ template "slack.default.fallback" . }}',
    "callback_id": '{{ template "slack.default.callbackid" . }}',
    "footer": '{{ template "slack.default.footer" . }}',
    "color": '{{ template "slack.default.color" . }}',
    "username": '{{ template "slack.default.username" . }}',
    "icon_emoji": '{{ template "slack.default.iconemoji" . }}',
    "icon_url": '{{ template "slack.default.iconurl" . }}',
    "image_url": "",
    "thumb_url": "",
    "message_text": "",
}
_ALWAYS_SENT: Final = frozenset(("title", "text", "fallback", "callback_id", "footer"))
_MRKDWN_IN: Final = ("fallback", "pretext", "text")


def templated_message(notification: Notification, options: SlackOptions, templates: Templates) -> Mapping[str, object]:
    """Alertmanager's Slack message: one for the whole group.

    Raises:
        TemplateError: a template failed.
    """

    def rendered(text: str) -> str:
        return templates.render(text, notification)

    texts = {name: rendered(options.templates.get(name, text)) for name, text in _TEMPLATE_DEFAULTS.items()}
    names = ("title", "title_link", "pretext", "text", "fallback", "callback_id")
    texts["title"] = cut_chars(texts["title"], TITLE_CHARS_MAX)
    content: dict[str, object] = {name: texts[name] for name in names}
    content["fields"] = [
        {
            "title": rendered(field.title),
            "value": rendered(field.value),
            "short": options.short_fields if field.short is None else field.short,
        }
        for field in options.fields or ()
    ]
    content["actions"] = [_rendered_action(action, rendered) for action in options.actions]
    content |= {name: texts[name] for name in ("image_url", "thumb_url", "footer", "color")}
    content["mrkdwn_in"] = list(_MRKDWN_IN if options.mrkdwn_in is None else options.mrkdwn_in)
    content = {name: value for name, value in content.items() if value or name in _ALWAYS_SENT}
    message: dict[str, object] = {
        "channel": rendered(options.channel),
        "username": texts["username"],
        "icon_emoji": "" if texts["icon_url"] else texts["icon_emoji"],
        "icon_url": texts["icon_url"],
        "link_names": options.link_names,
        "text": texts["message_text"],
    }
    return {name: value for name, value in message.items() if value} | {"attachments": [content]}


def _rendered_action(action: Mapping[str, object], rendered: Any) -> Mapping[str, object]:
    return {
        name: _rendered_action(value, rendered) if isinstance(value, Mapping) else rendered(str(value))
        for name, value in action.items()
    }
