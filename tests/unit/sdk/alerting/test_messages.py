"""What is sent, as files to read: Slack, webhook, e-mail, phone, and what is handed over.

`ANYASCOPE_WRITE_GOLDEN=1` writes the files anew; look at the difference before you keep it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting import AlertBuilders
from anyascope.sdk.alerting.book import Book, Moment
from anyascope.sdk.alerting.channel import turn
from anyascope.sdk.alerting.channels.email import EmailChannel, subject, thread_headers
from anyascope.sdk.alerting.channels.phone import spoken, twiml, written
from anyascope.sdk.alerting.channels.slack import slack_payload
from anyascope.sdk.alerting.forward import posted_alert
from anyascope.sdk.alerting.notice import notification_of
from anyascope.sdk.alerting.policy import DEFAULT_POLICIES
from anyascope.wire.alertmanager_post import encode_postable
from anyascope.wire.notices.webhook import webhook_body
from support.alerting import START_S, an_alert

GOLDEN = Path(__file__).parents[3] / "golden" / "sdk"
NOW = Moment(5_000_000_000, (START_S + 30) * 1_000_000_000)


def assert_golden(name: str, content: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("ANYASCOPE_WRITE_GOLDEN"):
        path.write_bytes(content)
    assert content == path.read_bytes()


@pytest.mark.parametrize("severity", list(AlertSeverity), ids=lambda severity: severity.value)
def test_slack(severity):
    """Colour, mark, text, four short fields and the time, in the house's layout, byte for byte."""
    assert_golden(f"slack-{severity.value}.json", slack_payload(an_alert(severity=severity), channel="#ops"))


def test_slack_of_the_builders():
    """The four builders as Slack shows them."""
    alerts = [
        AlertBuilders.bitcoin_low_balance("hot-1", 50_000, 1_000_000),
        AlertBuilders.hsm_operation_failed("sign", "softhsm", "CKR_DEVICE_ERROR"),
        AlertBuilders.api_high_error_rate("/v1/withdrawals", 0.12345, 0.05),
        AlertBuilders.system_health_degraded("postgres", 0.4567),
    ]
    lines = b"\n".join(slack_payload(replace(alert, id="id", timestamp=START_S)) for alert in alerts)
    assert_golden("slack-builders.jsonl", lines + b"\n")


def test_slack_signs_are_harmless():
    """A text cannot call everybody, and a long one is cut."""
    payload = slack_payload(an_alert("<!channel> & co", description="x" * 5_000)).decode()
    assert "&lt;!channel&gt; &amp; co" in payload
    assert "x" * 3_001 not in payload


def test_webhook():
    """Alertmanager's version 4 with one alert."""
    assert_golden("webhook.json", webhook_body(notification_of(an_alert(), receiver="webhook")))


def message_of(alert) -> bytes:
    channel = EmailChannel(
        "mail.test", sender="anya <alerts@example.org>", recipients=["a@example.org", "b@example.org"]
    )
    return channel._message(alert).as_bytes()


def test_email():
    """Headers, text and HTML of a page."""
    message = message_from_bytes(message_of(an_alert()), policy=policy.default)
    headers = "".join(f"{name}: {value}\n" for name, value in message.items() if name not in ("Date", "Content-Type"))
    parts = "\n".join(part.get_content() for part in message.walk() if not part.is_multipart())
    assert_golden("email.txt", f"{headers}\n{parts}".encode())


def test_email_repeats_answer_the_first_one():
    """Each send has an id of its own, the same at each attempt; all but the first refer to the first."""
    alert = an_alert(id="abc")
    first = {"Message-ID": "<alert-abc@example.org>"}
    assert thread_headers(alert, domain="example.org") == first
    with turn("0-0"):
        assert thread_headers(alert, domain="example.org") == first
    with turn("0-3"):
        assert thread_headers(alert, domain="example.org") == {
            "Message-ID": "<alert-abc.0-3@example.org>",
            "In-Reply-To": "<alert-abc@example.org>",
            "References": "<alert-abc@example.org>",
        }


@pytest.mark.parametrize(
    "text", ["a\r\nBcc: evil@example.org", "a\nBcc: evil@example.org", "a\u2028Bcc: x", "\x00\x0b\x0c"]
)
def test_email_headers_cannot_be_injected(text):
    """Line breaks in a title, an id or a component begin no header."""
    alert = an_alert(text, id=text)
    message = message_from_bytes(message_of(alert), policy=policy.default)
    assert message["Bcc"] is None
    assert "\n" not in subject(alert)
    assert message["To"] == "a@example.org, b@example.org"


def test_phone_texts():
    """What is heard and what is read; TwiML stays XML whatever the texts hold."""
    alert = an_alert("Keys <gone> & \x07 lost")
    assert spoken(alert).startswith("critical alert. Keys <gone> & ")
    heard = [element.text for element in ET.fromstring(twiml(alert)).iter("Say")]
    assert heard[0] == heard[1]
    assert "Keys <gone> &" in heard[0]
    assert len(written(an_alert(description="x" * 9_000))) == 1_600


def test_handed_over():
    """Labels, annotations and lease as an Alertmanager takes them; then the end."""
    book = Book()
    alert = an_alert(labels={"wallet": "cold", "component": "other", "": "x"})
    held, _ = book.put(alert, DEFAULT_POLICIES["critical"], NOW)
    firing = encode_postable([posted_alert(held, now=NOW, generator_url="https://custody.test/health?a=1&b=2")])
    book.resolve(held, NOW)
    ended = encode_postable([posted_alert(held, now=NOW, generator_url="")])
    assert_golden("handed-over.jsonl", firing + ended)
