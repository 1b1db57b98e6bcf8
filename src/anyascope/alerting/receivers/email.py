"""`email_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.fields import parse_smarthost
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.model.channels.email import EmailOptions
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.http_settings import read_tls
from anyascope.wire.settings import Section

SMTPS_PORT = 465


def _read(section: Section, inherited: GlobalOptions) -> EmailOptions:
    to = section.text("to", "")
    if not to:
        section.wrong("missing to address in email config")
    smarthost = section.parsed("smarthost", parse_smarthost, None) or inherited.smtp_smarthost
    if smarthost is None:
        section.wrong("no global SMTP smarthost set")
    sender = section.text("from", "") or inherited.smtp_from
    if not sender:
        section.wrong("no global SMTP from set")
    tls = read_tls(section.section("tls_config")) if section.has("tls_config") else inherited.smtp_tls
    implicit_tls = section.boolean("force_implicit_tls", inherited.smtp_implicit_tls)
    is_implicit = implicit_tls if implicit_tls is not None else smarthost is not None and smarthost[1] == SMTPS_PORT
    headers = _read_headers(section)
    is_threaded, is_by_day = _read_threading(section, headers)
    return EmailOptions(
        to=to,
        sender=sender,
        smarthost=smarthost or ("", 0),
        hello=section.text("hello", "") or inherited.smtp_hello,
        auth_username=section.text("auth_username", "") or inherited.smtp_auth_username,
        auth_password=_read_own_secret(section, "auth_password") or inherited.smtp_auth_password,
        auth_secret=_read_own_secret(section, "auth_secret") or inherited.smtp_auth_secret,
        auth_identity=section.text("auth_identity", "") or inherited.smtp_auth_identity,
        headers=headers,
        html=section.text("html", "") if section.has("html") else None,
        text=section.text("text", "") if section.has("text") else None,
        require_tls=section.boolean("require_tls", inherited.smtp_require_tls),
        implicit_tls=is_implicit,
        thread_by_group=is_threaded,
        thread_by_day=is_by_day,
        tls=tls,
    )


def _read_headers(section: Section) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name, value in section.text_map("headers").items():
        canonical = "-".join(part.capitalize() for part in name.split("-"))
        if canonical in found:
            section.wrong(f'duplicate header "{canonical}" in email config', name="headers")
        if not canonical or any(char <= " " or char == ":" or char > "~" for char in canonical):
            section.wrong(f'"{name}" is not a header name', name="headers")
        found[canonical] = value
    return tuple(found.items())


def _read_own_secret(section: Section, name: str) -> Secret | None:
    """Unlike in `global`, both may be given: the file counts."""
    text, path = section.text(name, ""), section.text(f"{name}_file", "")
    if path:
        return SecretFile(str(section.beside(path)))
    return Secret(text) if text else None


def _read_threading(section: Section, headers: tuple[tuple[str, str], ...]) -> tuple[bool, bool]:
    """Whether a group's messages make a thread, and whether one for each day. Unset it is ours: one thread a group."""
    names = [name for name, _ in headers if name in ("References", "In-Reply-To")]
    if not section.has("threading"):
        return not names, False
    inner = section.section("threading")
    enabled = inner.boolean("enabled", False)
    by_date = inner.text("thread_by_date", "")
    for name in names if enabled else ():
        section.wrong(f"conflicting configuration: threading.enabled conflicts with custom {name} header")
    if enabled and by_date not in ("daily", "none"):
        inner.wrong("threading.thread_by_date must be either 'none' or 'daily'", name="thread_by_date")
    inner.done("config.ThreadingConfig")
    return enabled, enabled and by_date == "daily"


EMAIL: Final = Kind("email", _read, is_resolved_sent=False)
