"""Slack's buttons: what a message offers, whether Slack sent what comes back, and what it then does.

Source: Slack, "Verifying requests from Slack", "Handling user interaction", `block_actions` payloads.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import textwrap
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError, DeniedError, InvalidInputError, NotFoundError
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.model.responses import ResponseAction
from anyascope.model.secret import Secret
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender
from anyascope.ports import AlertResponder
from anyascope.wire.notices.slack import TEXT_CHARS_MAX

AGE_S_MAX = 300  # of a request, as Slack advises: an older one may be a replay
SEEN_MAX = 10_000  # signatures of the last five minutes; more presses than that are no people's
SNOOZE_S = 3_600.0
PREFIX: Final = "anyascope_"
_ANSWER_TIMEOUT_S = 10.0
_ACTIONS: Final[Mapping[str, tuple[ResponseAction, float | None, str]]] = {
    "acknowledge": (ResponseAction.ACKNOWLEDGE, None, "Acknowledged"),
    "snooze": (ResponseAction.SNOOZE, SNOOZE_S, "Snoozed for an hour"),
    "escalate": (ResponseAction.ESCALATE, None, "Escalated"),
}
_LABELS: Final = {"acknowledge": "Acknowledge", "snooze": "Snooze 1 h", "escalate": "Escalate"}

log = structlog.get_logger("anyascope.notify")


def dressed(
    parts: Sequence[tuple[str, Mapping[str, object]]], notification: Notification, *, has_buttons: bool
) -> list[tuple[str, Mapping[str, object]]]:
    """Messages by part, with what delivery itself has to say in the first one, and buttons where one alert fires."""
    alerts = {alert.fingerprint: alert for alert in notification.alerts} if has_buttons else {}
    made = [(part, with_buttons(message, alerts[part]) if part in alerts else message) for part, message in parts]
    if notification.notice and made:
        made[0] = (made[0][0], _with_notice(made[0][1], notification.notice))
    return made


def _with_notice(message: Mapping[str, object], notice: str) -> Mapping[str, object]:
    attachments = message.get("attachments", [])
    assert isinstance(attachments, list)  # the layouts make it
    lines = textwrap.wrap(notice, TEXT_CHARS_MAX, break_on_hyphens=False)
    return {**message, "attachments": [*attachments, *({"color": "warning", "text": escaped(line)} for line in lines)]}


def escaped(text: str) -> str:
    """Text as Slack shows it: a name with `<!channel>` in it must not call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def with_buttons(message: Mapping[str, object], alert: NotifiedAlert) -> Mapping[str, object]:
    """A message about one alert that fires, with what can be done about it."""
    if not alert.is_firing:
        return message
    elements = [
        {
            "type": "button",
            "action_id": PREFIX + name,
            "value": alert.fingerprint,
            "text": {"type": "plain_text", "text": label},
            **({"style": "primary"} if name == "acknowledge" else {}),
        }
        for name, label in _LABELS.items()
    ]
    attachments = message.get("attachments", [])
    assert isinstance(attachments, list)  # the layouts make it
    blocks = {"blocks": [{"type": "actions", "elements": elements}]}
    return {**message, "attachments": [*attachments, blocks]}


def is_from_slack(secret: str, body: bytes, *, timestamp: str, signature: str) -> bool:
    """Whether Slack signed these bytes at this time."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={digest}".encode(), signature.encode())


class SlackButtons:
    """Acts on what people press, and shows in the message who did.

    Args:
        channels: the Slack integrations as configured now.
        responder: acts on alerts.
        clock: time.
        registry: for the counters.
    """

    def __init__(
        self,
        *,
        channels: Callable[[], Sequence[SlackOptions]],
        responder: AlertResponder,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._channels = channels
        self._responder = responder
        self._clock = clock
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._pressed = Counter(
            "anyascope_slack_callbacks", "Buttons that were pressed, by what became of it.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self._pressed.labels("refused")

    async def pressed(self, body: bytes, *, timestamp: str, signature: str) -> None:
        """Act, and write into the message what was done.

        Raises:
            DeniedError: Slack did not sign this, or it is old, or was here before.
            InvalidInputError: it is no button of ours.
        """
        options = self._checked(body, timestamp=timestamp, signature=signature)
        payload = _payload(body)
        name, alert_id = _action(payload)
        action, for_s, done = _ACTIONS[name]
        by = _user(payload)
        try:
            result = await self._responder.respond(alert_id, action, by=by, for_s=for_s)
        except (NotFoundError, ConflictError) as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]} ({by})"
            self._pressed.labels("too_late").inc()
        else:
            told = f"{done} by {by}. {result.notice}".strip()
            self._pressed.labels("taken").inc()
        log.info("slack_button_pressed", action=name, alert=alert_id, by=by)
        await self._show(payload, told, options, keeps_buttons=action is not ResponseAction.ACKNOWLEDGE)

    def _checked(self, body: bytes, *, timestamp: str, signature: str) -> SlackOptions:
        try:
            return self._believed(body, timestamp=timestamp, signature=signature)
        except DeniedError:
            self._pressed.labels("refused").inc()
            raise

    def _believed(self, body: bytes, *, timestamp: str, signature: str) -> SlackOptions:
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise DeniedError("X-Slack-Request-Timestamp is missing, or no time")
        if abs(self._clock.now_ns() // NS_PER_S - int(timestamp)) > AGE_S_MAX:
            raise DeniedError(f"the request is more than {AGE_S_MAX} s old or of the future")
        for options in self._channels():
            secret: Secret | None = options.signing_secret
            if secret is not None and is_from_slack(secret.reveal(), body, timestamp=timestamp, signature=signature):
                if signature in self._seen:
                    raise DeniedError("this very request was here before")
                self._seen[signature] = None
                while len(self._seen) > SEEN_MAX:
                    self._seen.popitem(last=False)
                return options
        raise DeniedError("X-Slack-Signature does not fit any receiver's signing_secret")

    async def _show(self, payload: Mapping[str, Any], told: str, options: SlackOptions, *, keeps_buttons: bool) -> None:
        url = payload.get("response_url")
        if not isinstance(url, str) or not _is_slacks(url, options):
            return
        message = updated(payload.get("message"), told, keeps_buttons=keeps_buttons)
        sender = HttpSender(options.http, timeout_s=_ANSWER_TIMEOUT_S, clock=self._clock)
        try:
            answer = await sender.post(url, json.dumps(message).encode(), headers={})
        finally:
            await sender.close()
        if isinstance(answer, Outcome) or answer.status >= 300:
            # What was pressed counts all the same; only the message does not show it.
            log.warning("slack_message_not_updated", detail=answer.detail)


def updated(message: object, told: str, *, keeps_buttons: bool) -> dict[str, object]:
    """The message that replaces the one with the button: as it was, with a line of what was done."""
    known = message if isinstance(message, dict) else {}
    attachments = [one for one in known.get("attachments") or () if isinstance(one, dict)]
    if not keeps_buttons:
        attachments = [one for one in attachments if not _has_buttons(one)]
    line = {"color": "good", "text": escaped(told)}
    return {"replace_original": True, "text": known.get("text") or "", "attachments": [*attachments, line]}


def _has_buttons(attachment: Mapping[str, Any]) -> bool:
    blocks = attachment.get("blocks")
    return isinstance(blocks, list) and any(isinstance(one, dict) and one.get("type") == "actions" for one in blocks)


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        form = dict(parse_qsl(body.decode(), strict_parsing=True, errors="strict", max_num_fields=10))
        payload = json.loads(form["payload"])
    except (ValueError, KeyError, RecursionError) as error:
        raise InvalidInputError("the body must be a form with JSON in its field payload") from error
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        raise InvalidInputError("only block_actions are understood", path="payload.type")
    return payload


def _action(payload: Mapping[str, Any]) -> tuple[str, str]:
    actions = payload.get("actions")
    if isinstance(actions, list) and len(actions) == 1 and isinstance(actions[0], dict):
        name, value = actions[0].get("action_id"), actions[0].get("value")
        if isinstance(name, str) and isinstance(value, str) and name.removeprefix(PREFIX) in _ACTIONS:
            return name.removeprefix(PREFIX), value
    raise InvalidInputError("there is no button of ours in it", path="payload.actions")


def _user(payload: Mapping[str, Any]) -> str:
    user = payload.get("user")
    if isinstance(user, dict):
        for name in ("username", "name", "id"):
            if isinstance(user.get(name), str) and user[name]:
                return f"{user[name][:100]} (Slack)"
    raise InvalidInputError("nobody pressed it", path="payload.user")


def _is_slacks(url: str, options: SlackOptions) -> bool:
    """Whether an address to answer at is Slack's, or that of the stand-in which the receiver posts to."""
    asked = urlsplit(url)
    if asked.scheme == "https" and (asked.hostname or "").endswith((".slack.com", ".slack-gov.com")):
        return True
    ours = options.api_url.reveal() if options.api_url is not None else options.app_url
    return (asked.scheme, asked.netloc) == urlsplit(ours)[:2]
