"""Pushover.

Source: Pushover, "Message API"; parameters and limits as Alertmanager 0.34, which puts them into the address instead of the
body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from anyascope.model.channels.pushover import PushoverOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor
from anyascope.wire.notices.cut import cut_chars

TITLE_CHARS_MAX = 250  # what the API takes, as the next two
MESSAGE_CHARS_MAX = 1024
URL_CHARS_MAX = 512
EMPTY = "(no details)"  # an empty message is refused

_DEFAULTS: Final = {
    "title": '{{ template "pushover.default.title" . }}',
    "message": '{{ template "pushover.default.message" . }}',
    "url": '{{ template "pushover.default.url" . }}',
    "url_title": "",
    "device": "",
    "sound": "",
    "priority": '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}',
}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def _calls(options: PushoverOptions, texts: Texts) -> Sequence[Call]:
    token, user = texts.must(options.token.reveal()), texts.must(options.user_key.reveal())
    message = texts.html("message") if options.html else texts["message"]
    fields = {
        "token": token,
        "user": user,
        "title": cut_chars(texts["title"], TITLE_CHARS_MAX),
        "message": cut_chars(message, MESSAGE_CHARS_MAX).strip() or EMPTY,
        "url": cut_chars(texts["url"], URL_CHARS_MAX),
        "retry": str(int(options.retry_s)),
        "expire": str(int(options.expire_s)),
        **{name: texts[name] for name in ("url_title", "priority", "device", "sound")},
    }
    if options.html:
        fields["html"] = "1"
    if options.monospace:
        fields["monospace"] = "1"
    if options.ttl_s >= 1:
        fields["ttl"] = str(int(options.ttl_s))
    body = urlencode(sorted(fields.items())).encode()
    return [Call(options.url, body, headers=_FORM, secrets=(token, user))]


PUSHOVER: Final[Vendor[PushoverOptions]] = Vendor(_DEFAULTS, "message", _calls)
