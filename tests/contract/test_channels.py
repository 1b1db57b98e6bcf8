"""What every channel does with a far end's answers, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from anyascope.clock import SystemClock
from anyascope.model.channels.email import EmailOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.http import BasicAuth, HttpOptions, TlsOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret, SecretFile
from anyascope.notify.channels.registry import build_channel
from anyascope.notify.templates import load_templates
from support.notifications import notification
from support.ports import free_port
from support.sinks import Sink, http_sink, mail_sink

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED
TOKEN = "tok-that-nobody-may-see"
PASSWORD = "pass-that-nobody-may-see"


@dataclass(frozen=True)
class Kind:
    """A channel with the scripts that make its far end behave in each way."""

    name: str
    busy: tuple[str, ...]  # may be tried again
    refusing: tuple[str, ...]  # final
    silent: str

    def options(self, port: int, *, timeout_s: float = 30.0):
        if self.name == "email":
            return EmailOptions(
                to="Team <team@example.test>",
                sender="anyascope@example.test",
                smarthost=("127.0.0.1", port),
                auth_username="u",
                auth_password=Secret(PASSWORD),
                require_tls=False,
                timeout_s=timeout_s,
            )
        url = Secret(f"http://127.0.0.1:{port}/services/{TOKEN}")
        http = HttpOptions(basic_auth=BasicAuth(Secret("u"), Secret(PASSWORD)))
        if self.name == "slack":
            return SlackOptions(api_url=url, channel="#ops", timeout_s=timeout_s, http=http)
        return WebhookOptions(url=url, timeout_s=timeout_s, http=http)

    @contextmanager
    def far_end(self, tmp_path, *script: str) -> Iterator[Sink]:
        run = mail_sink if self.name == "email" else http_sink
        arguments = ("--script", ",".join(script)) if script else ()
        with run(
            tmp_path / "out.jsonl", *arguments, *(("--auth", f"u:{PASSWORD}") if self.name == "email" else ())
        ) as one:
            yield one


HTTP_BUSY = ("500", "503", "429", "408", "drop", "reset")
HTTP_REFUSING = ("400", "401", "403", "404", "410", "413")
KINDS = [
    Kind("webhook", HTTP_BUSY, HTTP_REFUSING, "hang=60"),
    Kind("slack", HTTP_BUSY, HTTP_REFUSING, "hang=60"),
    Kind(
        "email",
        ("mail=451", "rcpt=450", "data=451", "data=drop", "auth=454"),
        ("mail=550", "rcpt=550", "data=554"),
        "data=hang",
    ),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


def channel_of(options):
    return build_channel(options, templates=load_templates((), now_ns=lambda: 0), clock=SystemClock())


async def attempt(options, *, done=frozenset(), told=None):
    channel = channel_of(options)
    try:
        return await channel.send(told or notification(), done=done)
    finally:
        await channel.close()


async def test_delivers(kind, tmp_path):
    """A far end that takes it has it, once, and the outcome says so."""
    with kind.far_end(tmp_path) as sink:
        outcome = await attempt(kind.options(sink.port))
        assert (outcome.kind, outcome.is_more) == (OK, False)
        assert len(sink.records()) == 1


async def test_what_may_pass_is_tried_again(kind, tmp_path):
    """Each answer that stands for "not now" is an outcome to retry, and the next attempt goes through."""
    with kind.far_end(tmp_path, *kind.busy) as sink:
        channel = channel_of(kind.options(sink.port))
        outcomes = [await channel.send(notification(), done=frozenset()) for _ in kind.busy]
        assert [outcome.kind for outcome in outcomes] == [RETRY] * len(kind.busy), outcomes
        assert (await channel.send(notification(), done=frozenset())).kind is OK
        await channel.close()


async def test_a_refusal_is_final(kind, tmp_path):
    """Each answer that stands for "never" ends it, with the far end's words."""
    with kind.far_end(tmp_path, *kind.refusing) as sink:
        for script in kind.refusing:
            outcome = await attempt(kind.options(sink.port))
            assert outcome.kind is FAILED
            assert script.rpartition("=")[2] in outcome.detail


async def test_a_far_end_that_says_nothing_is_left_in_time(kind, tmp_path):
    """The channel's own time-out ends the attempt, which may be tried again."""
    with kind.far_end(tmp_path, kind.silent) as sink:
        async with asyncio.timeout(30):  # half of how long the far end is silent
            outcome = await attempt(kind.options(sink.port, timeout_s=0.3))
        assert outcome.kind is RETRY


async def test_a_far_end_that_is_not_there_is_tried_again(kind):
    """Nobody listens: retry."""
    assert (await attempt(kind.options(free_port()))).kind is RETRY


async def test_secrets_are_never_in_an_outcome(kind, tmp_path):
    """Whatever the far end echoes, the journal does not learn addresses' tokens or passwords."""
    echo = f"rejected {TOKEN} {PASSWORD}"
    scripts = [f"{code}:body={echo.replace(' ', '%20')}" for code in ("400", "500", "403")]
    if kind.name == "email":
        scripts = ["auth=535"]
    with kind.far_end(tmp_path, *scripts) as sink:
        for _ in scripts:
            outcome = await attempt(kind.options(sink.port))
            assert outcome.kind is not OK
            assert TOKEN not in outcome.detail
            assert PASSWORD not in outcome.detail
            assert TOKEN not in repr(kind.options(sink.port))
            assert PASSWORD not in repr(kind.options(sink.port))


async def test_the_notification_can_be_recognised(kind, tmp_path):
    """Two attempts at one notification carry the same id, so that a repeat after a crash shows."""
    with kind.far_end(tmp_path) as sink:
        for _ in range(2):
            await attempt(kind.options(sink.port))
        records = sink.records()
        header = "Message-ID" if kind.name == "email" else "Idempotency-Key"
        ids = [dict(record["headers"])[header] for record in records]
        assert len(set(ids)) == 1
        assert notification().id in ids[0]


async def test_a_secret_file_that_cannot_be_read_is_tried_again(kind, tmp_path):
    """A rotated secret that is missing for a moment loses no page."""
    with kind.far_end(tmp_path) as sink:
        options = kind.options(sink.port)
        missing = SecretFile(str(tmp_path / "secret"))
        name = {"email": "auth_password", "slack": "api_url", "webhook": "url"}[kind.name]
        secret = getattr(options, name).reveal()
        broken = replace(options, **{name: missing})
        assert (await attempt(broken)).kind is RETRY
        (tmp_path / "secret").write_text(secret + "\n")
        assert (await attempt(broken)).kind is OK


async def test_tls_is_verified(kind, tmp_path):
    """A certificate that nobody vouches for is not spoken to, unless it is named or checks are off."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key, ca = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    run = mail_sink if kind.name == "email" else http_sink
    extra = ("--starttls", "--auth", f"u:{PASSWORD}") if kind.name == "email" else ()
    with run(tmp_path / "out.jsonl", "--cert", str(certificate), "--key", str(key), *extra) as sink:
        options = kind.options(sink.port)

        def with_tls(tls):
            if kind.name == "email":
                return replace(options, require_tls=True, tls=tls)
            name = "api_url" if kind.name == "slack" else "url"
            url = Secret(getattr(options, name).reveal().replace("http:", "https:"))
            return replace(options, http=replace(options.http, tls=tls), **{name: url})

        assert (await attempt(with_tls(TlsOptions()))).kind is RETRY
        assert (await attempt(with_tls(TlsOptions(ca_file=ca)))).kind is OK
        assert (await attempt(with_tls(TlsOptions(ca=ca.read_text(), server_name="localhost")))).kind is OK
        assert (await attempt(with_tls(TlsOptions(ca=ca.read_text(), server_name="other.test")))).kind is RETRY
        assert (await attempt(with_tls(TlsOptions(insecure_skip_verify=True)))).kind is OK
        assert (await attempt(with_tls(TlsOptions(ca_file=tmp_path / "none.pem")))).kind is RETRY
        assert len(sink.records()) == 3
