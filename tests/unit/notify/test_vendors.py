"""What each vendor is told in particular: limits, keys, conversations and odd answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from anyascope.clock import ManualClock
from anyascope.model.channels.incidentio import IncidentioOptions
from anyascope.model.channels.jira import JiraOptions
from anyascope.model.channels.mattermost import MattermostOptions
from anyascope.model.channels.msteams import MsteamsOptions
from anyascope.model.channels.opsgenie import OpsgenieOptions
from anyascope.model.channels.pagerduty import PagerdutyOptions
from anyascope.model.channels.pushover import PushoverOptions
from anyascope.model.channels.sns import SnsOptions
from anyascope.model.channels.telegram import TelegramOptions
from anyascope.model.channels.victorops import VictoropsOptions
from anyascope.model.channels.webex import WebexOptions
from anyascope.model.channels.wechat import WechatOptions
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, NotifiedAlert
from anyascope.model.secret import Secret
from anyascope.notify.channels.incidentio import INCIDENTIO
from anyascope.notify.channels.jira import Issue, JiraChannel, search_call, write_call
from anyascope.notify.channels.mattermost import MATTERMOST
from anyascope.notify.channels.msteams import MSTEAMS
from anyascope.notify.channels.opsgenie import OPSGENIE
from anyascope.notify.channels.pagerduty import PAGERDUTY
from anyascope.notify.channels.pushover import PUSHOVER
from anyascope.notify.channels.sns import publish_fields
from anyascope.notify.channels.telegram import TELEGRAM
from anyascope.notify.channels.victorops import VICTOROPS
from anyascope.notify.channels.webex import WEBEX
from anyascope.notify.channels.wechat import WechatChannel
from anyascope.notify.templates import load_templates
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import UnsendableError
from anyascope.wire.http_post import Answer
from support.components import shared_path
from support.notifications import AT_NS, SIGNING_FAILED, ended, many, notification
from support.scripted_end import Say, scripted_end

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED
TEMPLATES = load_templates((), now_ns=lambda: AT_NS)
KEY = Secret("k-12345678")


def texts_of(options, told=None, *, defaults=None, templates=TEMPLATES):
    return Texts(templates, told or notification(), given=options.texts, defaults=defaults or {}, said="")


def calls_of(vendor, options, told=None, templates=TEMPLATES):
    return vendor.calls(options, texts_of(options, told, defaults=vendor.defaults, templates=templates))


def body_of(vendor, options, told=None):
    return json.loads(calls_of(vendor, options, told)[0].body)


def test_pagerduty_is_told_what_alertmanager_tells_it(tmp_path):
    """The event is that of Alertmanager 0.33, byte for byte, recorded from the real one."""
    sent = shared_path("components/samples/alertmanager-0.33/sent-webhook-slack-pagerduty.jsonl").read_text()
    recorded = next(line["body"] for line in map(json.loads, sent.splitlines()) if line["path"] == "/pagerduty")
    (tmp_path / "upstream.tmpl").write_text(
        '{{ define "__alertmanager" }}Alertmanager{{ end }}'
        '{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}'
        '{{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end }}'
        '{{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end }}'
        '{{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end }}'
    )
    alert = NotifiedAlert(
        fingerprint="d4f339766ba893c7",
        is_firing=True,
        labels=labels_of({"alertname": "TargetDown", "instance": "127.0.0.1:1", "job": "dead", "severity": "page"}),
        annotations={"summary": "dead down"},
        starts_ns=1_795_425_585_735_000_000,
        generator_url="http://host.test:19090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    )
    told = notification(
        alert,
        receiver="all",
        group_key='{}:{alertname="TargetDown"}',
        group_labels=(("alertname", "TargetDown"),),
        external_url="http://host.test:19093",
    )
    options = PagerdutyOptions(routing_key=Secret("0123456789abcdef0123456789abcdef"), url="http://x/")
    templates = load_templates([str(tmp_path / "*.tmpl")], now_ns=lambda: AT_NS)
    (call,) = calls_of(PAGERDUTY, options, told, templates)
    assert call.body.decode() == recorded


def test_pagerduty_limits_and_fields():
    """A long summary is cut, an event that is too large loses its details, empty links and images are left out."""
    options = PagerdutyOptions(
        routing_key=KEY,
        texts={"description": "é" * 2000, "severity": "", "client": "c"},
        details={"deep": {"list": ["{{ len .Alerts }}", "text"]}, "firing": "", "big": "{{ .CommonLabels.wallet }}"},
        links=({"href": "{{ .CommonAnnotations.runbook_url }}", "text": "r"}, {"href": "http://x", "text": "y"}),
        images=({"src": "", "alt": "a"},),
    )
    event = body_of(PAGERDUTY, options)
    payload = event["payload"]
    assert (len(payload["summary"]), payload["summary"][-1]) == (1024, "…")
    assert (payload["severity"], payload["source"]) == ("error", "c")
    assert payload["custom_details"]["deep"] == {"list": [1, "text"]}
    assert payload["custom_details"]["firing"] is None
    assert event["links"] == [{"href": "http://x", "text": "y"}]
    assert "images" not in event
    for keys in ({"routing_key": KEY}, {"service_key": KEY}):
        large = PagerdutyOptions(details={"x": "y" * 600_000}, texts={"client": "c"}, **keys)
        (call,) = calls_of(PAGERDUTY, large)
        assert len(call.body) < 10_000
        assert b"Custom details have been removed" in call.body
    with pytest.raises(UnsendableError, match="empty"):
        body_of(PAGERDUTY, PagerdutyOptions(routing_key=Secret("{{ .CommonLabels.none }}")))


def test_opsgenie():
    """Message, responders and details as upstream; a resolved group closes the alias."""
    options = OpsgenieOptions(
        api_key=KEY,
        texts={"message": "m" * 200, "tags": " a,,b", "actions": ""},
        details={"wallet": "mine"},
        responders=({"name": "a,b", "type": "teams"}, {"name": "{{ .CommonLabels.none }}", "type": "team"},
                    {"username": "u@x", "type": "user"}),
    )  # fmt: skip
    alert = body_of(OPSGENIE, options)
    assert (len(alert["message"]), alert["tags"]) == (130, ["a", "b"])
    assert alert["responders"] == [
        {"name": "a", "type": "team"},
        {"name": "b", "type": "team"},
        {"username": "u@x", "type": "user"},
    ]
    assert (alert["details"]["wallet"], alert["details"]["severity"]) == ("mine", "critical")
    assert "actions" not in alert
    (close,) = calls_of(OPSGENIE, options, notification(ended(SIGNING_FAILED)))
    assert close.url == f"https://api.opsgenie.com/v2/alerts/{alert['alias']}/close?identifierType=alias"


def test_telegram_html_is_never_cut_in_a_tag():
    """A message that is too long in HTML becomes a line for each alert; plain text is cut."""
    long = {"message": "{{ range .Alerts }}<b>{{ .Annotations.summary }}</b>{{ end }}" + "x" * 5000}
    options = TelegramOptions(bot_token=KEY, chat_id=Secret("7"), texts=long)
    message = body_of(TELEGRAM, options, notification(*many(30)))
    assert message["text"].startswith("[FIRING] Node 0 is down (node-0)\n")
    assert message["text"].endswith("… and 10 more")
    assert (message["chat_id"], message["parse_mode"]) == (7, "HTML")
    plain = body_of(TELEGRAM, replace(options, parse_mode=""))
    assert (len(plain["text"]), "parse_mode" in plain) == (4096, False)
    with pytest.raises(UnsendableError, match="not a number"):
        body_of(TELEGRAM, replace(options, chat_id=Secret("@name")))
    outcome = TELEGRAM.judge(Answer(429, "Too Many Requests", b'{"parameters":{"retry_after":9}}', 0.0))
    assert (outcome.kind, outcome.retry_after_s) == (RETRY, 9.0)


async def test_what_telegram_cannot_parse_is_sent_without_marks():
    """A template with marks that do not fit loses no page; any other refusal is final."""
    with scripted_end() as end:
        options = TelegramOptions(
            bot_token=KEY, chat_id=Secret("7"), api_url=end.url, parse_mode="MarkdownV2", texts={"message": "*a. b"}
        )
        channel = TELEGRAM.channel(options, templates=TEMPLATES, clock=ManualClock())
        end.says(Say(400, b'{"ok":false,"description":"Bad Request: can\'t parse entities: ..."}'), Say(200, b"{}"))
        outcome = await channel.send(notification(), done=frozenset())
        assert (outcome.kind, outcome.parts_done) == (OK, ("message",))
        assert "in a plainer form, since 400 Bad Request" in outcome.detail
        sent = [json.loads(one.body) for one in end.heard]
        assert [message.get("parse_mode") for message in sent] == ["MarkdownV2", None]
        assert sent[1]["text"] == "*a. b"
        end.says(Say(400, b'{"description":"Bad Request: chat not found"}'))
        assert (await channel.send(notification(), done=frozenset())).kind is FAILED
        assert len(end.heard) == 1
        await channel.close()


def test_limits_of_others():
    """Pushover, Webex, VictorOps and Amazon SNS take what upstream sends them at most."""
    pushover = PushoverOptions(user_key=KEY, token=KEY, texts={"title": "t" * 300, "message": " \n"}, ttl_s=60)
    body = calls_of(PUSHOVER, pushover)[0].body
    assert b"title=" + b"t" * 249 + b"%E2%80%A6" in body
    assert b"message=%28no+details%29" in body
    assert b"ttl=60" in body
    webex = body_of(WEBEX, WebexOptions(room_id="r", texts={"message": "é" * 5000}))
    assert len(webex["markdown"].encode()) <= 7439
    assert webex["markdown"].endswith("é…")
    victorops = VictoropsOptions(
        api_key=KEY, routing_key="a/b", texts={"message_type": "LOUD", "state_message": "s" * 30_000}
    )
    call = calls_of(VICTOROPS, victorops)[0]
    assert call.url.endswith("/alert/k-12345678/a%2Fb")
    assert (json.loads(call.body)["message_type"], len(json.loads(call.body)["state_message"])) == ("CRITICAL", 20_480)
    assert body_of(VICTOROPS, victorops, notification(ended(SIGNING_FAILED)))["message_type"] == "RECOVERY"


def test_an_empty_message_is_not_sent_where_it_is_refused():
    """What fires is said in plain words instead."""
    plain = "[FIRING] Signing failed (hsm-1)"
    empty = {"message": "{{ .CommonLabels.none }} \n"}
    telegram = TelegramOptions(bot_token=KEY, chat_id=Secret("7"), texts=empty)
    assert body_of(TELEGRAM, telegram)["text"] == plain
    assert body_of(WEBEX, WebexOptions(room_id="r", texts=empty))["markdown"] == plain
    topic = SnsOptions(texts={"topic_arn": "t", "subject": "é\nb", **empty})
    unset = dict.fromkeys(("topic_arn", "phone_number", "target_arn", "subject", "message"), "")
    fields = publish_fields(topic, texts_of(topic, defaults=unset))
    assert (fields["Message"], fields["Subject"]) == (plain, "? b")


def test_sns_fields():
    """A long text message is cut and marked; a FIFO topic has its keys; some target must be left."""
    defaults = {"topic_arn": "", "phone_number": "", "target_arn": "", "subject": "s\n" * 99, "message": "é" * 2000}
    sms = SnsOptions(texts={"phone_number": "+1"}, attributes={"{{ .Status }}": "{{ .Receiver }}"})
    fields = publish_fields(sms, texts_of(sms, defaults=defaults))
    assert (len(fields["Message"].encode()), len(fields["Subject"])) == (1600, 100)
    assert fields["MessageAttributes.entry.1.Name"] == "firing"
    assert fields["MessageAttributes.entry.2.Name"] == "truncated"
    fifo = SnsOptions(texts={"topic_arn": "arn:aws:sns:x:1:t.fifo"})
    fields = publish_fields(fifo, texts_of(fifo, defaults=defaults))
    assert fields["MessageDeduplicationId"] == notification().id
    with pytest.raises(UnsendableError, match="all empty"):
        publish_fields(SnsOptions(), texts_of(SnsOptions(), defaults=defaults))


def test_incidentio_takes_one_alert_of_too_many():
    """Over the limit the first alert stands for all, and the rest is counted."""
    loud = tuple(replace(alert, annotations={"x": "y" * 100_000}) for alert in many(8))
    body = body_of(INCIDENTIO, IncidentioOptions(url=Secret("http://x/")), notification(*loud))
    assert (len(body["alerts"]), body["truncatedAlerts"], body["version"]) == (1, 7, "1")


def test_mattermost_priorities():
    """What Mattermost refuses is not asked for."""
    for asked, told in (
        ("URGENT", {"priority": "urgent", "requested_ack": True, "persistent_notifications": True}),
        ("important", {"priority": "important", "requested_ack": True}),
        ("high", {"priority": "standard"}),
    ):
        options = MattermostOptions(
            webhook_url=Secret("http://x/"),
            texts={"priority": asked, "title": "T"},
            requested_ack=True,
            persistent_notifications=True,
        )
        body = body_of(MATTERMOST, options)
        assert body["priority"] == told
        assert body["attachments"][0]["title"] == "T"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"1", OK),
        (b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", RETRY),
        (b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403", FAILED),
    ],
)
def test_a_connector_says_in_the_body_what_teams_said(body, kind):
    """A connector answers 200 whatever Teams answered it."""
    assert MSTEAMS.judge(Answer(200, "OK", body, 0.0)).kind is kind
    large = MsteamsOptions(webhook_url=Secret("http://x/"), texts={"text": "ü" * 60_000})
    assert len(calls_of(MSTEAMS, large)[0].body) < 28_000


# --- conversations ----------------------------------------------------------------------------------------------------

JIRA = {
    "project": "OPS",
    "issue_type": "Bug",
    "resolve_transition": "Done",
    "reopen_transition": "Reopen",
    "reopen_duration_s": 3600.0,
    "wont_fix_resolution": 'Won"t',
}
JIRA_DEFAULTS = {"summary": "s" * 300, "description": "d", "priority": "High"}


def found(key="OPS-1", category="new"):
    status = {"statusCategory": {"key": category}}
    return Say(200, json.dumps({"issues": [{"key": key, "fields": {"status": status}}]}).encode())


TRANSITIONS = Say(200, b'{"transitions":[{"id":"11","name":"Reopen"},{"id":"31","name":"Done"}]}')
RESOLVED = notification(ended(SIGNING_FAILED))


@pytest.mark.parametrize(
    ("told", "answers", "kind", "asked"),
    [
        (None, (Say(200, b'{"issues":[]}'), Say(201)), OK, ["POST search", "POST issue"]),
        (None, (found(),), OK, ["POST search", "PUT issue/OPS-1"]),
        (
            None,
            (found(category="done"), Say(204), TRANSITIONS),
            OK,
            ["POST search", "PUT issue/OPS-1", "GET issue/OPS-1/transitions", "POST issue/OPS-1/transitions"],
        ),
        (
            RESOLVED,
            (found(), Say(204), TRANSITIONS),
            OK,
            ["POST search", "PUT issue/OPS-1", "GET issue/OPS-1/transitions", "POST issue/OPS-1/transitions"],
        ),
        (RESOLVED, (Say(200, b'{"issues":[]}'),), OK, ["POST search"]),
        (None, (Say(200, b"<html>"),), RETRY, ["POST search"]),
        (None, (found(), Say(500)), RETRY, ["POST search", "PUT issue/OPS-1"]),
        (
            RESOLVED,
            (found(), Say(204), Say(200, b'{"transitions":[]}')),
            FAILED,
            ["POST search", "PUT issue/OPS-1", "GET issue/OPS-1/transitions"],
        ),
    ],
)
async def test_jira_converses(told, answers, kind, asked):
    """An issue is found or made, updated, and moved when the group resolves or fires again."""
    with scripted_end() as end:
        end.says(*answers)
        options = JiraOptions(api_url=f"{end.url}/rest/api/2/", texts=JIRA_DEFAULTS, **JIRA)
        channel = JiraChannel(options, templates=TEMPLATES, clock=ManualClock())
        outcome = await channel.send(told or notification(), done=frozenset())
        await channel.close()
        heard = [f"{one.method} {one.path.removeprefix('/rest/api/2/')}" for one in end.heard]
        assert (outcome.kind, heard) == (kind, asked), outcome
        if asked[-1].startswith("POST issue/OPS-1"):
            wanted = "31" if told is RESOLVED else "11"
            assert json.loads(end.heard[-1].body) == {"transition": {"id": wanted}}


def test_jira_searches_and_writes():
    """The search knows what may be reopened; the cloud has a search of its own; an update leaves alone what it is told to."""
    options = JiraOptions(api_url="https://x.atlassian.net/rest/api/2/", kept=frozenset({"summary", "labels"}), **JIRA)
    texts = texts_of(options, defaults=JIRA_DEFAULTS)
    search = search_call(options, texts)
    assert search.url == "https://x.atlassian.net/rest/api/3/search/jql"
    jql = json.loads(search.body)["jql"]
    assert jql.startswith(
        'resolution != "Won\\"t" and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project="OPS" and labels="ALERT{'
    )
    assert jql.endswith('}" order by status ASC,resolutiondate DESC')
    assert search_call(replace(options, api_type="datacenter"), texts).url.endswith("/rest/api/2/search")
    resolved = search_call(options, texts_of(options, RESOLVED, defaults=JIRA_DEFAULTS))
    assert "statusCategory != Done and project" in json.loads(resolved.body)["jql"]
    made = json.loads(write_call(options, texts, None).body)["fields"]
    assert (len(made["summary"]), made["project"], made["priority"]) == (255, {"key": "OPS"}, {"name": "High"})
    kept = json.loads(write_call(options, texts, Issue("OPS-1", is_done=False)).body)["fields"]
    assert set(made) - set(kept) == {"summary", "labels"}
    v3 = replace(options, api_url="https://x/rest/api/3", texts={"description": '{"type": "doc"}'})
    written = write_call(v3, texts_of(v3, defaults=JIRA_DEFAULTS), None)
    assert json.loads(written.body)["fields"]["description"] == {"type": "doc"}
    with pytest.raises(UnsendableError, match="invalid JSON"):
        write_call(replace(v3, texts={}), texts_of(replace(v3, texts={}), defaults=JIRA_DEFAULTS), None)


async def test_wechat_keeps_its_token_until_it_ends():
    """One token serves many messages; a token that ended is taken anew; its refusal is final."""
    token = Say(200, b'{"errcode":0,"access_token":"t-12345678","expires_in":100}')
    with scripted_end() as end:
        end.otherwise = Say(200, b'{"errcode":0}')
        clock = ManualClock()
        options = WechatOptions(api_secret=KEY, corp_id="c", api_url=f"{end.url}/", texts={"message": "m"})
        channel = WechatChannel(options, templates=TEMPLATES, clock=clock)

        async def send():
            return (await channel.send(notification(), done=frozenset())).kind

        end.says(token)
        assert [await send(), await send()] == [OK, OK]
        assert [one.path.partition("?")[0] for one in end.heard] == ["/gettoken", "/message/send", "/message/send"]
        end.says(Say(200, b'{"errcode":42001,"errmsg":"expired"}'), token)
        assert [await send(), await send()] == [RETRY, OK]
        await clock.advance(101)
        end.says(Say(200, b'{"errcode":40013,"errmsg":"invalid corpid"}'))
        assert await send() is FAILED
        end.says(Say(502))
        assert await send() is RETRY
        await channel.close()


def test_what_delivery_has_to_say_stands_at_the_end():
    """A merged storm, or a fallback, is told in the text that is always read."""
    told = notification(notice="12 notifications were merged <here>")
    texts = Texts(TEMPLATES, told, given={"message": "m"}, defaults={"message": "", "title": "t"}, said="message")
    assert (texts["title"], texts["message"]) == ("t", "m\n\n12 notifications were merged <here>")
    assert texts.html("message").endswith("merged &lt;here&gt;")


def test_texts_deep():
    """Rendered texts become JSON where they are it, and stay texts where they are none."""
    texts = texts_of(SnsOptions())
    value = {"a": ["{{ len .Alerts }}", "true", "NaN", '"x"', "007", ""], "{{ .Status }}": {"n": 1, "t": True}}
    assert texts.deep(value) == {"a": [1, True, "NaN", '"x"', "007", None], "firing": {"n": 1, "t": True}}
    assert texts.deep("[" * 100_000) == "[" * 100_000
    assert texts.note == ""
