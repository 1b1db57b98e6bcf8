"""Phones: what is asked of Twilio and of a gateway, who is called next, what keys and replies do, whom to believe."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.api.callbacks import callback_routes
from anyascope.clock import ManualClock
from anyascope.errors import ConflictError, UnavailableError
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.channels.phone import PhoneMode, PhoneOptions, TwilioAccount
from anyascope.model.notifications import AlertStatus, Attempt, AttemptOutcome
from anyascope.model.responses import ResponseAction
from anyascope.model.secret import Secret
from anyascope.notify.channels.phone import PhoneChannel
from anyascope.notify.lane import new_entry
from anyascope.notify.phone.answers import PhoneAnswers, PhoneBook
from anyascope.notify.phone.calls import CallBook
from anyascope.notify.phone.twilio import TWIML_CHARS_MAX, asking
from anyascope.notify.templates import load_templates
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.phone import SMS_CHARS_MAX, SPOKEN_CHARS_MAX, spoken, written
from anyascope.wire.settings import SettingsError
from support.notifications import AT_NS, SIGNING_FAILED, ended, many, notification

GOLDEN = Path(__file__).parents[2] / "golden" / "notify"
SID, TOKEN, BASE = "AC" + "0" * 32, "token-that-nobody-may-see", "https://alerts.example.test"
ANNA, BERT = "+41440000001", "+41440000002"
ACCOUNT = TwilioAccount(SID, Secret(TOKEN), "+41440000000", api_url="https://twilio.test")
CALL = PhoneOptions((ANNA, BERT), twilio=ACCOUNT, rounds=1)
TEMPLATES = load_templates((), now_ns=lambda: AT_NS)
TOLD = notification(channel="phone", integration="ops/phone/0", external_url=BASE)
OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED


def assert_golden(name, text):
    path = GOLDEN / name
    if os.environ.get("ANYASCOPE_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


class Phone:
    """A phone channel whose requests are kept, with answers by script."""

    def __init__(self, options=CALL, *answers):
        self.clock, self.calls = ManualClock(AT_NS), CallBook()
        self.channel = PhoneChannel(options, templates=TEMPLATES, clock=self.clock, calls=self.calls)
        self.channel._sender = self
        self.answers, self.posted = list(answers), []

    async def post(self, url, body, *, headers, secrets=()):
        self.posted.append((url, body, dict(headers)))
        return self.answers.pop(0) if self.answers else Answer(201, "Created", b'{"sid": "CA1"}', 0.0)

    async def close(self):
        pass

    async def send(self, told=TOLD, *, done=frozenset(), meanwhile=None):
        sending = asyncio.create_task(self.channel.send(told, done=done))
        await self.clock.advance(0)
        if meanwhile:
            meanwhile()
        await self.clock.advance(300)
        return await sending

    def form(self, index=-1):
        return {name: values[0] for name, values in parse_qs(self.posted[index][1].decode()).items()}


def name_of(ring=0, number=0):
    return f"{TOLD.id}.{ring}.{number}"


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_a_call_is_asked_of_twilio():
    """The call says the alert twice, asks for a key, and reports its end to an address that names the call."""
    phone = Phone()
    outcome = await phone.send(meanwhile=lambda: phone.calls.tell(name_of(), answer="acknowledged"))
    assert (outcome.kind, outcome.detail, outcome.is_more) == (OK, f"{ANNA}: acknowledged", False)
    ((url, _, headers),) = phone.posted
    assert url == f"https://twilio.test/2010-04-01/Accounts/{SID}/Calls.json"
    form = phone.form()
    assert_golden("phone-call.xml", form.pop("Twiml") + "\n")
    assert form == {
        "To": ANNA,
        "From": "+41440000000",
        "Timeout": "30",
        "StatusCallback": f"{BASE}/callbacks/twilio/status/{name_of()}",
        "StatusCallbackEvent": "completed",
    }
    assert headers["I-Twilio-Idempotency-Token"] == f"{TOLD.id}.0:{ANNA}"
    assert TOKEN not in repr(CALL)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("phone-critical", TOLD),
        ("phone-resolved", notification(ended(SIGNING_FAILED))),
        ("phone-many", notification(*many(8), notice="You are told because ops/slack/0 cannot be reached.")),
    ],
)
def test_what_is_said_and_written(name, told):
    """A call says it in one breath, a text message in some lines with how to reply."""
    assert_golden(
        f"{name}.txt", f"{spoken(told)}\n---\n{written(told, can_reply=True)}\n---\n{written(told, can_reply=False)}\n"
    )


def test_long_words_are_cut_to_what_is_taken():
    """Whatever alerts say, a call stays under a minute, TwiML and messages within Twilio's bounds, and XML whole."""
    alert = replace(SIGNING_FAILED, annotations={"summary": "<&\x00" * 5000, "description": "y" * 9000})
    told = notification(alert, *many(100))
    assert len(spoken(told)) <= SPOKEN_CHARS_MAX
    assert len(written(told, can_reply=True)) <= SMS_CHARS_MAX
    assert written(told, can_reply=True).endswith("to escalate.")
    made = asking(spoken(told), action=f"{BASE}/x", language="en-US")
    assert len(made) <= TWIML_CHARS_MAX
    assert "\x00" not in made


async def test_a_text_message_is_asked_of_twilio_for_each_number():
    """Each number gets it; one that the carrier cannot reach does not keep the others from it."""
    phone = Phone(replace(CALL, mode=PhoneMode.SMS))
    first = await phone.send(meanwhile=lambda: phone.calls.tell(name_of(), status="undelivered"))
    assert (first.kind, first.detail, first.is_more) == (OK, f"{ANNA}: undelivered", True)
    assert phone.form()["Body"] == written(TOLD, can_reply=True)
    second = await phone.send(
        done=frozenset(first.parts_done), meanwhile=lambda: phone.calls.tell(name_of(0, 1), status="delivered")
    )
    assert (second.kind, second.is_more, phone.form()["To"]) == (OK, False, BERT)
    lost = await phone.send(
        done=frozenset(first.parts_done), meanwhile=lambda: phone.calls.tell(name_of(0, 1), status="failed")
    )
    assert lost.kind is FAILED


async def test_a_gateway_gets_one_document_a_number():
    """Whoever has no Twilio posts JSON to a gateway of their own, with a key that tells repeats."""
    phone = Phone(PhoneOptions((ANNA, BERT), url=Secret("https://gateway.test/secret")))
    first = await phone.send()
    second = await phone.send(done=frozenset(first.parts_done))
    assert ([first.is_more, second.is_more], second.kind) == ([True, False], OK)
    assert [headers["Idempotency-Key"] for _, _, headers in phone.posted] == [f"{TOLD.id}.{ANNA}", f"{TOLD.id}.{BERT}"]
    assert_golden("phone-gateway.json", phone.posted[0][1].decode())


async def test_own_words_are_a_template_and_a_broken_one_loses_no_page():
    """`text` says it otherwise; where it fails our own words are said."""
    for text, said in (("{{ .CommonLabels.wallet }} fails", "cold fails"), ("{{ .Nonsense.More }}", spoken(TOLD))):
        phone = Phone(replace(CALL, text=text))
        await phone.send()
        assert said.split(":", maxsplit=1)[0] in phone.form()["Twiml"]


# --- who is called next -----------------------------------------------------------------------------------------------


async def call_all(phone, ends, told=TOLD):
    """Call until it is through, as the courier would; `ends` says how each call ended."""
    done: frozenset[str] = frozenset()
    details = []
    for status in ends:
        waiting = asyncio.create_task(phone.channel.send(told, done=done))
        await phone.clock.advance(0)
        for name in list(phone.calls._calls):
            phone.calls.tell(name, **({"answer": "acknowledged"} if status == "1" else {"status": status}))
        await phone.clock.advance(300)
        outcome = await waiting
        details.append(outcome.detail)
        done |= frozenset(outcome.parts_done)
        if not outcome.is_more:
            return outcome, details
    raise AssertionError("it goes on calling")


async def test_the_next_one_is_called_until_somebody_presses_a_key():
    """Busy, nobody, a mailbox and silence go on to the next number and round; a key ends it."""
    phone = Phone(replace(CALL, rounds=3))
    outcome, details = await call_all(phone, ["busy", "no-answer", "completed", "", "1"])
    assert outcome.kind is OK
    assert details == [
        f"{ANNA}: busy",
        f"{BERT}: no-answer",
        f"{ANNA}: picked up, and no key was pressed",
        f"{BERT}: no word of the call",
        f"{ANNA}: acknowledged",
    ]
    assert [phone.form(index)["To"] for index in range(5)] == [ANNA, BERT, ANNA, BERT, ANNA]


async def test_a_page_that_nobody_answers_has_failed():
    """After all rounds the notification is a dead letter: nobody heard it."""
    outcome, details = await call_all(Phone(), ["busy", "no-answer"])
    assert (outcome.kind, len(details), outcome.is_unanswered) == (FAILED, 2, True)


async def test_where_twilio_cannot_reach_us_every_number_is_called_once():
    """Without an address for callbacks there are no keys: the call says the alert, to all."""
    phone = Phone()
    told = replace(TOLD, external_url="http://127.0.0.1:9470")
    first = await phone.send(told)
    second = await phone.send(told, done=frozenset(first.parts_done))
    assert (first.kind, first.is_more, second.is_more) == (OK, True, False)
    assert "Gather" not in phone.form()["Twiml"]
    assert "StatusCallback" not in phone.form()


async def test_nobody_is_called_once_somebody_has_taken_it_up():
    """Acknowledged on the page, or over, while another number rang or the page waited: whoever is next may sleep."""
    phone, taken = Phone(), []
    phone.calls.asks(lambda ids: ids == taken)
    first = await phone.send(meanwhile=lambda: phone.calls.tell(name_of(), status="busy"))
    taken.append(SIGNING_FAILED.fingerprint)
    for done in (frozenset(first.parts_done), frozenset()):
        second = await phone.send(done=done)
        assert (second.kind, second.is_more, len(phone.posted)) == (OK, False, 1)
        assert "taken it up" in second.detail


async def test_a_trial_asks_for_no_key():
    """Where nobody passes callbacks on, as in `notify test`, a call says the alert and does not wait for an answer."""
    phone = Phone()
    phone.channel = PhoneChannel(CALL, templates=TEMPLATES, clock=phone.clock, calls=None)
    phone.channel._sender = phone
    assert (await phone.send()).kind is OK
    assert "Gather" not in phone.form()["Twiml"]


async def test_what_twilio_refuses_and_what_may_pass():
    """A wrong number is passed over; a busy Twilio is tried again; neither tells the token."""
    wrong = Answer(400, "Bad Request", b'{"message": "not a valid phone number"}', 0.0)
    later = Answer(429, "Too Many Requests", b"", 7.0)
    phone = Phone(CALL, wrong, later)
    first = await phone.send()
    assert (first.kind, first.is_more) == (OK, True)
    assert "not a valid phone number" in first.detail
    second = await phone.send(done=frozenset(first.parts_done))
    assert (second.kind, second.retry_after_s, second.is_throttled) == (RETRY, 7.0, True)


# --- callbacks --------------------------------------------------------------------------------------------------------


class Responder:
    """Remembers, or refuses."""

    def __init__(self):
        self.done, self.error = [], None

    async def respond(self, alert_id, action, *, by, note="", for_s=None, to=""):
        if self.error:
            raise self.error
        self.done.append((alert_id, action, by))

        class Result:
            notice = "Bert acknowledged it a minute before."

        return Result()


class Desk:
    """The server's side of a call that is under way or was."""

    def __init__(self):
        self.clock, self.calls, self.responder = ManualClock(AT_NS), CallBook(), Responder()
        entry = new_entry(TOLD)
        self.entry = replace(entry, attempts=(Attempt(AT_NS, OK, ""),))
        self.registry = CollectorRegistry()
        answers = PhoneAnswers(
            self.calls,
            book=lambda: PhoneBook({"ops/phone/0": CALL}, BASE),
            journal=self.journal,
            alerts=lambda: [firing(SIGNING_FAILED.fingerprint)],
            responder=self.responder,
            clock=self.clock,
            registry=self.registry,
        )
        self.app = Starlette(routes=callback_routes(answers, None))

    async def journal(self, identity):
        return self.entry if identity == TOLD.id else None

    async def post(self, path, form, *, signature=None, body=None):
        signed = RequestValidator(TOKEN).compute_signature(f"{BASE}/callbacks/twilio/{path}", form)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signed if signature is None else signature,
        }
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9470") as client:
            return await client.post(f"/callbacks/twilio/{path}", content=body or urlencode(form), headers=headers)


def firing(identity):
    labels = (("alertname", "SigningFailed"),)
    return AlertStatus(
        identity, "SigningFailed", True, AlertSeverity.CRITICAL, AlertCategory.SECURITY, "hsm-1", "t", labels, {}, 0
    )


async def test_keys_acknowledge_escalate_and_say_it_again():
    """1 acknowledges, 2 escalates, 3 and all others say it again; who pressed is the number that was called."""
    desk = Desk()
    with desk.calls.expecting(name_of(0, 1), said="the whole text") as call:
        again = await desk.post(f"voice/{name_of(0, 1)}", {"Digits": "3", "CallSid": "CA1"})
        assert (again.status_code, again.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert "the whole text" in again.text
        assert "9 is no choice" in (await desk.post(f"voice/{name_of(0, 1)}", {"Digits": "9"})).text
        assert (desk.responder.done, call.answer) == ([], "")
        answer = await desk.post(f"voice/{name_of(0, 1)}", {"Digits": "1"})
        assert call.answer == "acknowledged"
    assert_golden("phone-acknowledged.xml", answer.text + "\n")
    await desk.post(f"voice/{name_of()}", {"Digits": "2"})
    assert desk.responder.done == [
        (SIGNING_FAILED.fingerprint, ResponseAction.ACKNOWLEDGE, f"{BERT} (phone)"),
        (SIGNING_FAILED.fingerprint, ResponseAction.ESCALATE, f"{ANNA} (phone)"),
    ]


async def test_an_answer_that_cannot_be_recorded_is_said_and_does_not_count():
    """The next one is called: nobody has taken it up. What has ended meanwhile is said, and counts."""
    desk = Desk()
    desk.responder.error = UnavailableError("full disk", retry_after_s=1.0)
    with desk.calls.expecting(name_of(), said="") as call:
        assert "could not be recorded" in (await desk.post(f"voice/{name_of()}", {"Digits": "1"})).text
        assert call.answer == ""
        desk.responder.error = ConflictError("the alert has ended")
        assert "the alert has ended" in (await desk.post(f"voice/{name_of()}", {"Digits": "1"})).text
        assert call.answer == "acknowledged"


async def test_the_end_of_a_call_is_passed_on():
    """A status wakes who waits for it; of a call that nobody waits for it is taken, too."""
    desk = Desk()
    with desk.calls.expecting(name_of(), said="") as call:
        assert (await desk.post(f"status/{name_of()}", {"CallStatus": "no-answer"})).status_code == 204
        assert call.status == "no-answer"
    assert (await desk.post(f"status/{name_of()}", {"MessageStatus": "delivered"})).status_code == 204


async def test_replies_by_text_message_act_on_the_alert_they_name():
    """`1 CODE` acknowledges; anything else is told how; a number that is none of ours is refused."""
    desk = Desk()
    form = {"AccountSid": SID, "From": ANNA, "Body": f" 1 {SIGNING_FAILED.fingerprint[:6].upper()} "}
    assert "1 alert acknowledged" in (await desk.post("sms", form)).text
    assert desk.responder.done == [(SIGNING_FAILED.fingerprint, ResponseAction.ACKNOWLEDGE, f"{ANNA} (text message)")]
    assert "Write 1 and the code" in (await desk.post("sms", form | {"Body": "ok"})).text
    assert "No alert with the code ffffff" in (await desk.post("sms", form | {"Body": "1 ffffff"})).text
    assert (await desk.post("sms", form | {"From": "+41449999999"})).status_code == 403
    assert len(desk.responder.done) == 1


async def test_only_twilio_is_believed():
    """Forged, altered, unknown and late callbacks are refused, counted, and change nothing."""
    desk = Desk()
    form = {"Digits": "1"}
    path = f"voice/{name_of()}"
    right = RequestValidator(TOKEN).compute_signature(f"{BASE}/callbacks/twilio/{path}", form)
    assert (await desk.post(path, form, signature="")).status_code == 403
    assert (await desk.post(path, {"Digits": "2"}, signature=right)).status_code == 403
    assert (await desk.post(f"voice/{name_of(1)}", form, signature=right)).status_code == 403
    for place in range(len(right)):
        altered = right[:place] + ("A" if right[place] != "A" else "B") + right[place + 1 :]
        assert (await desk.post(path, form, signature=altered)).status_code == 403
    assert (await desk.post("voice/" + "0" * 32 + ".0.0", form)).status_code == 404
    assert (await desk.post("voice/nonsense", form)).status_code == 404
    assert (await desk.post(f"voice/{name_of(0, 7)}", form)).status_code == 403
    desk.clock._now_ns += 3_601 * 10**9
    assert (await desk.post(path, form)).status_code == 403
    assert desk.responder.done == []
    assert (
        desk.registry.get_sample_value("anyascope_phone_callbacks_total", {"kind": "voice", "outcome": "refused"}) > 30
    )


@pytest.mark.parametrize("body", [b"\xff=1", b"a=1&a=2", b"nonsense", b"&".join(b"a%d=1" % n for n in range(200))])
async def test_what_is_no_form_is_a_400(body):
    """A body that is no form, or says a thing twice, is told so."""
    assert (await Desk().post(f"voice/{name_of()}", {}, body=body)).status_code == 400


# --- settings ---------------------------------------------------------------------------------------------------------


def read(entry):
    text = f"route: {{receiver: r}}\nreceivers:\n- name: r\n  phone_configs:\n  - {entry}\n"
    return read_alertmanager_file(text, file="f.yml").receivers["r"].integrations[0]


def test_settings_are_read():
    """A phone of Twilio's, and one of a gateway."""
    one = read(
        f"{{to: ['{ANNA}'], mode: sms, ring: 20s, rounds: 3, callback_url: '{BASE}/', "
        f"twilio: {{account_sid: {SID}, auth_token: {TOKEN}, from: '+41440000000'}}}}"
    )
    assert (one.key, one.send_resolved) == ("r/phone/0", False)
    assert one.options == PhoneOptions(
        (ANNA,),
        PhoneMode.SMS,
        replace(ACCOUNT, api_url="https://api.twilio.com"),
        ring_s=20,
        rounds=3,
        callback_url=BASE,
    )
    assert read(f"{{to: ['{ANNA}'], url: 'https://g.test/x'}}").options.url == Secret("https://g.test/x")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{url: 'http://g'}", "needs 1 to 10 numbers, got 0"),
        ("{to: ['0441234567'], url: 'http://g'}", "international form"),
        (f"{{to: ['{ANNA}']}}", "exactly one of twilio, url and url_file"),
        (f"{{to: ['{ANNA}'], url: 'http://g', ring: 5s}}", "must be 10 to 60 whole seconds"),
        (f"{{to: ['{ANNA}'], url: 'http://g', rounds: 11}}", "must be 1 to 10, got 11"),
        (f"{{to: ['{ANNA}'], twilio: {{account_sid: x}}}}", "must be AC and 32 hex digits"),
        (f"{{to: ['{ANNA}'], twilio: {{account_sid: {SID}}}}}", "one of auth_token and auth_token_file"),
        (f"{{to: ['{ANNA}'], url: 'http://g', mode: fax}}", "must be one of call, sms"),
        (f"{{to: ['{ANNA}'], url: 'http://g', rings: 1}}", "did you mean ring"),
    ],
)
def test_mistakes_are_told(entry, message):
    """Each with what was wanted."""
    with pytest.raises(SettingsError, match=message):
        read(entry)
