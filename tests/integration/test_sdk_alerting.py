"""The SDK's alerts reach real ends: Slack's and other webhooks, a mail server, a phone gateway, an Alertmanager, anyascope."""

from __future__ import annotations

import base64
import contextlib
import json
import smtplib
import ssl
import threading
import time
from email import message_from_string, policy
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from prometheus_client import CollectorRegistry

from anyascope.sdk.alerting import (
    AlertBuilders,
    AlertManager,
    AlertSeverity,
    EmailChannel,
    PhoneChannel,
    SendError,
    SendOutcome,
    SlackChannel,
    WebhookChannel,
)
from anyascope.sdk.alerting.channel import turn
from anyascope.sdk.alerting.channels.slack import slack_payload
from anyascope.wire.notices.webhook import SIGNATURE_HEADER, signature
from support.alerting import House, an_alert
from support.alertmanager import amtool, queried, real_alertmanager
from support.ports import free_port
from support.server import QUIET_CONFIG, eventually, running_server
from support.sinks import Sink, http_sink, mail_sink

WITHIN_S = 60.0
MAIL = ("--starttls", "--require-tls", "--auth", "u:p")
SIGN = AlertBuilders.hsm_operation_failed("sign", "softhsm", "CKR_DEVICE_ERROR")


def header(record: dict, name: str) -> str:
    return next((value for known, value in record["headers"] if known.lower() == name.lower()), "")


def trusting(sink: Sink) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=sink.cert)


def mail_channel(sink: Sink, **options) -> EmailChannel:
    given = {"recipients": ["a@example.org", "b@example.org"], "username": "u", "password": "p", "tls": trusting(sink)}
    return EmailChannel("127.0.0.1", sink.port, sender="anya@example.org", **(given | options))


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_slack_gets_the_payload_byte_for_byte(tmp_path: Path) -> None:
    """What stands on the wire is the golden payload, as JSON, named by the send."""
    with http_sink(tmp_path / "http.jsonl") as sink, turn("0-2"):
        SlackChannel(f"http://127.0.0.1:{sink.port}/hooks/T0SECRET", "#ops").send_alert(an_alert())
        (record,) = sink.records()
    golden = Path(__file__).parents[1] / "golden" / "sdk" / "slack-critical.json"
    assert record["body"].encode() == golden.read_bytes() == slack_payload(an_alert(), channel="#ops")
    assert (record["method"], record["path"]) == ("POST", "/hooks/T0SECRET")
    assert header(record, "content-type") == "application/json"
    assert header(record, "idempotency-key") == f"{an_alert().id}.0-2"


@pytest.mark.parametrize(
    ("script", "outcome", "says"),
    [
        ("500", (0.0, False), "500"),
        ("429:retry-after=7", (7.0, False), "429"),
        ("404:body=no_service", (0.0, True), "404"),
        ("302:location=/there", (0.0, True), "302"),
        ("drop", (0.0, False), "ConnectionError"),
        ("reset", (0.0, False), "ConnectionError"),
        ("hang=60", (0.0, False), "ReadTimeout after 0.5 s"),
        ('200:body={"ok"%3Afalse%2C"error"%3A"ratelimited"}', (0.0, False), "ratelimited"),
        ('200:body={"ok"%3Afalse%2C"error"%3A"invalid_auth"}', (0.0, True), "invalid_auth"),
    ],
)
def test_what_slack_answers_decides_what_is_next(tmp_path: Path, script, outcome, says) -> None:
    """Refusals are final, the rest is tried again, when Slack says so; no error shows the address, which is a secret."""
    with http_sink(tmp_path / "http.jsonl", "--script", script) as sink:
        # Only where silence is what is tried: the others have time to answer on a busy machine.
        timeout_s = 0.5 if script.startswith("hang") else WITHIN_S
        channel = SlackChannel(f"http://127.0.0.1:{sink.port}/hooks/T0SECRETTOKEN", timeout_s=timeout_s)
        with pytest.raises(SendError) as caught:
            channel.send_alert(an_alert())
    assert (caught.value.retry_after_s, caught.value.is_final) == outcome
    assert says in str(caught.value)
    assert "T0SECRETTOKEN" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://x/y", "http://", "http://[::1", "http://127.0.0.1:1/x"])
def test_an_address_that_cannot_be_used_is_an_outcome(url: str) -> None:
    """No address makes anything but a `SendError`."""
    with pytest.raises(SendError):
        SlackChannel(url).send_alert(an_alert())


def test_a_webhook_is_signed_and_carries_its_headers(tmp_path: Path) -> None:
    """Alertmanager's JSON, headers of one's own, and a signature that can be checked."""
    with http_sink(tmp_path / "http.jsonl") as sink:
        channel = WebhookChannel(
            f"http://127.0.0.1:{sink.port}/hook", headers={"Authorization": "Bearer t0ken"}, signing_secret="s3cret"
        )
        channel.send_alert(an_alert())
        (record,) = sink.records()
    assert header(record, "authorization") == "Bearer t0ken"
    given = header(record, SIGNATURE_HEADER)
    at_s = int(given.partition(",")[0].removeprefix("t="))
    assert given == signature("s3cret", record["body"].encode(), at_s=at_s)
    assert json.loads(record["body"])["alerts"][0]["labels"]["alertname"] == "Signing failed"


@pytest.mark.long
def test_a_page_survives_a_bad_hour(tmp_path: Path) -> None:
    """500, quiet asked for, a dropped and a hanging connection: the page arrives, once, and the record tells the way."""
    script = "500,429:retry-after=1,drop,hang=60,200"
    with http_sink(tmp_path / "http.jsonl", "--script", script) as sink:
        # Silence is told from an answer by this time alone: a busy machine must not take longer for any of the answers.
        channel = SlackChannel(f"http://127.0.0.1:{sink.port}/hooks", timeout_s=15)
        manager = AlertManager([channel], registry=CollectorRegistry())
        identity = manager.send_alert(an_alert(escalation_policy="default"))
        eventually(lambda: manager.status(identity).state.value == "sent", within_s=150)
        manager.close()
        answers = [str(record["answer"])[:3] for record in sink.records()]
    assert answers[-1] == "200"
    assert answers.count("200") == 1
    outcomes = [record.outcome for record in manager.status(identity).sends]
    assert outcomes == [SendOutcome.RETRY] * 4 + [SendOutcome.OK]


def test_a_phone_rings_by_twilio(tmp_path: Path) -> None:
    """A call says the alert; a text message holds it; who was reached is not called again when another is retried."""
    with http_sink(tmp_path / "http.jsonl", "--script", "/2010=201,503,201,201") as sink:
        url = f"http://127.0.0.1:{sink.port}"
        phone = PhoneChannel.twilio("AC1", "token", sender="+1", numbers=["+41a", "+41b"], url=url)
        with pytest.raises(SendError, match="503"):
            phone.send_alert(an_alert())
        phone.send_alert(an_alert())
        sms = PhoneChannel.twilio("AC1", "token", sender="+1", numbers="+41c", mode="sms", url=url)
        sms.send_alert(an_alert())
        records = sink.records()
    forms = [parse_qs(record["body"]) for record in records]
    assert [form["To"] for form in forms] == [["+41a"], ["+41b"], ["+41b"], ["+41c"]]
    assert records[0]["path"] == "/2010-04-01/Accounts/AC1/Calls.json"
    assert records[3]["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert header(records[0], "authorization") == f"Basic {base64.b64encode(b'AC1:token').decode()}"
    assert "<Say>critical alert. Signing failed." in forms[0]["Twiml"][0]
    assert forms[3]["Body"][0].startswith("CRITICAL: Signing failed")


def test_a_phone_rings_by_a_gateway_of_ones_own(tmp_path: Path) -> None:
    """One JSON document a number."""
    with http_sink(tmp_path / "http.jsonl") as sink:
        PhoneChannel.webhook(f"http://127.0.0.1:{sink.port}/call", numbers=["+41"], token="t0ken").send_alert(
            an_alert()
        )
        (record,) = sink.records()
    body = json.loads(record["body"])
    assert (body["to"], body["severity"], body["title"]) == ("+41", "critical", "Signing failed")
    assert header(record, "authorization") == "Bearer t0ken"


def test_a_phone_does_not_ring_for_little() -> None:
    """By default it rings for critical and high alerts only; others choose for themselves."""
    phone = PhoneChannel.webhook("http://gateway.test", numbers="+41")
    assert [severity.value for severity in AlertSeverity if phone.supports_severity(severity)] == ["critical", "high"]
    assert all(map(SlackChannel("http://slack.test").supports_severity, AlertSeverity))


# --- mail -------------------------------------------------------------------------------------------------------------


def test_a_real_mail_arrives(tmp_path: Path) -> None:
    """By STARTTLS and login: text and HTML, headers that thread repeats, one message to all recipients."""
    with mail_sink(tmp_path / "mail.jsonl", *MAIL) as sink:
        channel = mail_channel(sink)
        for name in ("0-0", "0-1"):
            with turn(name):
                channel.send_alert(an_alert())
        first, second = sink.records()
    message, repeat = (message_from_string(record["raw"], policy=policy.default) for record in (first, second))
    assert (first["tls"], first["auth_user"]) == (True, "u")
    assert first["rcpt_to"] == ["a@example.org", "b@example.org"]
    assert message["Subject"] == repeat["Subject"] == "[CRITICAL] Signing failed (hsm-1)"
    assert message["Auto-Submitted"] == "auto-generated"
    assert repeat["References"] == repeat["In-Reply-To"] == message["Message-ID"] != repeat["Message-ID"]
    assert "The HSM refused 3 signatures in a row." in first["body"]
    assert "Correlation ID: 5d0b2f1e-0000-4000-8000-000000000001" in first["body"]
    assert "<h3" in first["html"]
    assert "repeat interval elapsed" in second["body"]


@pytest.mark.parametrize(
    ("script", "is_final", "arrived"),
    [
        ("rcpt=550", True, [["b@example.org"]]),
        ("rcpt=450", False, [["b@example.org"], ["a@example.org"]]),
        ("rcpt=550,rcpt=550", True, []),
        ("data=451", False, [["a@example.org", "b@example.org"]]),
        ("data=554", True, []),
        ("mail=421", False, [["a@example.org", "b@example.org"]]),
        ("data=drop", False, [["a@example.org", "b@example.org"]]),
        ("data=hang", False, [["a@example.org", "b@example.org"]]),
    ],
)
def test_what_a_mail_server_says_decides_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, script, is_final, arrived
) -> None:
    """4xx and broken connections are tried again, for those only who have not got it; 5xx is final."""
    with mail_sink(tmp_path / "mail.jsonl", *MAIL, "--script", script) as sink:
        channel = mail_channel(sink, timeout_s=WITHIN_S)
        with monkeypatch.context() as patch:
            if "hang" in script:
                # Only where silence is what is tried: all before it has time on a busy machine.
                patch.setattr(smtplib.SMTP, "data", _impatient(smtplib.SMTP.data))
            with pytest.raises(SendError) as caught:
                channel.send_alert(an_alert())
        assert caught.value.is_final is is_final
        if not is_final:
            channel.send_alert(an_alert())
        assert [record["rcpt_to"] for record in sink.records()] == arrived


def test_a_password_needs_tls_and_a_server_its_certificate(tmp_path: Path) -> None:
    """No STARTTLS, a certificate that nobody vouches for, or a wrong password: nothing is sent, and no error shows it."""
    with mail_sink(tmp_path / "mail.jsonl") as sink, pytest.raises(SendError, match="does not offer STARTTLS"):
        mail_channel(Sink(sink.port, sink.out), tls=ssl.create_default_context()).send_alert(an_alert())
    with mail_sink(tmp_path / "mail.jsonl", *MAIL) as sink:
        with pytest.raises(SendError, match="CERTIFICATE_VERIFY_FAILED"):
            mail_channel(sink, tls=None).send_alert(an_alert())
        with pytest.raises(SendError) as caught:
            mail_channel(sink, password="wrong-secret").send_alert(an_alert())
        assert sink.records() == []
    assert "wrong-secret" not in str(caught.value)


def test_mail_by_tls_from_the_first_byte(tmp_path: Path) -> None:
    """`security="tls"` speaks TLS at once."""
    with mail_sink(tmp_path / "mail.jsonl", "--smtps", "--auth", "u:p") as sink:
        mail_channel(sink, security="tls").send_alert(an_alert())
        assert len(sink.records()) == 1


def _impatient(send_data):
    """Once the whole message has left, its answer is waited for shortly."""

    def data(connection: smtplib.SMTP, message: bytes):
        send = connection.send

        def send_and_wait_shortly(part):
            send(part)
            if isinstance(part, bytes) and part.endswith(b"\r\n.\r\n"):
                connection.sock.settimeout(0.5)

        connection.send = send_and_wait_shortly
        return send_data(connection, message)

    return data


# --- all of it --------------------------------------------------------------------------------------------------------


def test_a_critical_alert_goes_out_by_everything(tmp_path: Path) -> None:
    """Slack and mail at once, the phone after 15 minutes of the clock, nothing after the acknowledgement."""
    with http_sink(tmp_path / "http.jsonl") as web, mail_sink(tmp_path / "mail.jsonl", *MAIL) as mail:
        url = f"http://127.0.0.1:{web.port}"
        house = House("nobody")
        for channel in (
            SlackChannel(f"{url}/slack", "#ops"),
            mail_channel(mail),
            PhoneChannel.webhook(f"{url}/phone", numbers="+41"),
        ):
            house.manager.add_channel(channel)
        identity = house.send(SIGN)
        house.to(950, step_s=50)
        house.manager.acknowledge(identity, "ada")
        house.to(4_000, step_s=50)
        paths = [record["path"] for record in web.records()]
        mails = mail.records()
    assert paths == ["/slack", "/slack", "/slack", "/slack", "/phone"]
    assert len(mails) == 4


def test_an_alert_stands_in_the_real_alertmanager(tmp_path: Path) -> None:
    """Handed over, `amtool alert query` shows it with its labels and annotations, and no more once it is resolved."""
    with real_alertmanager(tmp_path) as url:
        manager = AlertManager(
            forward_to=url, registry=CollectorRegistry(), generator_url="https://custody.test/health"
        )
        manager.send_alert(SIGN)
        assert manager.flush(WITHIN_S)
        (found,) = queried(url, 'alertname="HSM Operation Failed"')
        table = amtool(url, "alert", "query")
        assert manager.resolve(SIGN)
        assert manager.flush(WITHIN_S)
        eventually(lambda: queried(url) == [], within_s=WITHIN_S)
        manager.close()
    assert "HSM Operation Failed" in table
    assert found["labels"] == {
        "alertname": "HSM Operation Failed",
        "severity": "critical",
        "category": "security",
        "component": "hsm",
        "escalation_policy": "critical",
        "operation": "sign",
        "provider": "softhsm",
        "error": "CKR_DEVICE_ERROR",
    }
    assert found["annotations"]["summary"] == "HSM Operation Failed"
    assert found["annotations"]["description"] == SIGN.description
    assert found["annotations"]["alert_id"] == SIGN.id
    assert found["generatorURL"] == "https://custody.test/health"


def test_an_alert_waits_for_an_alertmanager_that_is_down(tmp_path: Path) -> None:
    """What is raised while nobody listens arrives when somebody does."""
    port = free_port()
    manager = AlertManager(forward_to=f"http://127.0.0.1:{port}", registry=CollectorRegistry())
    identity = manager.send_alert(SIGN)
    eventually(lambda: manager.status(identity).sends, within_s=WITHIN_S)
    assert manager.status(identity).sends[0].outcome is SendOutcome.RETRY
    with http_sink(tmp_path / "http.jsonl", port=port) as sink:
        eventually(sink.records, within_s=WITHIN_S)
        eventually(lambda: manager.status(identity).state.value == "sent", within_s=WITHIN_S)
    manager.close(0)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_alert_stands_in_anyascope(tmp_path: Path) -> None:
    """Handed over to the server it is an alert like any other, with its correlation id, and told by the server's routes."""
    config = (
        QUIET_CONFIG
        + """
rules: {{default_pack: false}}
route: {{receiver: team, group_wait: 0s, group_interval: 1s}}
receivers: [{{name: team, webhook_configs: [{{url: "http://127.0.0.1:{port}/hook"}}]}}]
"""
    )
    with (
        http_sink(tmp_path / "http.jsonl") as sink,
        running_server(tmp_path, config=config.format(port=sink.port)) as server,
    ):
        manager = AlertManager(forward_to=server.url, registry=CollectorRegistry())
        manager.send_alert(an_alert())
        assert manager.flush(WITHIN_S)
        (record,) = eventually(
            lambda: [entry for entry in sink.records() if entry["path"] == "/hook"], within_s=WITHIN_S
        )
        (found,) = queried(server.url, 'alertname="Signing failed"')
        manager.resolve(an_alert())
        manager.flush(WITHIN_S)
        eventually(lambda: len([e for e in sink.records() if e["path"] == "/hook"]) == 2, within_s=WITHIN_S)
        manager.close()
    told = json.loads(record["body"])["alerts"][0]
    assert told["labels"]["severity"] == found["labels"]["severity"] == "critical"
    assert told["annotations"]["correlation_id"] == "5d0b2f1e-0000-4000-8000-000000000001"


def test_the_host_is_not_held_up_by_a_far_end_that_hangs(tmp_path: Path) -> None:
    """With Slack, mail and hand-over all black holes, each call of the host comes back at once."""
    with http_sink(tmp_path / "http.jsonl", "--then", "hang=30") as sink:
        url = f"http://127.0.0.1:{sink.port}"
        channels = [SlackChannel(url), WebhookChannel(url, name="email"), WebhookChannel(url, name="phone")]
        manager = AlertManager(channels, forward_to=url, registry=CollectorRegistry())
        done = threading.Event()

        def host() -> None:
            for number in range(200):
                identity = manager.send_alert(an_alert(f"Trouble {number}", id=f"id-{number}"))
                manager.acknowledge(identity, "ada")
            done.set()

        threading.Thread(target=host, daemon=True).start()
        assert done.wait(WITHIN_S)
        began = time.monotonic()
        manager.close(0.2)
        assert time.monotonic() - began < WITHIN_S
    with contextlib.suppress(Exception):
        manager.close(0)
