"""WeChat Work, as an application with a token of two hours.

Source: WeChat Work, "Get access_token", "Send application messages" and "Global error codes"; fields as Alertmanager 0.34.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from anyascope.clock import NS_PER_S, Clock
from anyascope.model.channels.wechat import WechatOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, ask, calls_or_outcome, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.cut import cut_bytes

MESSAGE_BYTES_MAX = 2048  # what the API takes
TOKEN_S = 7200.0  # what a token lives; the answer may say less
TOKEN_ENDED: Final = frozenset((40014, 42001))
PASSING: Final = frozenset((-1, 45009, 45011, 45033, 50004))  # busy, or too often

_DEFAULTS: Final = {
    "message": '{{ template "wechat.default.message" . }}',
    "to_user": '{{ template "wechat.default.to_user" . }}',
    "to_party": '{{ template "wechat.default.to_party" . }}',
    "to_tag": '{{ template "wechat.default.to_tag" . }}',
    "agent_id": '{{ template "wechat.default.agent_id" . }}',
}


class WechatChannel:
    """Gets a token, and sends with it until it ends."""

    def __init__(self, options: WechatOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
        self._clock = clock
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)
        self._token = ""
        self._token_ends_ns = 0

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:  # noqa: ARG002  # has one part
        options = self._options
        texts = Texts(self._templates, notification, given=options.texts, defaults=_DEFAULTS, said="message")
        if self._clock.monotonic_ns() >= self._token_ends_ns:
            refused = await self._get_token(texts)
            if refused is not None:
                return refused
        call = message_call(options, texts, self._token)
        answer = await ask(self._sender, call, notification)
        if isinstance(answer, Outcome):
            return answer
        outcome, error = _judge(answer)
        if error in TOKEN_ENDED:
            self._token_ends_ns = 0
        if outcome.kind is AttemptOutcome.OK:
            return replace(outcome, detail=shown(outcome.detail + texts.note, ()))
        return outcome

    async def close(self) -> None:
        await self._sender.close()

    async def _get_token(self, texts: Texts) -> Outcome | None:
        """Take a token; the outcome where there is none."""
        call = calls_or_outcome(lambda: token_call(self._options, texts))
        if isinstance(call, Outcome):
            return call
        answer = await ask(self._sender, call, texts.notification)
        if isinstance(answer, Outcome):
            return answer
        outcome, _ = _judge(answer)
        if outcome.kind is not AttemptOutcome.OK:
            return outcome
        said = _said(answer)
        token = said.get("access_token")
        if not isinstance(token, str) or not token:
            detail = f"invalid api_secret for corp_id {self._options.corp_id}"
            return Outcome(AttemptOutcome.FAILED, shown(detail, answer.hidden))
        life_s = said.get("expires_in")
        seconds = life_s if isinstance(life_s, int) and 0 < life_s < TOKEN_S else TOKEN_S
        self._token, self._token_ends_ns = token, self._clock.monotonic_ns() + int(seconds * NS_PER_S)
        return None


def token_call(options: WechatOptions, texts: Texts) -> Call:
    """The request for a token."""
    secret = texts.must(options.api_secret.reveal())
    query = urlencode({"corpid": texts.must(options.corp_id), "corpsecret": secret})
    return Call(f"{options.api_url}gettoken?{query}", b"", method="GET", secrets=(secret,))


def message_call(options: WechatOptions, texts: Texts, token: str) -> Call:
    """The message, with this token."""
    content, empty = {"content": cut_bytes(texts.spoken("message"), MESSAGE_BYTES_MAX)}, {"content": ""}
    is_markdown = options.message_type == "markdown"
    to = {"touser": texts["to_user"], "toparty": texts["to_party"], "totag": texts["to_tag"]}
    message = {
        "text": empty if is_markdown else content,
        **without_empty({**to, "agentid": texts["agent_id"]}),
        "safe": "0",
        "msgtype": options.message_type,
        "markdown": content if is_markdown else empty,
    }
    url = f"{options.api_url}message/send?access_token={quote(token, safe='')}"
    return Call(url, go_json(message), secrets=(token,))


def _judge(answer: Answer) -> tuple[Outcome, int]:
    """The outcome, and the error that WeChat says with its 200; any other status may pass, as upstream has it."""
    outcome = judge(answer)
    if outcome.kind is not AttemptOutcome.OK:
        return replace(outcome, kind=AttemptOutcome.RETRY), 0
    error = _said(answer).get("errcode", 0)
    if not isinstance(error, int) or error == 0:
        return outcome, 0
    kind = AttemptOutcome.RETRY if error in TOKEN_ENDED | PASSING else AttemptOutcome.FAILED
    return Outcome(kind, shown(answer.detail, answer.hidden), retry_after_s=answer.retry_after_s), error


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
