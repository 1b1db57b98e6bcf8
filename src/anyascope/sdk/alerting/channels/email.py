"""E-mail by SMTP, with STARTTLS unless you say otherwise.

Source: RFC 5321, RFC 3207, RFC 5322 (threading), RFC 3834 (automatic messages).
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert, fingerprint_of
from anyascope.sdk.alerting.channel import Parts, SendError, current_turn, send_id
from anyascope.sdk.alerting.channels.base import EVERY_SEVERITY, Channel, given, given_list, is_alert
from anyascope.sdk.alerting.channels.http import TIMEOUT_S
from anyascope.sdk.alerting.notice import FIRST_TURN, notification_of
from anyascope.sdk.alerting.texts import text_of
from anyascope.sdk.guard import as_number, as_text, report_misuse
from anyascope.wire.hosts import is_loopback
from anyascope.wire.notices.answers import shown

if TYPE_CHECKING:
    import smtplib
    import ssl
    from email.message import EmailMessage

RECIPIENTS_MAX = 100  # what every server takes for one message (RFC 5321, section 4.5.3.1.8)
SUBJECT_CHARS_MAX = 500
PORT_MAX = 65_535
DEFAULT_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}

_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)  # fits into a Message-ID as it is

Security = Literal["starttls", "tls", "none"]


@dataclass(slots=True)
class _Told:
    """What the server said of each recipient."""

    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


class EmailChannel(Channel):
    """One message a send, to all recipients; each recipient's fate counts for itself.

    Args:
        host: of the mail server.
        port: 0 is the usual one: 587 with STARTTLS, 465 with TLS, 25 without.
        sender: who it comes from, one address.
        recipients: one address or several, at most `RECIPIENTS_MAX`.
        username, password: for the server, where it wants them; a password never travels without TLS but on loopback.
        security: `starttls` (refused where the server does not offer it), `tls` from the first byte, or `none`.
        tls: how the server is verified; the machine's authorities where None.
        name: by which policies know it.
        severities: those that are told here.
        timeout_s: seconds for each step of the conversation, up to 30.
    """

    def __init__(  # noqa: PLR0913  # all but two by keyword
        self,
        host: str,
        port: int = 0,
        *,
        sender: str,
        recipients: str | Iterable[str],
        username: str = "",
        password: str = "",
        security: Security = "starttls",
        tls: ssl.SSLContext | None = None,
        name: str = "email",
        severities: Iterable[AlertSeverity] = EVERY_SEVERITY,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(name, severities=severities, timeout_s=timeout_s)
        self._host = given(host, "host")
        self._security: str = _known_security(security)
        self._port = _known_port(port) or DEFAULT_PORTS[self._security]
        self._sender = given(sender, "sender")
        self._recipients = given_list(recipients, "recipients", most=RECIPIENTS_MAX)
        self._username = given(username, "username")
        self._password = given(password, "password")
        self._tls = tls
        self._parts = Parts()

    def send_alert(self, alert: Alert) -> None:
        """Send it to all recipients that have not got this send yet.

        Raises:
            SendError: the server did not take it, or not for all.
        """
        if not is_alert(alert):
            return
        import smtplib  # noqa: PLC0415  # loads with the first mail, not with the service

        send = send_id(alert)
        waiting = self._parts.waiting(send, [address for address in self._recipients if "@" in address])
        if not waiting:
            raise SendError("there is nobody to write to", is_final=True)
        try:
            message = self._message(alert)
            told = self._deliver(message, waiting)
        except smtplib.SMTPResponseException as error:
            text = (
                error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            raise SendError(self._shown(f"{error.smtp_code} {text}"), is_final=_is_final(error)) from None
        except ValueError as error:
            raise SendError(self._shown(f"the message cannot be made: {error}"), is_final=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise SendError(self._shown(f"{type(error).__name__}: {error}")) from None
        self._judge(send, told)

    def _judge(self, send: str, told: _Told) -> None:
        for recipient in (*told.accepted, *told.refused):
            self._parts.through(send, recipient)
        if not told.deferred:
            self._parts.forget(send)
        if told.deferred or told.refused:
            raise SendError(self._shown("; ".join(told.answers)), is_final=not told.deferred)

    def _shown(self, text: str) -> str:
        return shown(text, (self._password,))

    # --- the message --------------------------------------------------------------------------------------------------

    def _message(self, alert: Alert) -> EmailMessage:
        """The message.

        Raises:
            ValueError: the sender is no address.
        """
        from email import policy  # noqa: PLC0415  # as above
        from email.message import EmailMessage  # noqa: PLC0415
        from email.utils import formatdate, parseaddr  # noqa: PLC0415

        from anyascope.wire.notices.email import email_html, email_text  # noqa: PLC0415

        address = parseaddr(self._sender)[1]
        if "@" not in address:
            raise ValueError("the sender is no address")
        notification = notification_of(alert, receiver=self.channel_name())
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = subject(alert)
        message["Date"] = formatdate(time.time())
        for name, value in thread_headers(alert, domain=address.rpartition("@")[2]).items():
            message[name] = value
        message["Auto-Submitted"] = "auto-generated"
        if alert.severity is AlertSeverity.CRITICAL:
            message["Importance"] = "high"
            message["X-Priority"] = "1"
        message.set_content(email_text(notification), cte="quoted-printable")
        message.add_alternative(email_html(notification), subtype="html", cte="quoted-printable")
        return message

    # --- the conversation ---------------------------------------------------------------------------------------------

    def _deliver(self, message: EmailMessage, recipients: list[str]) -> _Told:
        client = self._connect()
        try:
            client.ehlo_or_helo_if_needed()
            is_secure = self._security == "tls"
            if self._security == "starttls":
                if not client.has_extn("starttls"):
                    raise OSError(f"{self._host}:{self._port} does not offer STARTTLS, which `security` asks for")
                client.starttls(context=self._context())
                client.ehlo()
                is_secure = True
            self._login(client, is_secure=is_secure or is_loopback(self._host))
            return _transact(client, message, recipients)
        finally:
            with contextlib.suppress(Exception):
                client.quit()
            client.close()

    def _connect(self) -> smtplib.SMTP:
        import smtplib  # noqa: PLC0415  # as above
        import socket  # noqa: PLC0415  # as above

        hello = socket.gethostname()  # the library's own way asks DNS, which may take long
        if self._security == "tls":
            return smtplib.SMTP_SSL(
                self._host, self._port, local_hostname=hello, timeout=self._timeout_s, context=self._context()
            )
        return smtplib.SMTP(self._host, self._port, local_hostname=hello, timeout=self._timeout_s)

    def _login(self, client: smtplib.SMTP, *, is_secure: bool) -> None:
        if not self._username:
            return
        if not is_secure:
            raise OSError("the password is not sent over a connection without TLS")
        client.login(self._username, self._password)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            import ssl  # noqa: PLC0415  # as above

            self._tls = ssl.create_default_context()
        return self._tls


def subject(alert: Alert) -> str:
    """One line; the same at each repeat, so that mail readers thread them."""
    text = f"[{alert.severity.value.upper()}] {alert.title} ({alert.source_component})"
    # A line break in a title must not begin a header.
    return " ".join(text.split())[:SUBJECT_CHARS_MAX]


def thread_headers(alert: Alert, *, domain: str) -> dict[str, str]:
    """`Message-ID`, the same at each attempt of a send; repeats and higher levels answer the alert's first one."""
    identity = alert.id if _SOUND_ID.fullmatch(alert.id) else fingerprint_of(alert)
    root = f"<alert-{identity}@{domain}>"
    name = current_turn()
    if name in ("", FIRST_TURN):
        return {"Message-ID": root}
    return {"Message-ID": f"<alert-{identity}.{name}@{domain}>", "In-Reply-To": root, "References": root}


def _transact(client: smtplib.SMTP, message: EmailMessage, recipients: list[str]) -> _Told:
    """One message; raises what the server said of the sender or of the message as a whole."""
    import smtplib  # noqa: PLC0415  # as above
    from email.utils import parseaddr  # noqa: PLC0415  # as above

    sender = parseaddr(str(message["From"]))[1]
    code, said = client.mail(sender)
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, said, sender)
    told = _Told()
    for recipient in recipients:
        code, said = client.rcpt(recipient)
        if code in (250, 251):
            told.accepted.append(recipient)
            continue
        (told.refused if code >= 500 else told.deferred).append(recipient)
        told.answers.append(f"{recipient}: {code} {said.decode('utf-8', 'replace')}")
    if told.accepted:
        code, said = client.data(message.as_bytes())
        if code != 250:
            raise smtplib.SMTPDataError(code, said)
    return told


def _is_final(error: smtplib.SMTPResponseException) -> bool:
    """5xx is final; but a login that was refused may be the server's bad hour, and somebody may mend the password."""
    import smtplib  # noqa: PLC0415  # as above

    return error.smtp_code >= 500 and not isinstance(error, smtplib.SMTPAuthenticationError)


def _known_security(value: object) -> str:
    text = as_text(value)
    if text in DEFAULT_PORTS:
        return text
    report_misuse(f"security must be one of {', '.join(DEFAULT_PORTS)}, got {type(value).__name__}")
    return "starttls"


def _known_port(value: object) -> int:
    number = as_number(value)
    if isinstance(number, int) and 0 <= number <= PORT_MAX:
        return number
    report_misuse(f"port must be 0 to {PORT_MAX}, got {text_of(value, chars_max=100)}")
    return 0
