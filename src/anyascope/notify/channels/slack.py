"""Slack, by an incoming webhook or an app's token.

Unless the receiver has templates of its own, each alert that is news is one message in one layout; many at once are one
digest in the same layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.notifications import AttemptOutcome, Notification, NotificationReason, NotifiedAlert
from anyascope.model.receivers import SlackOptions
from anyascope.notify.channel import Outcome, shown
from anyascope.notify.http import Answer, HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.semconv.alerts import category_of, component_of, severity_of, title_of, traits_of
from anyascope.wire.gotemplate import TemplateError

USERNAME: Final = "Anya Core Alerts"
ICON: Final = ":warning:"
COLOR_RESOLVED: Final = "good"  # Slack's own green, which no severity has
MARK_RESOLVED: Final = "✅ Resolved:"
MESSAGES_MAX = (
    5  # alerts told one by one; more at once would push each other out of sight, and Slack takes one a second
)
DIGEST_LINES_MAX = 20
TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 3_000  # Slack folds longer ones away

# Errors with which Slack answers 200 and that may pass.
_RETRIED_ERRORS = frozenset(("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"))
_LOOK = frozenset(("username", "icon_emoji", "icon_url"))  # templates that change who speaks, not what is said


class SlackChannel:
    """Posts to one Slack channel."""

    def __init__(self, options: SlackOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
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
            parts = default_messages(notification, channel=self._options.channel, look={})
        waiting = [(part, message) for part, message in parts if part not in done]
        if not waiting:
            return Outcome(AttemptOutcome.OK, "nothing left to send")
        part, message = waiting[0]
        outcome = await self._post(message, notification.id)
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
        return default_messages(notification, channel=channel, look=look)

    async def _post(self, message: Mapping[str, object], identity: str) -> Outcome:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Idempotency-Key": identity}
        try:
            if self._options.app_token is not None:
                url, token = self._options.app_url, self._options.app_token.reveal()
                headers["Authorization"] = f"Bearer {token}"
            else:
                assert self._options.api_url is not None  # the settings have one of both
                url, token = self._options.api_url.reveal(), ""
        except InvalidInputError as error:
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        answer = await self._sender.post(url, body, headers=headers, secrets=(token,))
        return answer if isinstance(answer, Outcome) else _judge(answer)


def _judge(answer: Answer) -> Outcome:
    """Slack's API says 200 to everything and what it means in the body."""
    outcome = judge(answer)
    if outcome.kind is not AttemptOutcome.OK or not answer.body.startswith(b"{"):
        return outcome
    try:
        said: Any = json.loads(answer.body)
    except ValueError:
        return outcome
    if not isinstance(said, dict) or said.get("ok", True) is True:
        return outcome
    error = str(said.get("error", "unknown error"))
    kind = AttemptOutcome.RETRY if error in _RETRIED_ERRORS else AttemptOutcome.FAILED
    return Outcome(kind, shown(f"{outcome.detail}: {error}", answer.hidden), retry_after_s=answer.retry_after_s)


# --- our layout -------------------------------------------------------------------------------------------------------


def default_messages(
    notification: Notification, *, channel: str, look: Mapping[str, str]
) -> list[tuple[str, Mapping[str, object]]]:
    """Messages by the name of their part: one an alert that is news, or one digest of many."""
    alerts = notification.alerts
    if notification.reason is not NotificationReason.REPEAT:
        alerts = tuple(alert for alert in alerts if alert.is_news) or alerts
    if len(alerts) > MESSAGES_MAX:
        return [("digest", _message(digest_attachment(notification, alerts), channel, look))]
    return [
        (f"{'' if alert.is_firing else '-'}{alert.fingerprint}", _message(attachment(alert), channel, look))
        for alert in alerts
    ]


def _message(content: Mapping[str, object], channel: str, look: Mapping[str, str]) -> Mapping[str, object]:
    message: dict[str, object] = {"channel": channel} if channel else {}
    message["username"] = look.get("username") or USERNAME
    if look.get("icon_url"):
        message["icon_url"] = look["icon_url"]
    else:
        message["icon_emoji"] = look.get("icon_emoji") or ICON
    message["attachments"] = [content]
    return message


def attachment(alert: NotifiedAlert) -> Mapping[str, object]:
    """One alert: colour, marked title, text, four short fields and its time."""
    severity = severity_of(alert.labels)
    traits = traits_of(severity)
    title = f"{traits.mark} {title_of(alert.labels, alert.annotations)}"
    return _attachment(
        color=traits.color if alert.is_firing else COLOR_RESOLVED,
        title=title if alert.is_firing else f"{MARK_RESOLVED} {title}",
        text=_text_of(alert),
        fields=(
            ("Severity", severity.value),
            ("Category", category_of(alert.labels).value),
            ("Source", component_of(alert.labels)),
            ("Alert ID", alert.fingerprint),
        ),
        time_ns=alert.starts_ns if alert.is_firing else alert.ends_ns,
    )


def _text_of(alert: NotifiedAlert) -> str:
    said = alert.annotations
    return said.get("description") or said.get("message") or ""


def digest_attachment(notification: Notification, alerts: Sequence[NotifiedAlert]) -> Mapping[str, object]:
    """Many alerts in one: the most severe one's colour and mark, a line an alert."""
    firing = [alert for alert in alerts if alert.is_firing]
    leading = min(firing or alerts, key=lambda alert: traits_of(severity_of(alert.labels)).rank)
    traits = traits_of(severity_of(leading.labels))
    about = " ".join(value for _, value in notification.group_labels) or notification.receiver
    counts = [f"{len(firing)} firing"] if firing else []
    counts += [f"{len(alerts) - len(firing)} resolved"] if len(firing) < len(alerts) else []
    title = f"{traits.mark} {about}: {', '.join(counts)}"
    lines = [_line(alert) for alert in alerts[:DIGEST_LINES_MAX]]
    if len(alerts) > DIGEST_LINES_MAX:
        lines.append(f"… and {len(alerts) - DIGEST_LINES_MAX} more")
    return _attachment(
        color=traits.color if firing else COLOR_RESOLVED,
        title=title if firing else f"{MARK_RESOLVED} {title}",
        text="\n".join(lines),
        fields=(
            ("Severity", severity_of(leading.labels).value),
            ("Category", _shared([category_of(alert.labels).value for alert in alerts])),
            ("Source", _shared([component_of(alert.labels) for alert in alerts])),
            ("Alert ID", f"{leading.fingerprint} and {len(alerts) - 1} more"),
        ),
        time_ns=max(alert.starts_ns if alert.is_firing else alert.ends_ns for alert in alerts),
    )


def _line(alert: NotifiedAlert) -> str:
    mark = traits_of(severity_of(alert.labels)).mark if alert.is_firing else "✅"
    return f"{mark} {title_of(alert.labels, alert.annotations)} ({component_of(alert.labels)})"


def _shared(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else "several"


def _attachment(
    *, color: str, title: str, text: str, fields: Sequence[tuple[str, str]], time_ns: int
) -> Mapping[str, object]:
    return {
        "color": color,
        "title": _escaped(title, TITLE_CHARS_MAX),
        "text": _escaped(text, TEXT_CHARS_MAX),
        "fields": [{"title": name, "value": _escaped(value, TITLE_CHARS_MAX), "short": True} for name, value in fields],
        "ts": time_ns // NS_PER_S,
    }


def _escaped(text: str, chars_max: int) -> str:
    """Text as Slack shows it: a label with `<!channel>` in it must not call everybody."""
    cut = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
