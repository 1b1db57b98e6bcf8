"""What every channel over HTTP sends, and what it makes of any answer, against one real server."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from anyascope.clock import ManualClock
from anyascope.model.channels.base import VendorOptions
from anyascope.model.http import BasicAuth, TlsOptions
from anyascope.model.notifications import AttemptOutcome, NotificationReason
from anyascope.model.secret import Secret
from anyascope.notify.channels.registry import build_channel
from anyascope.notify.templates import load_templates
from support.notifications import AT_NS, SIGNING_FAILED, ended, notification
from support.scripted_end import Say, scripted_end
from support.vendors import KEY, VENDORS, WELL

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED
GOLDEN = Path(__file__).parents[1] / "golden" / "notify"
PASSWORD = "pass-that-nobody-may-see"
TEMPLATES = load_templates((), now_ns=lambda: AT_NS)
RESOLVED = notification(ended(SIGNING_FAILED), reason=NotificationReason.ALL_RESOLVED)


# Headers that differ from run to run, or that every HTTP client sends.
NOT_TOLD = frozenset(("host", "user-agent", "accept", "accept-encoding", "connection", "content-length"))


@pytest.fixture(scope="module")
def end():
    with scripted_end() as one:
        one.otherwise = Say(200, WELL)
        yield one


@pytest.fixture(params=VENDORS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


async def tell(options, told=None):
    """All that a courier would do while attempts go well; the last outcome."""
    channel = build_channel(options, templates=TEMPLATES, clock=ManualClock(AT_NS))
    done: frozenset[str] = frozenset()
    try:
        while True:
            outcome = await channel.send(told or notification(), done=done)
            done |= frozenset(outcome.parts_done)
            if not outcome.is_more:
                return outcome
    finally:
        await channel.close()


def hidden(text: str) -> str:
    for secret in (KEY, PASSWORD, "user-that-nobody-may-see", "token-id-nobody-may-see"):
        text = text.replace(secret, "<secret>")
    return text


def readable(heard) -> object:
    """A request without what differs from run to run."""
    parts = urlsplit(heard.path)
    kind = heard.header("content-type")
    if not heard.body:
        body = None
    elif kind == "application/json":
        body = json.loads(heard.body)
    else:
        body = dict(parse_qsl(heard.body.decode(), keep_blank_values=True))
    headers = {name.lower(): value for name, value in heard.headers if name.lower() not in NOT_TOLD}
    if headers.get("authorization", "").startswith("AWS4"):
        headers["authorization"] = headers["authorization"].rpartition("=")[0] + "=<of this host>"
    shown = {"method": heard.method, "path": parts.path, "query": dict(parse_qsl(parts.query)), "headers": headers}
    return shown | {"body": body}


async def test_what_is_sent(kind, end):
    """Firing and resolved: method, path, headers and body, as a file to read; and it is delivered."""
    shown = {}
    for name, told in (("firing", notification()), ("resolved", RESOLVED)):
        end.says()
        outcome = await tell(kind.options(end.url), told)
        assert outcome.kind is OK, outcome
        assert "default form" not in outcome.detail
        shown[name] = [readable(heard) for heard in end.heard]
    assert len(shown["firing"]) == kind.calls
    path, text = GOLDEN / f"{kind.name}-sent.json", hidden(json.dumps(shown, indent=1, ensure_ascii=False)) + "\n"
    if os.environ.get("ANYASCOPE_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


async def test_what_answers_mean(kind, end):
    """Not now is tried again, after the time that the far end asks for; never is final; neither tells a secret."""
    options = kind.options(end.url)
    echo = f"rejected {KEY} {PASSWORD} signed-token-1".encode()
    linked = replace(SIGNING_FAILED, links={"acknowledge": "https://a.test/r/signed-token-1"})
    for status in (500, 503, 429, 408):
        end.says(Say(status, echo, (("Retry-After", "7"),)))
        outcome = await tell(options, notification(linked))
        assert (outcome.kind, outcome.retry_after_s) == (RETRY, 7.0), (status, outcome)
        # Phones are told no links, so that nothing echoes one.
        assert kind.name.startswith("phone") or "signed-token-1" not in outcome.detail
        assert str(status) in outcome.detail
        assert KEY not in outcome.detail
        assert outcome.is_throttled is (status == 429)
    for status in kind.refusals:
        end.says(Say(status, echo))
        outcome = await tell(options)
        assert outcome.kind is FAILED, (status, outcome)
        assert str(status) in outcome.detail
        assert KEY not in outcome.detail
    assert KEY not in repr(options)


async def test_answers_that_break_off_or_never_end(kind):
    """No answer, half a one, a byte now and then: tried again in time. Of ten gigabytes the beginning is read."""
    ways = {
        Say(500, b"x", way="never"): 0.1,
        Say(500, b"x", way="trickle"): 0.1,
        Say(200, WELL[:10], way="half"): 30.0,
        Say(200, WELL[:10], way="drop"): 30.0,
    }
    for say, timeout_s in ways.items():
        # An end of its own: a request that was given up may be read there only when the next answer is ordered.
        with scripted_end() as end:
            end.otherwise = Say(200, WELL)
            end.says(say)
            outcome = await tell(kind.options(end.url, timeout_s=timeout_s))
            assert outcome.kind is RETRY, (say.way, outcome)
    with scripted_end() as end:
        end.says(Say(400, way="huge"))
        outcome = await tell(kind.options(end.url))
        assert outcome.kind in (FAILED, RETRY), outcome
        assert len(outcome.detail) < 1000
        assert end.sent_bytes < 100_000_000, end.sent_bytes


async def test_http_config_is_obeyed(kind, end):
    """Proxies, headers, logins and redirects are those of the settings, and no outcome tells their secrets."""
    end.says()
    proxied = kind.options(
        "http://vendor.test",
        proxy_url=end.url.replace("http://", f"http://u:{PASSWORD}@"),
        headers=(("X-Team", Secret("ops")),),
    )
    assert (await tell(proxied)).kind is OK
    assert all(heard.path.startswith("http://vendor.test/") for heard in end.heard)
    assert all(heard.header("x-team") == "ops" for heard in end.heard)
    assert PASSWORD not in repr(proxied)

    moved = (("Location", f"{end.url}/elsewhere"),)
    end.says(Say(307, b"", moved))
    assert (await tell(kind.options(end.url))).kind is OK
    assert end.heard[1].path == "/elsewhere"
    assert end.heard[1].body == end.heard[0].body
    end.says(Say(307, b"", moved))
    outcome = await tell(kind.options(end.url, follow_redirects=False))
    assert (outcome.kind is OK, len(end.heard)) == (False, 1)


async def test_a_login_of_http_config_goes_along(end):
    """A kind that brings no key of its own logs in as the settings say."""
    by_name = {kind.name: kind for kind in VENDORS}
    for name in ("webhook", "discord", "jira", "msteams"):
        end.says()
        options = by_name[name].options(end.url, basic_auth=BasicAuth(Secret("u"), Secret(PASSWORD)))
        assert (await tell(options)).kind is OK
        assert all(heard.header("authorization").startswith("Basic ") for heard in end.heard)


async def test_tls_is_that_of_the_settings(tmp_path):
    """Every kind speaks to a server whose authority the settings name, and to no other."""
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with scripted_end(context=context) as end:
        end.otherwise = Say(200, WELL)
        for kind in VENDORS:
            assert (await tell(kind.options(end.url))).kind is RETRY, kind.name
            assert (await tell(kind.options(end.url, tls=TlsOptions(ca_file=tmp_path / "ca.pem")))).kind is OK


async def test_a_template_that_fails_loses_no_page(end):
    """A text of the receiver that cannot be rendered has its default, and the outcome says so."""
    broken = dict.fromkeys(("description", "state_message", "summary", "message", "text"), "{{ .Nonsense.More }}")
    tried = []
    for kind in VENDORS:
        options = kind.options(end.url)
        if not isinstance(options, VendorOptions) or kind.name == "incidentio":  # which have a layout of their own
            continue
        end.says()
        outcome = await tell(replace(options, texts={**options.texts, **broken}))
        assert (outcome.kind, "default form" in outcome.detail) == (OK, True), (kind.name, outcome)
        tried.append(kind.name)
    assert len(tried) == 15
