"""Slack's buttons: offered where they can be verified, believed once and only from Slack, shown in the message."""

from __future__ import annotations

import hashlib
import hmac
import json
from random import Random
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.callbacks import callback_routes
from anyascope.clock import ManualClock
from anyascope.errors import ConflictError, DeniedError
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.notifications import NotificationReason
from anyascope.model.responses import ResponseAction
from anyascope.model.secret import Secret
from anyascope.notify import buttons
from anyascope.notify.buttons import AGE_S_MAX, SlackButtons, dressed, updated
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.email import email_html, email_text, with_notice
from anyascope.wire.notices.slack import TEXT_CHARS_MAX, default_messages
from support.notifications import AT_NS, SIGNING_FAILED, ended, many, notification

SECRET, NOW_S = "8f742231b10e8888abcd99yyyzzz85a5", AT_NS // 10**9
OPTIONS = SlackOptions(api_url=Secret("https://hooks.slack.com/services/x"), signing_secret=Secret(SECRET))


class Responder:
    def __init__(self):
        self.done, self.error = [], None

    async def respond(self, alert_id, action, *, by, note="", for_s=None, to=""):
        if self.error:
            raise self.error
        self.done.append((alert_id, action, by, for_s))

        class Result:
            notice = ""

        return Result()


class Slack:
    """A Slack that signs, and takes updated messages."""

    def __init__(self, monkeypatch, answer=None):
        self.clock, self.responder, self.shown = ManualClock(AT_NS), Responder(), []
        self.answer = answer or Answer(200, "OK", b"ok", 0.0)
        monkeypatch.setattr(buttons, "HttpSender", lambda *_, **__: self)
        self.registry = CollectorRegistry()
        self.buttons = SlackButtons(
            channels=lambda: [SlackOptions(), OPTIONS],
            responder=self.responder,
            clock=self.clock,
            registry=self.registry,
        )

    async def post(self, url, body, *, headers):
        self.shown.append((url, json.loads(body)))
        return self.answer

    async def close(self):
        pass

    async def press(self, body, *, at_s=NOW_S, signature=None):
        signature = sign(body, at_s=at_s) if signature is None else signature
        await self.buttons.pressed(body, timestamp=str(at_s), signature=signature)


def sign(body, *, at_s=NOW_S, secret=SECRET):
    return "v0=" + hmac.new(secret.encode(), b"v0:%d:" % at_s + body, hashlib.sha256).hexdigest()


def press_of(name="acknowledge", *, url="https://hooks.slack.com/actions/1", **changes):
    ((_, message),) = dressed(
        default_messages(notification(), channel="#ops", look={}), notification(), has_buttons=True
    )
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "anna"},
        "actions": [{"action_id": f"anyascope_{name}", "value": SIGNING_FAILED.fingerprint}],
        "response_url": url,
        "message": {"text": "", "attachments": message["attachments"]},
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_of_one_alert_that_fires_has_buttons():
    """One alert that fires can be answered; an end and a digest cannot, nor anything where nothing could be verified."""
    told = notification(SIGNING_FAILED)
    ((part, message),) = dressed(default_messages(told, channel="", look={}), told, has_buttons=True)
    elements = message["attachments"][-1]["blocks"][0]["elements"]
    assert part == SIGNING_FAILED.fingerprint
    assert [(one["action_id"], one["value"]) for one in elements] == [
        ("anyascope_acknowledge", part),
        ("anyascope_snooze", part),
        ("anyascope_escalate", part),
    ]
    over = notification(ended(SIGNING_FAILED), reason=NotificationReason.ALL_RESOLVED)
    for one, has_buttons in ((over, True), (notification(*many(9)), True), (told, False)):
        plain = default_messages(one, channel="", look={})
        assert dressed(plain, one, has_buttons=has_buttons) == plain


def test_what_delivery_says_stands_in_the_message():
    """A notice is shown whole, in pieces that Slack does not fold away, and calls nobody; in mail it stands in front."""
    notice = "Storm: <!channel> " + ", ".join(f"node-{n}" for n in range(1500))
    told = notification(*many(9), notice=notice)
    ((_, message),) = dressed(default_messages(told, channel="", look={}), told, has_buttons=True)
    pieces = [one["text"] for one in message["attachments"][1:]]
    assert " ".join(pieces).replace("&lt;", "<").replace("&gt;", ">") == notice
    assert all(len(piece) <= TEXT_CHARS_MAX + 20 for piece in pieces)
    text, html = with_notice(email_text(told), email_html(told), notice)
    assert text.startswith(notice)
    assert html.index("Storm: &lt;!channel&gt;") < html.index("<h3")
    assert with_notice("", "<b>x</b>", "n") == ("", '<p style="color: #8a6d00">n</p>\n<b>x</b>')
    assert with_notice("x", "", "n") == ("n\n\nx", "")
    assert with_notice("x", "y", "") == ("x", "y")


# --- presses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "action", "for_s", "line"),
    [
        ("acknowledge", ResponseAction.ACKNOWLEDGE, None, "Acknowledged by anna (Slack)."),
        ("snooze", ResponseAction.SNOOZE, 3600.0, "Snoozed for an hour by anna (Slack)."),
        ("escalate", ResponseAction.ESCALATE, None, "Escalated by anna (Slack)."),
    ],
)
async def test_a_button_acts_and_the_message_says_who(*, monkeypatch, name, action, for_s, line):
    """The alert is answered in the name of who pressed; the message has a line more, and once acknowledged no buttons."""
    slack = Slack(monkeypatch)
    await slack.press(press_of(name))
    assert slack.responder.done == [(SIGNING_FAILED.fingerprint, action, "anna (Slack)", for_s)]
    ((url, message),) = slack.shown
    assert (url, message["replace_original"]) == ("https://hooks.slack.com/actions/1", True)
    assert message["attachments"][0]["title"] == "[🚨] Signing failed"
    assert message["attachments"][-1]["text"] == line
    assert any("blocks" in one for one in message["attachments"]) is (name != "acknowledge")
    assert slack.registry.get_sample_value("anyascope_slack_callbacks_total", {"outcome": "taken"}) == 1


async def test_what_came_too_late_is_said(monkeypatch):
    """An alert that has ended is told so in the message; a message that cannot be updated changes nothing."""
    slack = Slack(monkeypatch, Answer(500, "no", b"", 0.0))
    slack.responder.error = ConflictError("the alert <x> has ended")
    await slack.press(press_of())
    assert slack.shown[0][1]["attachments"][-1]["text"] == "The alert &lt;x&gt; has ended (anna (Slack))"


async def test_an_answer_goes_to_slack_alone(monkeypatch):
    """An address elsewhere is not asked, whoever signed it."""
    slack = Slack(monkeypatch)
    for url in ("http://169.254.169.254/", "https://slack.com.evil.test/", "http://hooks.slack.com/", None):
        await slack.press(press_of(url=url))
    assert slack.shown == []
    assert len(slack.responder.done) == 4


async def test_only_slack_is_believed_and_once(monkeypatch):
    """Old, future, replayed, unsigned and altered requests are refused, and nothing is done."""
    slack = Slack(monkeypatch)
    body = press_of()
    right = sign(body)
    random = Random(5)
    for at_s in (NOW_S - AGE_S_MAX - 1, NOW_S + AGE_S_MAX + 1):
        with pytest.raises(DeniedError, match="more than 300 s old"):
            await slack.press(body, at_s=at_s)
    for signature in (
        "",
        "v0=",
        right[:-1],
        right.upper(),
        sign(body, secret="other"),
        sign(body, at_s=NOW_S - 1),
        "ü",
    ):
        with pytest.raises(DeniedError):
            await slack.press(body, signature=signature)
    for _ in range(1000):
        altered = bytearray(body)
        altered[random.randrange(len(body))] ^= 1 << random.randrange(8)
        with pytest.raises(DeniedError):
            await slack.press(bytes(altered), signature=right)
    for timestamp in ("", "x", "٣", "9" * 13):
        with pytest.raises(DeniedError, match="missing, or no time"):
            await slack.buttons.pressed(body, timestamp=timestamp, signature=right)
    assert slack.responder.done == []
    await slack.press(body)
    with pytest.raises(DeniedError, match="was here before"):
        await slack.press(body)
    assert len(slack.responder.done) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=%7B",
        b"other=1",
        urlencode({"payload": "[]"}).encode(),
        urlencode({"payload": '{"type": "view_submission"}'}).encode(),
        press_of("delete"),
        press_of(actions=[]),
        press_of(actions=[{"action_id": "anyascope_acknowledge"}]),
        press_of(user={}),
        urlencode({"payload": "[" * 50_000}).encode(),
    ],
)
async def test_what_is_no_button_of_ours_is_a_400(monkeypatch, body):
    """Signed nonsense is refused by name."""
    slack = Slack(monkeypatch)
    app = Starlette(routes=callback_routes(None, slack.buttons))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        headers = {"x-slack-request-timestamp": str(NOW_S), "x-slack-signature": sign(body)}
        answer = await client.post("/callbacks/slack", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert slack.responder.done == []


def test_a_message_without_parts_is_updated_too():
    """Whatever Slack sends back as the message, the line is shown."""
    for message in (None, {}, {"attachments": None}, {"attachments": ["x"]}):
        assert updated(message, "done", keeps_buttons=False)["attachments"] == [{"color": "good", "text": "done"}]
