"""One HTTP request: answers, pauses, proxies, redirects, and what must not be shown."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from anyascope.clock import ManualClock, SystemClock
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.http import Authorization, BasicAuth, HttpOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret, SecretFile
from anyascope.notify.channels.slack import SlackChannel
from anyascope.notify.channels.webhook import SIGNATURE_HEADER, WebhookChannel
from anyascope.notify.templates import load_templates
from anyascope.wire.notices.answers import url_secrets
from anyascope.wire.retry_after import parse_retry_after
from support.notifications import many, notification
from support.sinks import http_sink

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("120", 120),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0),
    ],
)
def test_retry_after(text, seconds):
    """Seconds or a date; what is neither, or past, is no wait."""
    assert parse_retry_after(text, now_s=1_700_000_000) == seconds


def test_what_of_an_address_is_secret():
    """User, password, long parts of the path and values of the query; short words of the path are not."""
    found = url_secrets("https://user:pass1@host/hooks/T0LONGTOKEN?key=value1")
    assert {"user", "pass1", "T0LONGTOKEN", "value1"} <= set(found)
    assert "hooks" not in found


def webhook(url, **changes):
    options = WebhookOptions(url=Secret(url), **changes)
    return WebhookChannel(options, templates=load_templates((), now_ns=lambda: 0), clock=ManualClock())


async def attempt(channel, told=None, done=frozenset()):
    try:
        return await channel.send(told or notification(), done=done)
    finally:
        await channel.close()


async def test_a_body_is_signed(tmp_path):
    """With a signing secret the header holds time and HMAC of time, dot and body."""
    import hashlib
    import hmac

    with http_sink(tmp_path / "o") as sink:
        await attempt(webhook(f"http://127.0.0.1:{sink.port}/", signing_secret=Secret("s3cret")))
        (record,) = sink.records()
    digest = hmac.new(b"s3cret", b"1700000000." + record["body"].encode(), hashlib.sha256).hexdigest()
    assert dict(record["headers"])[SIGNATURE_HEADER] == f"t=1700000000,v1={digest}"
    assert dict(record["headers"])["User-Agent"].startswith("anyascope/")


async def test_a_webhook_of_the_receivers_own_making(tmp_path):
    """The address and each text of the payload are templates; what renders to JSON is embedded as such."""
    payload = {
        "title": "{{ .Status | toUpper }} {{ .CommonLabels.alertname }}",
        "count": "{{ len .Alerts }}",
        "labels": ["{{ toJson .CommonLabels }}", "a:"],
        "fixed": 7,
    }
    with http_sink(tmp_path / "o") as sink:
        base = f"http://127.0.0.1:{sink.port}/"
        await attempt(webhook(base + "{{ .CommonLabels.wallet }}?team={{ .Receiver | urlquery }}", payload=payload))
        broken = await attempt(webhook(base, payload={"title": "{{ .Nothing }}"}))
        lost = await attempt(webhook(base + "{{ .Nothing }}"))
        first, second = sink.records()
    assert first["path"] == "/cold"
    assert json.loads(first["body"]) == {
        "title": "FIRING SigningFailed",
        "count": 1,
        "labels": [dict(notification().alerts[0].labels), "a:"],
        "fixed": 7,
    }
    assert json.loads(second["body"])["version"] == "4"
    assert (broken.kind, lost.kind) == (OK, AttemptOutcome.FAILED)
    assert "is left out, since" in broken.detail
    assert "the address cannot be made" in lost.detail


async def test_credentials_and_headers_are_sent(tmp_path):
    """Authorization and further headers of `http_config` go along."""
    http = HttpOptions(authorization=Authorization(Secret("abc"), "Token"), headers=(("X-Team", Secret("sre")),))
    with http_sink(tmp_path / "o") as sink:
        await attempt(webhook(f"http://127.0.0.1:{sink.port}/", http=http))
        headers = dict(sink.records()[0]["headers"])
    assert (headers["Authorization"], headers["X-Team"]) == ("Token abc", "sre")


async def test_a_proxy_is_used_unless_the_host_is_excepted(tmp_path):
    """The proxy is given the whole address; a host of `no_proxy` is reached directly."""
    with http_sink(tmp_path / "o") as proxy, http_sink(tmp_path / "d") as target:
        url = f"http://127.0.0.1:{target.port}/hook"
        options = HttpOptions(proxy_url=f"http://127.0.0.1:{proxy.port}")
        assert (await attempt(webhook(url, http=options))).kind is OK
        assert (await attempt(webhook(url, http=replace(options, no_proxy=("127.0.0.0/8",))))).kind is OK
        assert (len(proxy.records()), len(target.records())) == (1, 1)


async def test_a_proxy_is_told_what_is_for_it(tmp_path):
    """Headers of `proxy_connect_header` go to the proxy."""
    with http_sink(tmp_path / "o") as proxy:
        http = HttpOptions(
            proxy_url=f"http://127.0.0.1:{proxy.port}", proxy_headers=(("X-Proxy-Key", Secret("for-it")),)
        )
        assert (await attempt(webhook("http://far.test/hook", http=http))).kind is OK
        assert dict(proxy.records()[0]["headers"])["X-Proxy-Key"] == "for-it"


async def test_the_name_may_stand_in_a_file(tmp_path):
    """`username_file` is read when it is needed, as `password_file` is."""
    (tmp_path / "user").write_text("anya\n")
    http = HttpOptions(basic_auth=BasicAuth(SecretFile(str(tmp_path / "user")), Secret("pw")))
    with http_sink(tmp_path / "o") as sink:
        await attempt(webhook(f"http://127.0.0.1:{sink.port}/", http=http))
        headers = dict(sink.records()[0]["headers"])
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"anya:pw").decode()


async def test_redirects_are_followed_unless_forbidden(tmp_path):
    """A 307 is followed with its body; without leave to follow, it is final, as an endless one is."""
    with http_sink(
        tmp_path / "o",
        "--script",
        "/a=307:location=/b,307:location=/b",
        "--script",
        "/loop=" + ",".join(["307:location=/loop"] * 30),
    ) as sink:
        base = f"http://127.0.0.1:{sink.port}"
        assert (await attempt(webhook(f"{base}/a"))).kind is OK
        assert [record["path"] for record in sink.records()] == ["/a", "/b"]
        assert sink.records()[1]["body"] == sink.records()[0]["body"]
        assert (await attempt(webhook(f"{base}/a", http=HttpOptions(follow_redirects=False)))).kind is FAILED
        assert (await attempt(webhook(f"{base}/loop"))).kind is FAILED


async def test_the_pace_that_is_asked_for_is_in_the_outcome(tmp_path):
    """`Retry-After` of a refusal that may pass is handed on."""
    with http_sink(tmp_path / "o", "--script", "429:retry-after=7") as sink:
        outcome = await attempt(webhook(f"http://127.0.0.1:{sink.port}/"))
    assert (outcome.kind, outcome.retry_after_s) == (RETRY, 7)


async def test_an_endless_answer_is_not_read_to_its_end(tmp_path):
    """The beginning of an answer is enough, and the journal keeps less of it."""
    with http_sink(tmp_path / "o", "--script", f"400:body={'x' * 9000}") as sink:
        outcome = await attempt(webhook(f"http://127.0.0.1:{sink.port}/"))
    assert outcome.kind is FAILED
    assert len(outcome.detail) == 300


def slack(port, **changes):
    options = SlackOptions(channel="#ops", **{"api_url": Secret(f"http://127.0.0.1:{port}/s"), **changes})
    return SlackChannel(options, templates=load_templates((), now_ns=lambda: 0), clock=SystemClock())


async def test_slack_messages_go_one_by_one(tmp_path):
    """Each alert is a message; what was sent before a failure is not sent again."""
    told, done = notification(*many(3)), frozenset()
    with http_sink(tmp_path / "o", "--script", "200,500,200") as sink:
        channel, outcomes = slack(sink.port), []
        for _ in range(4):
            outcomes.append(await channel.send(told, done=done))
            done |= set(outcomes[-1].parts_done)
        await channel.close()
        import json

        titles = [json.loads(record["body"])["attachments"][0]["title"] for record in sink.records()]
    assert [(one.kind, one.is_more) for one in outcomes] == [(OK, True), (RETRY, False), (OK, True), (OK, False)]
    assert titles == ["[🚨] Node 0 is down", "[⚠️] Node 1 is down", "[⚠️] Node 1 is down", "[⚡] Node 2 is down"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"ok":true}', OK),
        ('{"ok":false,"error":"ratelimited"}', RETRY),
        ('{"ok":false,"error":"channel_not_found"}', FAILED),
        ("ok", OK),
        ("{odd", OK),
    ],
)
async def test_slacks_own_words_count(tmp_path, answer, kind):
    """Its API answers 200 to everything; the body tells."""
    from urllib.parse import quote

    with http_sink(tmp_path / "o", "--script", f"200:body={quote(answer)}") as sink:
        outcome = await attempt(
            slack(sink.port, api_url=None, app_token=Secret("xoxb-1"), app_url=f"http://127.0.0.1:{sink.port}/api")
        )
        assert dict(sink.records()[0]["headers"])["Authorization"] == "Bearer xoxb-1"
    assert outcome.kind is kind


async def test_a_slack_template_that_fails_goes_out_in_the_default_layout(tmp_path):
    """The page arrives, and the journal says what is wrong with the template."""
    with http_sink(tmp_path / "o") as sink:
        outcome = await attempt(slack(sink.port, templates={"title": "{{ .Nonsense }}"}))
        body = sink.records()[0]["body"]
    assert "Signing failed" in body
    assert "A template of this receiver failed" in json.loads(body)["text"]
    assert outcome.kind is OK
    assert "in the default layout, since template" in outcome.detail
