"""E-mail by SMTP, with STARTTLS unless the settings say otherwise.

Source: RFC 5321, RFC 3207; fields and defaults as Alertmanager's `email_config`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, parseaddr
from typing import Final

import aiosmtplib

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import AlertSeverity
from anyascope.model.channels.email import EmailOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Outcome
from anyascope.notify.templates import Templates
from anyascope.semconv.alerts import severity_of
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.hosts import is_loopback
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.data import group_hash
from anyascope.wire.notices.email import email_html, email_text, with_notice
from anyascope.wire.notices.plain import template_notice
from anyascope.wire.tls import tls_context

DEFAULT_SUBJECT: Final = '{{ template "email.default.subject" . }}'
RECIPIENTS_MAX = 100  # what every server takes for one message (RFC 5321, section 4.5.3.1.8)
SUBJECT_CHARS_MAX = 500
THREAD_CHARS = 32  # of a group's hash; as good as all of it, and the line stays short


class _RefusedError(Exception):
    """The session cannot go on; `str` says why, without secrets."""


@dataclass(slots=True)
class _Recipients:
    """What the server said of each."""

    accepted: list[str]
    refused: list[str]
    deferred: list[str]
    answers: list[str]


class EmailChannel:
    """One message a notification, to all recipients; each recipient's fate counts for itself."""

    def __init__(self, options: EmailOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
        self._clock = clock

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        try:
            message, recipients, note = self._message(notification)
        except (TemplateError, ValueError) as error:
            return Outcome(AttemptOutcome.FAILED, shown(f"the message cannot be made: {error}", ()))
        waiting = [address for address in recipients if address not in done]
        if not waiting:
            return Outcome(AttemptOutcome.OK, "nobody left to tell")
        try:
            outcome = await self._deliver(message, waiting)
        except (aiosmtplib.SMTPException, OSError, InvalidInputError, _RefusedError) as error:
            return Outcome(AttemptOutcome.RETRY, shown(_words(error), self._secrets()))
        detail = shown(outcome.detail + note, self._secrets())
        return Outcome(outcome.kind, detail, parts_done=outcome.parts_done)

    async def close(self) -> None:
        """Each message has a connection of its own."""

    def _secrets(self) -> tuple[str, ...]:
        secrets = (self._options.auth_password, self._options.auth_secret)
        with contextlib.suppress(InvalidInputError):
            return tuple(secret.reveal() for secret in secrets if secret is not None)
        return ()

    # --- the message --------------------------------------------------------------------------------------------------

    def _message(self, notification: Notification) -> tuple[EmailMessage, list[str], str]:
        """The message, its recipients, and what had to be replaced in it.

        Raises:
            TemplateError: a recipient's or sender's template failed.
            ValueError: no recipient, too many, or a sender that is no address.
        """
        to = self._templates.render(self._options.to, notification)
        sender = self._templates.render(self._options.sender, notification)
        recipients = list(dict.fromkeys(address for _, address in getaddresses([to]) if "@" in address))
        if not 1 <= len(recipients) <= RECIPIENTS_MAX:
            raise ValueError(f"to must hold 1 to {RECIPIENTS_MAX} addresses, got {len(recipients)}")
        if "@" not in parseaddr(sender)[1]:
            raise ValueError("from must be one address")
        note, texts = "", dict(self._options.headers)
        try:
            headers = self._headers(notification, texts, to=to, sender=sender)
            text, html = self._bodies(notification)
        except TemplateError as error:
            # A page in our layout is worth more than none in the receiver's own.
            note = f"; in the default layout, since {error}"
            headers = self._headers(notification, {}, to=to, sender=sender)
            text, html = with_notice(email_text(notification), email_html(notification), template_notice(error))
        message = EmailMessage(policy=policy.SMTP)
        for name, value in headers.items():
            message[name] = value
        text, html = with_notice(text, html, notification.notice)
        if text or not html:
            message.set_content(text, cte="quoted-printable")
        if html and text:
            message.add_alternative(html, subtype="html", cte="quoted-printable")
        elif html:
            message.set_content(html, subtype="html", cte="quoted-printable")
        return message, recipients, note

    def _headers(self, notification: Notification, texts: dict[str, str], *, to: str, sender: str) -> dict[str, str]:
        domain = parseaddr(sender)[1].rpartition("@")[2]
        now = datetime.fromtimestamp(self._clock.now_ns() // NS_PER_S, tz=UTC)
        headers = {
            "From": sender,
            "To": to,
            "Subject": DEFAULT_SUBJECT,
            "Date": format_datetime(now),
            # The same after a crash, so that a message that was sent twice shows as one.
            "Message-ID": f"<{notification.id}@{domain}>",
            "Auto-Submitted": "auto-generated",
        }
        if self._options.thread_by_group:
            # A message that was never sent: readers make a thread of those that answer the same one.
            day = f"-{now:%Y-%m-%d}" if self._options.thread_by_day else ""
            root = f"<group-{group_hash(notification)[:THREAD_CHARS]}{day}@{domain}>"
            headers["In-Reply-To"] = headers["References"] = root
        if any(
            alert.is_firing and severity_of(alert.labels) is AlertSeverity.CRITICAL for alert in notification.alerts
        ):
            headers |= {"Importance": "high", "X-Priority": "1"}
        headers |= texts
        rendered = {name: self._templates.render(text, notification) for name, text in headers.items()}
        # A line break in a label must not begin a header.
        return {name: " ".join(text.split())[:SUBJECT_CHARS_MAX] for name, text in rendered.items()}

    def _bodies(self, notification: Notification) -> tuple[str, str]:
        text, html = self._options.text, self._options.html
        return (
            email_text(notification) if text is None else self._templates.render(text, notification),
            email_html(notification) if html is None else self._templates.render(html, notification, is_html=True),
        )

    # --- the conversation ---------------------------------------------------------------------------------------------

    async def _deliver(self, message: EmailMessage, recipients: list[str]) -> Outcome:
        options = self._options
        host, port = options.smarthost
        context = tls_context(options.tls)
        sock = None
        if options.implicit_tls and options.tls.server_name:
            # The library checks the certificate for the name that it connects to; a connection of ours frees the name.
            sock = await asyncio.to_thread(socket.create_connection, (host, port), options.timeout_s)
            sock.setblocking(False)
        client = aiosmtplib.SMTP(
            hostname=host if sock is None else options.tls.server_name,
            port=port if sock is None else None,
            sock=sock,
            local_hostname=options.hello,
            timeout=options.timeout_s,
            use_tls=options.implicit_tls,
            start_tls=False,
            tls_context=context if options.implicit_tls else None,
        )
        await client.connect()
        try:
            await client.ehlo()
            is_secure = options.implicit_tls
            if options.require_tls and not is_secure:
                if not client.supports_extension("starttls"):
                    raise _RefusedError(f"require_tls is true (the default), but {host}:{port} does not offer STARTTLS")
                await client.starttls(tls_context=context, server_hostname=options.tls.server_name or host)
                await client.ehlo()
                is_secure = True
            await self._login(client, is_secure=is_secure or is_loopback(host))
            return await _transact(client, message, recipients)
        finally:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            client.close()

    async def _login(self, client: aiosmtplib.SMTP, *, is_secure: bool) -> None:
        options = self._options
        if not options.auth_username or not client.supports_extension("auth"):
            return
        offered = client.esmtp_extensions.get("auth", "").upper().replace("=", " ").split()
        if options.auth_secret is not None and "CRAM-MD5" in offered:
            await client.auth_crammd5(options.auth_username, options.auth_secret.reveal())
            return
        if options.auth_password is None:
            raise _RefusedError(f"no password for any of the server's ways to log in: {' '.join(offered)}")
        if not is_secure:
            raise _RefusedError("the password is not sent over a connection without TLS; set require_tls: true")
        password = options.auth_password.reveal()
        if "PLAIN" in offered:
            parts = (options.auth_identity, options.auth_username, password)
            initial = base64.b64encode("\0".join(parts).encode())
            answer = await client.execute_command(b"AUTH", b"PLAIN", initial)
            if answer.code != 235:
                raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)
        elif "LOGIN" in offered:
            await client.auth_login(options.auth_username, password)
        else:
            raise _RefusedError(f"the server offers no way to log in that we know: {' '.join(offered)}")


async def _transact(client: aiosmtplib.SMTP, message: EmailMessage, recipients: list[str]) -> Outcome:
    """One message: 4xx may be tried again, 5xx is final, for the sender and the message as for each recipient."""
    sender = parseaddr(str(message["From"]))[1]
    try:
        await client.mail(sender)
        told = await _offer(client, recipients)
        if not told.accepted:
            kind = AttemptOutcome.RETRY if told.deferred else AttemptOutcome.FAILED
            return Outcome(kind, "; ".join(told.answers), parts_done=tuple(told.refused) if told.deferred else ())
        answer = await client.data(message.as_bytes())
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
        kind = AttemptOutcome.FAILED if error.code >= 500 else AttemptOutcome.RETRY
        return Outcome(kind, f"{error.code} {error.message}")
    detail = "; ".join([f"{answer.code} {answer.message}", *told.answers])
    kind = AttemptOutcome.RETRY if told.deferred else AttemptOutcome.OK
    return Outcome(kind, detail, parts_done=(*told.accepted, *told.refused))


async def _offer(client: aiosmtplib.SMTP, recipients: list[str]) -> _Recipients:
    told = _Recipients([], [], [], [])
    for recipient in recipients:
        try:
            await client.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as error:
            (told.refused if error.code >= 500 else told.deferred).append(recipient)
            told.answers.append(f"{recipient}: {error.code} {error.message}")
        else:
            told.accepted.append(recipient)
    return told


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) if isinstance(error, _RefusedError | InvalidInputError) else f"{type(error).__name__}: {error}"
