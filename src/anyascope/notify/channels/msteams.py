"""Microsoft Teams: message cards to connectors, and adaptive cards to workflows.

Source: Microsoft, "Legacy actionable message card reference", "Create incoming webhooks with Workflows" and "Rate limiting for
connectors"; fields and colours as Alertmanager 0.34.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from anyascope.model.channels.msteams import MsteamsOptions
from anyascope.model.channels.msteamsv2 import Msteamsv2Options
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.notify.http import judge
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import is_retried, shown
from anyascope.wire.notices.cut import cut_bytes

TEXT_BYTES_MAX = 20 * 1024  # a card of more than 28 kB is refused; the rest is room for titles and escapes
TITLE_BYTES_MAX = 2 * 1024
COLOR_FIRING, COLOR_RESOLVED = "8C1A1A", "2DC72D"
STYLE_FIRING, STYLE_RESOLVED = "Attention", "Good"

_INNER_ERROR = re.compile(rb"HTTP error (\d{3})")

_DEFAULTS: Final = {
    "title": '{{ template "msteams.default.title" . }}',
    "summary": '{{ template "msteams.default.summary" . }}',
    "text": '{{ template "msteams.default.text" . }}',
}
_DEFAULTS_V2: Final = {
    "title": '{{ template "msteamsv2.default.title" . }}',
    "text": '{{ template "msteamsv2.default.text" . }}',
}


def _card_calls(options: MsteamsOptions, texts: Texts) -> Sequence[Call]:
    message = {
        "@context": "http://schema.org/extensions",
        "type": "MessageCard",
        "title": cut_bytes(texts["title"], TITLE_BYTES_MAX),
        "summary": cut_bytes(texts["summary"], TITLE_BYTES_MAX),
        "text": cut_bytes(texts["text"], TEXT_BYTES_MAX),
        "themeColor": COLOR_FIRING if texts.notification.is_firing else COLOR_RESOLVED,
    }
    return [Call(options.webhook_url.reveal(), go_json(message))]


def _workflow_calls(options: Msteamsv2Options, texts: Texts) -> Sequence[Call]:
    heading = {
        "type": "TextBlock",
        "text": cut_bytes(texts["title"], TITLE_BYTES_MAX),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "style": "heading",
        "color": STYLE_FIRING if texts.notification.is_firing else STYLE_RESOLVED,
    }
    text = {"type": "TextBlock", "text": cut_bytes(texts["text"], TEXT_BYTES_MAX), "wrap": True}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [heading, text],
        "msteams": {"width": "full"},
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    message = {"type": "message", "attachments": [attachment]}
    return [Call(options.webhook_url.reveal(), go_json(message))]


def _judge(answer: Answer) -> Outcome:
    """A connector says 200 and what Teams said to it in the body."""
    outcome = judge(answer)
    inner = _INNER_ERROR.search(answer.body)
    if outcome.kind is not AttemptOutcome.OK or inner is None:
        return outcome
    kind = AttemptOutcome.RETRY if is_retried(int(inner.group(1))) else AttemptOutcome.FAILED
    return Outcome(kind, shown(answer.detail, answer.hidden), retry_after_s=answer.retry_after_s)


MSTEAMS: Final[Vendor[MsteamsOptions]] = Vendor(_DEFAULTS, "text", _card_calls, _judge)
MSTEAMSV2: Final[Vendor[Msteamsv2Options]] = Vendor(_DEFAULTS_V2, "text", _workflow_calls)
