"""E-mail: each recipient's fate, how to log in, and what is never done without TLS."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trustme

from anyascope.clock import SystemClock
from anyascope.model.channels.email import EmailOptions
from anyascope.model.http import TlsOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify.channels.email import EmailChannel
from anyascope.notify.templates import load_templates
from support.notifications import SIGNING_FAILED, ended, notification
from support.sinks import mail_sink

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED
THREE = "a@x.test, B <b@x.test>, c@x.test"


async def attempt(port, *, done=frozenset(), **changes):
    fields = {"to": THREE, "sender": "am@x.test", "smarthost": ("127.0.0.1", port), "require_tls": False}
    options = EmailOptions(**{**fields, **changes})
    channel = EmailChannel(options, templates=load_templates((), now_ns=lambda: 0), clock=SystemClock())
    return await channel.send(notification(), done=done)


async def test_each_recipient_counts_for_itself(tmp_path):
    """Who was refused for good is not tried again, who was told to wait is, and who has it does not get it twice."""
    with mail_sink(tmp_path / "o", "--script", "rcpt=250,rcpt=550,rcpt=450") as sink:
        first = await attempt(sink.port)
        assert (first.kind, set(first.parts_done)) == (RETRY, {"a@x.test", "b@x.test"})
        second = await attempt(sink.port, done=frozenset(first.parts_done))
        assert (second.kind, second.parts_done) == (OK, ("c@x.test",))
        assert [record["rcpt_to"] for record in sink.records()] == [["a@x.test"], ["c@x.test"]]
    assert "b@x.test: 550" in first.detail


async def test_all_refused_is_final(tmp_path):
    """Where every recipient is refused for good, so is the message."""
    with mail_sink(tmp_path / "o", "--script", "rcpt=550,rcpt=550,rcpt=550") as sink:
        assert (await attempt(sink.port)).kind is FAILED


async def test_starttls_is_required_unless_switched_off(tmp_path):
    """A server without STARTTLS gets nothing, and the outcome says what to do."""
    with mail_sink(tmp_path / "o") as sink:
        outcome = await attempt(sink.port, require_tls=True)
        assert sink.records() == []
    assert outcome.kind is RETRY
    assert "does not offer STARTTLS" in outcome.detail


async def test_implicit_tls(tmp_path):
    """TLS from the first byte, as on port 465."""
    with mail_sink(tmp_path / "o", "--smtps") as sink:
        outcome = await attempt(sink.port, implicit_tls=True, tls=TlsOptions(insecure_skip_verify=True))
        assert outcome.kind is OK
        assert len(sink.records()) == 1  # which speaks nothing but TLS


async def test_logs_in(tmp_path):
    """User and password are given by AUTH PLAIN; a wrong password may be mended, and is tried again."""
    with mail_sink(tmp_path / "o", "--auth", "user:right") as sink:
        assert (await attempt(sink.port, auth_username="user", auth_password=Secret("right"))).kind is OK
        wrong = await attempt(sink.port, auth_username="user", auth_password=Secret("wrong"))
        assert sink.records()[0]["auth_user"] == "user"
    assert wrong.kind is RETRY
    assert "535" in wrong.detail


async def test_a_password_is_not_sent_in_the_clear(monkeypatch, tmp_path):
    """Without TLS, to another machine, the password stays here."""
    monkeypatch.setattr("anyascope.notify.channels.email.is_loopback", lambda host: False)
    with mail_sink(tmp_path / "o", "--auth", "user:right") as sink:
        outcome = await attempt(sink.port, auth_username="user", auth_password=Secret("right"))
        assert sink.records() == []
    assert outcome.kind is RETRY
    assert "not sent over a connection without TLS" in outcome.detail


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"to": "nobody"}, "to must hold 1 to 100 addresses, got 0"),
        ({"to": ",".join(f"a{n}@x" for n in range(101))}, "got 101"),
        ({"sender": "nobody"}, "from must be one address"),
        ({"to": "{{ .Nonsense }}"}, "can't evaluate field Nonsense"),
    ],
)
async def test_a_message_that_cannot_be_made_is_final(changes, part):
    """Nonsense in the settings is said, not tried for days."""
    outcome = await attempt(1, **changes)
    assert outcome.kind is FAILED
    assert part in outcome.detail


async def test_implicit_tls_for_another_name(tmp_path):
    """Behind a load balancer the certificate is for `server_name`, which is checked from the first byte too."""
    authority = trustme.CA()
    issued = authority.issue_cert("mail.test")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    ca = authority.cert_pem.bytes().decode()
    paths = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with mail_sink(tmp_path / "o", "--smtps", *paths) as sink:
        for name, kind in (("mail.test", OK), ("other.test", RETRY), ("", RETRY)):
            tls = TlsOptions(ca=ca, server_name=name)
            assert (await attempt(sink.port, implicit_tls=True, tls=tls)).kind is kind, name
        assert len(sink.records()) == 1
    assert (await attempt(sink.port, implicit_tls=True, tls=TlsOptions(server_name="mail.test"))).kind is RETRY


async def test_a_group_is_one_thread_over_starttls(tmp_path):
    """News of a group answer the same message, with text and HTML; another group, or another day where asked, does not."""
    later = SystemClock()
    fired, ends = notification(), notification(ended(SIGNING_FAILED), id="018bcfe568007000800000000000abce")
    other = notification(group_key='{}:{alertname="Other"}')
    with mail_sink(tmp_path / "o", "--starttls") as sink:
        options = EmailOptions(
            to="a@x.test",
            sender="am@x.test",
            smarthost=("127.0.0.1", sink.port),
            tls=TlsOptions(insecure_skip_verify=True),
        )
        channel = EmailChannel(options, templates=load_templates((), now_ns=lambda: 0), clock=later)
        for told in (fired, ends, other):
            assert (await channel.send(told, done=frozenset())).kind is OK
        by_day = EmailChannel(
            replace(options, thread_by_day=True), templates=load_templates((), now_ns=lambda: 0), clock=later
        )
        assert (await by_day.send(fired, done=frozenset())).kind is OK
        records = sink.records()
    assert all(record["tls"] for record in records)
    heads = [dict(record["headers"]) for record in records]
    assert heads[0]["References"] == heads[0]["In-Reply-To"] == heads[1]["References"]
    assert len({head["References"] for head in heads}) == 3
    assert len({head["Message-ID"] for head in heads[:2]}) == 2
    assert heads[1]["Subject"].startswith("[RESOLVED]")
    assert all("multipart/alternative" in head["Content-Type"] for head in heads)
