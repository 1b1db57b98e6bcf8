"""Webex, as a bot.

Source: Webex, "Create a Message"; the limit as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from anyascope.model.channels.webex import WebexOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.cut import cut_bytes

MESSAGE_BYTES_MAX = 7439  # what the API takes

_DEFAULTS: Final = {"message": '{{ template "webex.default.message" . }}'}


def _calls(options: WebexOptions, texts: Texts) -> Sequence[Call]:
    message = {
        "markdown": cut_bytes(texts.spoken("message"), MESSAGE_BYTES_MAX),
        **without_empty({"roomId": texts.of(options.room_id)}),
    }
    return [Call(options.api_url, go_json(message))]


WEBEX: Final[Vendor[WebexOptions]] = Vendor(_DEFAULTS, "message", _calls)
