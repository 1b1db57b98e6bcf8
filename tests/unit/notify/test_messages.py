"""What is sent, as files to read: webhook, Slack and e-mail.

`ANYASCOPE_WRITE_GOLDEN=1` writes the files anew; look at the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from anyascope.clock import ManualClock
from anyascope.model.channels.email import EmailOptions
from anyascope.model.channels.slack import SlackField, SlackOptions
from anyascope.model.labels import labels_of
from anyascope.model.notifications import Notification, NotificationReason, NotifiedAlert
from anyascope.model.secret import Secret
from anyascope.notify.channels.email import EmailChannel
from anyascope.notify.channels.slack import default_messages, templated_message
from anyascope.notify.channels.webhook import webhook_body
from anyascope.notify.templates import load_templates
from anyascope.wire.notices.email import email_html, email_text
from support.components import shared_path
from support.notifications import AT_NS, SIGNING_FAILED, ended, many, notification

GOLDEN = Path(__file__).parents[2] / "golden" / "notify"
TEMPLATES = load_templates((), now_ns=lambda: AT_NS)

SPARSE = NotifiedAlert(
    fingerprint="00000000000000ff", is_firing=True, labels=labels_of({"alertname": "Odd"}), starts_ns=AT_NS
)
RESOLVED = {"reason": NotificationReason.ALL_RESOLVED}


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("ANYASCOPE_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def lines_of(messages) -> str:
    return "".join(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n" for _, message in messages)


@pytest.mark.parametrize(
    ("name", "told", "max_alerts"),
    [
        ("webhook-firing.json", notification(), 0),
        ("webhook-resolved.json", notification(ended(SIGNING_FAILED), **RESOLVED), 0),
        ("webhook-mixed.json", notification(SIGNING_FAILED, ended(SPARSE), reason=NotificationReason.SOME_RESOLVED), 0),
        ("webhook-truncated.json", notification(*many(8), receiver="team.a", route_labels=(("tier", "1"),)), 2),
    ],
)
def test_webhook(name, told, max_alerts):
    """The webhook's body is Alertmanager's version 4, byte for byte."""
    assert_golden(name, webhook_body(told, max_alerts=max_alerts).decode())


def test_webhook_is_what_a_real_alertmanager_sent():
    """For the same alert the bytes are those that Alertmanager 0.33 sent, but for the route labels of 0.34."""
    recorded = shared_path("components/samples/alertmanager-0.33/sent-webhook-slack-pagerduty.jsonl").read_text()
    body = next(line["body"] for line in map(json.loads, recorded.splitlines()) if line["path"] == "/webhook")
    sent = json.loads(body)
    alert = sent["alerts"][0]
    told = Notification(
        id="1",
        created_ns=0,
        receiver=sent["receiver"],
        channel="webhook",
        integration="all/webhook/0",
        group_key=sent["groupKey"],
        reason=NotificationReason.FIRST,
        alerts=(
            NotifiedAlert(
                fingerprint=alert["fingerprint"],
                is_firing=True,
                labels=labels_of(alert["labels"]),
                annotations=alert["annotations"],
                starts_ns=1_795_425_585_735_000_000,
                generator_url=alert["generatorURL"],
            ),
        ),
        group_labels=labels_of(sent["groupLabels"]),
        external_url=sent["externalURL"],
    )
    assert webhook_body(told).decode().replace('"routeLabels":{},', "") == body


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("slack-critical.jsonl", notification()),
        ("slack-resolved.jsonl", notification(ended(SIGNING_FAILED), **RESOLVED)),
        ("slack-each-severity.jsonl", notification(*many(4))),
        ("slack-digest.jsonl", notification(*many(30))),
        ("slack-digest-resolved.jsonl", notification(*map(ended, many(6)), **RESOLVED)),
        ("slack-sparse.jsonl", notification(SPARSE)),
        ("slack-only-news.jsonl", notification(replace(SIGNING_FAILED, is_news=False), SPARSE)),
        ("slack-repeat.jsonl", notification(replace(SIGNING_FAILED, is_news=False), reason=NotificationReason.REPEAT)),
    ],
)
def test_slack(name, told):
    """Slack's messages have the product's layout, one an alert that is news, or one digest of many."""
    assert_golden(name, lines_of(default_messages(told, channel="#ops", look={})))


def test_slack_layout_is_as_specified():
    """Channel, name, icon and one attachment: colour, marked title, text, four short fields and a whole second."""
    ((_, message),) = default_messages(notification(), channel="#ops", look={})
    assert message == {
        "channel": "#ops",
        "username": "Anya Core Alerts",
        "icon_emoji": ":warning:",
        "attachments": [
            {
                "color": "#FF0000",
                "title": "[🚨] Signing failed",
                "text": "The HSM refused 3 signatures in a row.",
                "fields": [
                    {"title": "Severity", "value": "critical", "short": True},
                    {"title": "Category", "value": "security", "short": True},
                    {"title": "Source", "value": "hsm-1", "short": True},
                    {"title": "Alert ID", "value": "0f1e2d3c4b5a6978", "short": True},
                ],
                "ts": 1_700_000_000,
            }
        ],
    }
    assert list(message["attachments"][0]) == ["color", "title", "text", "fields", "ts"]


def test_slack_has_link_buttons_where_there_is_more_to_offer():
    """A runbook or a signed link brings buttons, five at most; where Slack itself has buttons none acknowledges twice."""
    alert = replace(
        SIGNING_FAILED,
        annotations={"summary": "s", "runbook_url": "https://r.test/"},
        links={"acknowledge": "https://a.test/r/1"},
    )
    ((_, message),) = default_messages(notification(alert), channel="", look={})
    actions = message["attachments"][0]["actions"]
    assert [action["text"] for action in actions] == ["Acknowledge", "Runbook", "Graph", "Alert", "Logs"]
    assert actions[0] == {"type": "button", "text": "Acknowledge", "url": "https://a.test/r/1", "style": "primary"}
    ((_, message),) = default_messages(notification(alert), channel="", look={}, has_buttons=True)
    assert message["attachments"][0]["actions"][0]["text"] == "Runbook"


def test_slack_keeps_the_buttons_that_are_worth_most():
    """The alert's page and its transaction's before resolving by hand, which the page can do, too."""
    alert = replace(
        SIGNING_FAILED,
        labels=(*SIGNING_FAILED.labels, ("txid", "ab12")),
        annotations={"runbook_url": "https://r.test/"},
        links={name: f"https://a.test/r/{name}" for name in ("acknowledge", "snooze", "resolve")},
    )
    ((_, message),) = default_messages(notification(alert), channel="", look={})
    names = [action["text"] for action in message["attachments"][0]["actions"]]
    assert names == ["Acknowledge", "Runbook", "Graph", "Alert", "Transaction"]


def test_messages_say_what_to_do_first():
    """The annotation `runbook` stands below the description, in Slack and in both parts of a mail, once."""
    alert = replace(
        SIGNING_FAILED, annotations={"description": "It <failed>.", "runbook": "Stop withdrawals & call Ann."}
    )
    ((_, message),) = default_messages(notification(alert), channel="", look={})
    said = "It &lt;failed&gt;.\nWhat to do first: Stop withdrawals &amp; call Ann."
    assert message["attachments"][0]["text"] == said
    text = email_text(notification(alert))
    assert "It <failed>.\nWhat to do first: Stop withdrawals & call Ann.\n" in text
    assert text.count("Stop withdrawals") == 1
    assert "<b>What to do first:</b> Stop withdrawals &amp; call Ann." in email_html(notification(alert))
    long = replace(alert, annotations={"runbook": "Stop.\nThen look."})
    assert "Runbook: Stop.\nThen look." in email_text(notification(long))


def test_templates_see_the_links():
    """`.AckURL` and `.Links` of an alert are there for receivers' own texts, and not in `toJson`."""
    alert = replace(SIGNING_FAILED, links={"acknowledge": "https://a.test/r/1"})
    told = notification(alert, notice="3 were merged")
    text = "{{ range .Alerts }}{{ .AckURL }} {{ .Links.acknowledge }} {{ .CorrelationID }}{{ end }} {{ .Notice }}"
    assert TEMPLATES.render(text, told) == (
        "https://a.test/r/1 https://a.test/r/1 5d0b2f1e-0000-4000-8000-000000000001 3 were merged"
    )
    assert "a.test" not in TEMPLATES.render("{{ .Alerts | toJson }}", told)


def test_slack_text_cannot_call_everybody():
    """What an alert says is shown, never obeyed."""
    loud = replace(SIGNING_FAILED, annotations={"summary": "<!channel> a & b", "description": "<http://evil|click>"})
    ((_, message),) = default_messages(notification(loud), channel="", look={})
    shown = message["attachments"][0]
    assert (shown["title"], shown["text"]) == ("[🚨] &lt;!channel&gt; a &amp; b", "&lt;http://evil|click&gt;")
    assert "channel" not in message


def test_slack_with_the_receivers_own_templates():
    """Templates that the receiver sets win, one message for the whole group, with Alertmanager's fields."""
    options = SlackOptions(
        api_url=Secret("http://x"),
        channel="#{{ .CommonLabels.component }}",
        templates={
            "title": "{{ .Status | toUpper }} {{ len .Alerts }}",
            "text": "{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}",
        },
        fields=(SlackField("Wallet", "{{ .CommonLabels.wallet }}"),),
        actions=({"type": "button", "text": "Runbook", "url": "{{ .ExternalURL }}/r"},),
    )
    message = templated_message(notification(), options, TEMPLATES)
    assert_golden("slack-templated.jsonl", lines_of([("message", message)]))


def email(told, **changes):
    options = EmailOptions(
        to="Team <team@example.test>", sender="anyascope@example.test", smarthost=("mail", 25), **changes
    )
    message, recipients, note = EmailChannel(options, templates=TEMPLATES, clock=ManualClock())._message(told)
    return message, recipients, note


def readable(message) -> str:
    parsed = message_from_bytes(message.as_bytes(), policy=policy.default)
    parts = [f"{name}: {value}" for name, value in parsed.items() if name != "Content-Type"]
    inner = [part for part in parsed.walk() if not part.is_multipart()]
    parts.extend(f"\n--- {part.get_content_type()}\n{part.get_content()}" for part in inner)
    return "\n".join(parts).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("email-critical.txt", notification()),
        ("email-resolved.txt", notification(ended(SIGNING_FAILED), **RESOLVED)),
        ("email-many.txt", notification(*many(3))),
    ],
)
def test_email(name, told):
    """An e-mail has a subject in Alertmanager's form, a text and an HTML part, and headers that thread by group."""
    message, recipients, note = email(told)
    assert (recipients, note) == (["team@example.test"], "")
    assert_golden(name, readable(message))


def test_email_with_the_receivers_own_templates():
    """Headers, text and HTML that the receiver sets win; in HTML what alerts say is escaped."""
    loud = replace(SIGNING_FAILED, annotations={"summary": "<b>&\r\nBcc: evil@x"})
    message, _, note = email(
        notification(loud),
        headers=(("Subject", "{{ .CommonAnnotations.summary }}"), ("Reply-To", "sre@example.test")),
        html="<p>{{ .CommonAnnotations.summary }}</p>",
        text="",
    )
    assert note == ""
    assert message["Subject"] == "<b>& Bcc: evil@x"
    assert message["Bcc"] is None
    assert message["Reply-To"] == "sre@example.test"
    assert message.get_content_type() == "text/html"
    assert "<p>&lt;b&gt;&amp;" in message.get_content()


def test_a_template_that_fails_does_not_lose_the_page():
    """The message goes out in the default layout, and the outcome will say why."""
    message, _, note = email(notification(), html="{{ .Alerts.Firing.Nonsense }}")
    assert "in the default layout" in note
    for kind in ("plain", "html"):
        said = message.get_body((kind,)).get_content()
        assert "Signing failed" in said
        assert "A template of this receiver failed" in said


def test_a_template_that_loops_does_not_lose_the_page():
    """It is stopped by its limits, and the message in the default layout says so."""
    message, _, note = email(notification(), text="{{ range 100000000 }}{{ range 100000000 }}x{{ end }}{{ end }}")
    assert "exceeded 500000 steps" in note
    said = message.get_body(("plain",)).get_content()
    assert "Signing failed" in said
    assert "exceeded 500000 steps" in " ".join(said.split())


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{ template "__subject" . }}', "[FIRING:1] SigningFailed (security hsm-1 critical cold)"),
        ('{{ template "__alertmanagerURL" . }}', "http://anyascope.test/#/alerts?receiver=ops"),
        ('{{ (index .Alerts 0).StartsAt | tz "Europe/Paris" | date "15:04 MST" }}', "23:13 CET"),
        ("{{ .GroupLabels | toJson }}", '{"alertname":"SigningFailed"}'),
        (
            '{{ (.CommonLabels.Remove (stringSlice "alertname")).Names | join "," }}',
            "category,component,severity,wallet",
        ),
        ("{{ .CommonLabels.SortedPairs }}", None),
        ("{{ range .Alerts.Firing }}{{ .Labels.alertname | toLower }}{{ end }}", "signingfailed"),
        ("{{ .Alerts.Resolved | len }} {{ .NotificationReason }}", "0 first notification"),
        ('{{ reReplaceAll "Sign(.*)" "$1" .CommonLabels.alertname }}', "ingFailed"),
        ('{{ base64encode "a?>" }} {{ base64decode "YT8-" }}', "YT8- a?>"),
        ('{{ (dict "a" 1).a }} {{ append (list 1) 2 | len }}', "1 2"),
        ('{{ (toDate "2006-01-02" "2023-11-14").Unix }}', "1699920000"),
        ("{{ since (index .Alerts 0).StartsAt }}", "0s"),
        ('{{ " x " | trimSpace }}{{ urlUnescape "a%20b" }}', "xa b"),
    ],
)
def test_templates_are_alertmanagers(template, text):
    """Alertmanager's data and functions are there."""
    rendered = TEMPLATES.render(template, notification())
    assert text is None or rendered == text


def test_template_files_redefine_ours(tmp_path):
    """A file of `templates` wins over the default of the same name."""
    (tmp_path / "own.tmpl").write_text('{{ define "__subject" }}mine {{ .Receiver }}{{ end }}')
    templates = load_templates([str(tmp_path / "*.tmpl")], now_ns=lambda: 0)
    assert templates.render('{{ template "slack.default.title" . }}', notification()) == "mine ops"
